"""The newest rows of many owners: those that sorting all of them finds."""

import random
from datetime import timedelta

import pytest
from django.utils.timezone import now

from orders.models import Account, Order
from orders.models.newest import NEWEST_FIRST, count_up_to, newest
from tests.helpers.screens import known_order


@pytest.fixture
def orders(firm):
    """Sixty orders on two accounts, dated to few moments, some not at all; the third has none."""
    chance, began = random.Random(7), now()
    firm.new_account("Beta", firm.momentum)
    for number in range(60):
        account = firm.account if number % 7 else firm.foreign_account
        order = known_order(account, 81_000_000_000 + number, symbol=chance.choice("AB"))
        minutes = chance.choice([None, *range(12)])
        at = None if minutes is None else began - timedelta(minutes=minutes)
        Order.objects.filter(pk=order.pk).update(created_at=at)
    return Order.objects.all()


def of_all():
    return {"parts": [{"account": pk} for pk in Account.objects.values_list("pk", flat=True)]}


@pytest.mark.parametrize("many", [1, 2, 7, 30, 45, 60, 1000])
@pytest.mark.parametrize("symbol", ["", "A"])
def test_they_are_those_of_the_whole_list_in_its_order(orders, many, symbol):
    rows = orders.filter(symbol=symbol) if symbol else orders
    wanted = list(rows.order_by(*NEWEST_FIRST).values_list("pk", flat=True)[:many])
    assert newest(rows, many=many, **of_all()) == wanted
    assert count_up_to(rows, many=many, **of_all()) == len(wanted)


def test_only_owners_that_are_named_are_asked(orders, firm):
    theirs = orders.filter(account=firm.foreign_account).values_list("pk", flat=True)
    found = newest(orders, parts=[{"account": firm.foreign_account.pk}], many=1000)
    assert set(found) == set(theirs)
    assert newest(orders, parts=[], many=8) == []
    assert count_up_to(orders, parts=[], many=8) == 0


def test_once_there_are_enough_no_other_is_counted(orders, firm, django_assert_num_queries):
    parts = [{"account": firm.account.pk}, {"account": firm.foreign_account.pk}]
    with django_assert_num_queries(1):
        assert count_up_to(orders, parts=parts, many=20) == 20
