"""A list of order ids is frozen line by line, or each bad line is told with its reason."""

import pytest

from orders import listing, previews
from orders.models import Cancel, Preview
from orders.rights import NotAllowed
from tests.screens import known_order
from tests.test_previews import confirm

CLIENT_ORDER_ID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


def read_list(firm, text, symbol="BTC"):
    return listing.of_list(
        user=firm.operator,
        actor=firm.actor(),
        account_id=firm.account.pk,
        symbol=symbol,
        text=text,
    )


def test_a_pasted_list_is_frozen_line_by_line(firm):
    orders = firm.orders(2)
    stop = firm.order(order_type="stop_limit", stop_price="1")
    text = (
        f"order_id\n{orders[0].order_id}\n\n# comment\n{orders[1].order_id},BTC\n"
        f"{stop.order_id}\n29000000000,ETH,twap\n{CLIENT_ORDER_ID},kBONK,order\n"
    )
    preview, bad = read_list(firm, text)
    assert bad == []
    confirm(firm, preview, user=firm.operator)
    named = Cancel.objects.values_list("order_id", "client_order_id", "symbol", "kind")
    assert set(named) == {
        (orders[0].order_id, None, "BTC", "order"),
        (orders[1].order_id, None, "BTC", "order"),
        (stop.order_id, None, "BTC", "stop"),
        (29_000_000_000, None, "ETH", "twap"),
        (None, CLIENT_ORDER_ID, "kBONK", "order"),
    }


def test_every_bad_line_is_named_and_nothing_is_frozen(firm):
    preview, bad = read_list(firm, "28000000001\nhello\n0\n28000000001\n12,BTC,pizza\n")
    assert preview is None
    assert [line.number for line in bad] == [2, 3, 4, 5]
    assert "line 1" in bad[2].why
    assert not Preview.objects.exists()


def test_an_empty_list_says_so(firm):
    preview, bad = read_list(firm, "\n\n")
    assert preview is None
    assert "no order id" in bad[0].why


def test_a_foreign_account_takes_no_list(firm):
    with pytest.raises(NotAllowed):
        listing.of_list(
            user=firm.operator,
            actor=firm.actor(),
            account_id=firm.foreign_account.pk,
            symbol="BTC",
            text="1",
        )


def test_a_list_of_client_order_ids_costs_few_queries(firm, django_assert_max_num_queries):
    """Upper or lower case: one query for 500, not a scan of the account's orders for each."""
    ids = [f"f47ac10b-58cc-4372-a567-{n:012x}" for n in range(600)]
    known = known_order(firm.account, 71_000_000_000, client_order_id=ids[0], symbol="ETH")
    known_order(firm.account, 71_000_000_001, client_order_id=ids[1], state="closed")
    with django_assert_max_num_queries(12):
        preview, bad = read_list(firm, "\n".join([ids[0].upper(), *ids[1:]]))
    assert bad == []
    first, second, *_ = previews.frozen(preview)
    assert (first.order_pk, first.order_id, first.symbol) == (known.pk, known.order_id, "ETH")
    assert (second.order_pk, second.client_order_id) == (None, ids[1])
