"""Nobody is told of no open orders where nobody has read them."""

import json
import re

import pytest
from django.utils.timezone import now

from orders.models import Account
from tests.helpers.screens import folded, known_order, page, signed_in, url

LIST = "orders_order_changelist"


@pytest.fixture
def second(firm):
    return firm.new_account("Beta", firm.momentum, is_bound=False)


def read(*accounts):
    Account.objects.filter(pk__in=[account.pk for account in accounts]).update(synced_at=now())


def counted(client):
    """What the overview and its counts say of all accounts."""
    overview = folded(client.get(url("index")))
    shown = re.search(r'data-count="open_orders">([^<]*)<', overview)[1]
    told = re.search(r'data-counts="([^"]*)"', folded(client.get(url("counts"))))[1]
    assert json.loads(told.replace("&quot;", '"'))["open_orders"] == shown
    return shown


def test_the_overview_says_how_far_the_orders_were_read(firm, second):
    operator = signed_in(firm.operator)
    assert counted(operator) == "not read yet"
    read(firm.account)
    assert counted(operator) == "0 so far"
    known_order(firm.account, 28_000_000_042)
    assert counted(operator) == "1 so far"
    read(firm.account, second)
    assert counted(operator) == "1"


@pytest.mark.parametrize("name", ["orders_account_changelist", "index"])
def test_each_account_says_whether_its_orders_were_read(firm, second, name):
    read(firm.account)
    text = page(signed_in(firm.operator), name)
    assert text.count("not read yet") == 1


def test_an_empty_list_says_what_was_not_read(firm, second):
    operator = signed_in(firm.operator)
    read(firm.account)
    assert "Not read yet: the open orders of 1 of 2 accounts" in page(operator, LIST)
    read(firm.account, second)
    assert "Not read yet" not in page(operator, LIST)
