"""Screens beside odd rows: the trouble stands where people look, and no page fails for a gap."""

import pytest
from django.utils.timezone import now

from orders.models import Account, CancelJob
from tests.helpers.bulk import ask_by_scope, tick
from tests.helpers.screens import click, folded, known_order, page, signed_in

GAPS = {
    "side": "",
    "order_type": "",
    "price": "",
    "price_number": None,
    "initial_amount": "",
    "filled_amount": "",
    "cancelled_amount": "",
    "open_amount_number": None,
    "reduce_only": None,
    "created_at": None,
    "updated_at": None,
    "trouble": "Could not be read when the open orders were last read: side.",
}
TROUBLE = (
    '1 of 21 rows of the open orders could not be read: row 21: {"a": 1}. 20 orders are known; '
    "ask the exchange about the rest."
)


@pytest.fixture
def gaps(firm):
    """An order of which nothing but its id and symbol could be read."""
    known_order(firm.account, 28_000_000_041)
    return known_order(firm.account, 28_000_000_042, **GAPS)


@pytest.mark.parametrize(
    "name", ["orders_order_changelist", "orders_account_changelist", "index", "page"]
)
def test_rows_that_could_not_be_read_are_told_wherever_a_books_age_is(firm, name):
    Account.objects.filter(pk=firm.account.pk).update(book_trouble=TROUBLE, synced_at=now())
    args = ("orders_account_page", firm.account.pk) if name == "page" else (name,)
    text = page(signed_in(firm.operator), *args).replace("&quot;", '"')
    assert TROUBLE in text


def test_a_panics_page_says_that_its_count_leaves_out_what_could_not_be_read(firm):
    Account.objects.filter(pk=firm.account.pk).update(book_trouble=TROUBLE, synced_at=now())
    text = page(signed_in(firm.operator), "orders_panicline_warned", desk=firm.momentum.pk)
    assert f"may hold more than is counted.</b> {TROUBLE}" in text.replace("&quot;", '"')


@pytest.mark.parametrize("order_by", ["", "3", "-3", "4", "5", "-5", "6", "-6"])
def test_the_list_shows_an_order_with_gaps_however_it_is_sorted(firm, gaps, order_by):
    text = page(signed_in(firm.operator), "orders_order_changelist", o=order_by)
    assert "28000000042" in text
    assert "not read whole" in text


@pytest.mark.parametrize("query", [{"side": "bid"}, {"reduce_only": "no"}, {"type": "limit"}])
def test_a_filter_takes_no_gap_for_what_it_asks(firm, gaps, query):
    text = page(signed_in(firm.operator), "orders_order_changelist", **query)
    assert "28000000041" in text
    assert "28000000042" not in text


def test_an_orders_page_says_what_of_it_could_not_be_read(firm, gaps):
    text = page(signed_in(firm.operator), "orders_order_change", gaps.pk)
    assert f"{GAPS['trouble']} What is shown of it is as last known; ask the exchange." in text
    assert "reduce only: not known" in text


def test_an_order_with_gaps_is_cancelled_by_a_click(firm):
    firm.orders(1)
    order = known_order(firm.account, 28_000_000_099, **GAPS)
    assert click(signed_in(firm.operator), order).status_code == 200
    assert order.cancels.count() == 1


def test_orders_with_gaps_are_ticked_previewed_and_cancelled_by_scope(firm, gaps):
    client = signed_in(firm.head)
    text = folded(tick(client, [gaps]))
    assert "side unknown" in text
    assert '<td data-label="Placed">–</td>' in text
    preview = ask_by_scope(client, firm)
    assert "unknown" in folded(client.get(preview.url))


def test_a_scope_that_spares_reduce_only_spares_what_may_be(firm, gaps):
    client = signed_in(firm.head)
    answer = ask_by_scope(client, firm, spare_reduce_only="on")
    assert "Cancel 1 order" in folded(client.get(answer.url))
    assert not CancelJob.objects.exists()
