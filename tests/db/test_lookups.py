"""Long lists of ids as one parameter."""

from django.db import connection

from orders.models import Cancel, Order


def test_any_finds_what_in_finds_with_one_parameter_however_long(firm):
    orders = firm.orders(4)
    ids = [order.pk for order in orders[:3]]
    assert set(Order.objects.filter(pk__any={None, *ids}).values_list("pk", flat=True)) == set(ids)
    found = Order.objects.filter(pk__any={*ids, 10**15})
    assert set(found.values_list("pk", flat=True)) == set(ids)
    assert len(str(found.query).split("IN (SELECT value" if _is_sqlite() else "ANY(")) == 2
    assert found.query.sql_with_params()[1] == (_listed([*ids, 10**15]),)


def test_any_of_nothing_is_nothing(firm):
    firm.order()
    assert not Order.objects.filter(pk__any=set()).exists()
    assert not Cancel.objects.filter(pk__any=set()).update(explanation="none")


def _is_sqlite():
    return connection.vendor == "sqlite"


def _listed(ids):
    listed = ",".join(map(str, ids))
    return f"[{listed}]" if _is_sqlite() else f"{{{listed}}}"
