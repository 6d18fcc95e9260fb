"""The newest rows of many owners: those that sorting all of them finds."""

import random
from datetime import timedelta

import pytest
from django.utils.timezone import now

from orders.models import Account, CancelJob, Desk, Order
from orders.models.newest import NEWEST_FIRST, newest
from tests.helpers.screens import known_order


@pytest.fixture
def orders(firm):
    """Sixty orders on two accounts, dated to few moments, some not at all."""
    chance, began = random.Random(7), now()
    for number in range(60):
        account = firm.account if number % 7 else firm.foreign_account
        order = known_order(account, 81_000_000_000 + number, symbol=chance.choice("AB"))
        minutes = chance.choice([None, *range(12)])
        at = None if minutes is None else began - timedelta(minutes=minutes)
        Order.objects.filter(pk=order.pk).update(created_at=at)
    return Order.objects.all()


@pytest.mark.parametrize("many", [1, 2, 7, 30, 45])
@pytest.mark.parametrize("symbol", ["", "A"])
def test_they_are_those_of_the_whole_list(orders, many, symbol):
    rows = orders.filter(symbol=symbol) if symbol else orders
    dated = rows.filter(created_at__isnull=False)
    found = newest(rows, owners=Account.objects.all(), link="account", many=many)
    if dated.count() >= many:
        wanted = [row.pk for row in dated.order_by(*NEWEST_FIRST)[:many]]
        assert [row.pk for row in found.filter(created_at__isnull=False)[:many]] == wanted
    else:
        assert {row.pk for row in found} == {row.pk for row in rows}


def test_less_is_read_than_there_is(orders):
    found = newest(orders, owners=Account.objects.all(), link="account", many=3)
    assert 3 <= found.count() < 20


def test_where_no_owner_has_so_many_all_are_there(orders):
    found = newest(orders, owners=Account.objects.all(), link="account", many=1000)
    assert found.count() == 60


def test_it_finds_nothing_where_there_is_nothing(firm):
    seen = Desk.objects.visible_to(firm.head)
    assert not newest(CancelJob.objects.all(), owners=seen, link="desk", many=8).exists()
    nobody = newest(CancelJob.objects.all(), owners=Desk.objects.none(), link="desk", many=8)
    assert not nobody.exists()
