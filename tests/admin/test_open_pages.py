"""What open pages of orders are told: changed rows, how many orders are new, an order's facts."""

import re
from urllib.parse import urlencode

import pytest

from orders.audit import log, reader
from orders.models import Event
from tests.helpers.screens import click, folded, known_order, signed_in, url

pytestmark = pytest.mark.django_db
FIRST = 71_000_000_001


def asked(client, address, version=None):
    headers = {} if version is None else {"Desk-Version": str(version)}
    return client.get(address, headers=headers)


def rows_of(*orders):
    return f"{url('orders_order_rows')}?{urlencode([('order', order.pk) for order in orders])}"


def recorded(account, order_id=FIRST, name=None):
    """A record of an account that names one order."""
    line = log.OrderLine(
        account_id=account.pk, symbol="BTC", order_id=order_id, client_order_id=name
    )
    log.record(log.Fact(event=Event.SYNC, account=account, lines=(line,)))


def timeless(answer):
    """The text of an answer without what an age says in words."""
    return re.sub(r"(<time [^>]*>)[^<]*", r"\1", answer.content.decode())


def new_of(after, **filters):
    query = urlencode({"after": after, "list": urlencode(filters)})
    return f"{url('orders_order_new')}?{query}"


@pytest.fixture
def order(firm):
    return known_order(firm.account, FIRST)


# Rows


def test_a_row_is_told_whole_as_the_persons_list_has_it(firm, order):
    for person in (firm.operator, firm.viewer):
        client = signed_in(person)
        html = timeless(asked(client, rows_of(order)))
        assert html.startswith("<tr><th")
        assert html.removeprefix("<tr>") in timeless(client.get(url("orders_order_changelist")))


def test_an_order_that_ended_is_told_greyed_with_its_end(firm, order):
    order.state, order.order_status = "closed", "filled"
    order.save()
    html = asked(signed_in(firm.operator), rows_of(order)).content.decode()
    assert html.startswith('<tr class="dk-ended">')
    assert "Filled" in html
    assert "hx-post" not in html


def test_of_a_version_only_what_the_log_names_since_is_told(firm, order):
    client, other = signed_in(firm.operator), known_order(firm.account, FIRST + 1)
    version = asked(client, rows_of(order, other)).headers["Desk-Version"]
    assert asked(client, rows_of(order, other), version).status_code == 204
    recorded(firm.account, FIRST + 2)
    nothing = asked(client, rows_of(order, other), version)
    assert (nothing.status_code, nothing.content) == (204, b"")
    assert nothing.headers["Desk-Version"] == str(reader.tip())
    recorded(firm.account, other.order_id)
    html = asked(client, rows_of(order, other), version).content.decode()
    assert f'id="cell-{other.pk}"' in html
    assert f'id="cell-{order.pk}"' not in html


@pytest.mark.parametrize("name", ["F47AC10B-58CC", "f47ac10b-58cc"])
def test_an_order_named_by_its_client_order_id_alone_is_told(firm, name):
    order = known_order(firm.account, FIRST, client_order_id="F47AC10B-58CC")
    version = reader.tip()
    recorded(firm.account, None, name)
    assert asked(signed_in(firm.operator), rows_of(order), version).content


def test_rows_of_foreign_orders_are_not_told(firm):
    foreign = known_order(firm.foreign_account, FIRST)
    recorded(firm.foreign_account)
    for version in (None, 0):
        answer = asked(signed_in(firm.operator), rows_of(foreign), version)
        assert (answer.status_code, answer.content) == (204, b"")


def test_many_rows_cost_no_more_queries_than_one(firm, django_assert_num_queries):
    orders = [known_order(firm.account, FIRST + n) for n in range(30)]
    client = signed_in(firm.operator)
    for order in orders:
        click(client, order)
    for some in (orders[:1], orders):
        with django_assert_num_queries(11):
            asked(client, rows_of(*some), 0)


# New orders


def test_new_orders_are_counted_by_the_filter_of_the_list(firm, order):
    client = signed_in(firm.operator)
    assert asked(client, new_of(order.pk)).status_code == 204
    known_order(firm.account, FIRST + 1, symbol="ETH")
    known_order(firm.account, FIRST + 2)
    known_order(firm.account, FIRST + 3, state="closed")
    known_order(firm.foreign_account, FIRST + 4)
    assert "2 new orders, show" in folded(asked(client, new_of(order.pk)))
    told = asked(client, new_of(order.pk, symbol="ETH", o="-price", p="3"))
    assert "1 new order, show" in folded(told)
    assert 'href="/admin/orders/order/?symbol=ETH&amp;o=-price&amp;p=3"' in folded(told)


def test_a_count_that_is_shown_is_not_sent_again(firm, order):
    client = signed_in(firm.operator)
    recorded(firm.account)
    known_order(firm.account, FIRST + 1)
    version = asked(client, new_of(order.pk)).headers["Desk-Version"]
    recorded(firm.account)
    same = asked(client, new_of(order.pk), version)
    assert (same.status_code, same.content) == (204, b"")
    known_order(firm.account, FIRST + 2)
    recorded(firm.account)
    assert "2 new orders" in folded(asked(client, new_of(order.pk), same.headers["Desk-Version"]))


def test_many_new_orders_cost_no_more_queries_than_one(firm, django_assert_num_queries):
    client = signed_in(firm.operator)
    for n in range(12):
        known_order(firm.account, FIRST + n)
        if n in (0, 11):
            with django_assert_num_queries(10):
                asked(client, new_of(0))


@pytest.mark.parametrize("query", ["list=p%3Dx", "list=no%3D1", "after=x", "after=-1", "list=%00"])
def test_a_query_that_is_none_is_answered(firm, order, query):
    assert signed_in(firm.operator).get(f"{url('orders_order_new')}?{query}").status_code < 500


def test_a_list_has_the_place_of_the_line_from_the_start(firm, order):
    text = signed_in(firm.operator).get(url("orders_order_changelist"), {"symbol": "BTC"})
    assert f"after={order.pk}&amp;list=symbol%3DBTC" in text.content.decode()


# One order


def test_an_orders_page_is_told_its_facts_and_its_life(firm, order):
    client = signed_in(firm.operator)
    address = url("orders_order_facts", order.pk)
    version = asked(client, address).headers["Desk-Version"]
    recorded(firm.account, FIRST + 1)
    assert asked(client, address, version).status_code == 204
    order.state, order.order_status = "closed", "filled"
    order.save()
    recorded(firm.account)
    text = folded(asked(client, address, version))
    assert "Closed: filled" in text
    assert 'id="order-life" class="dk-page dk-flush" hx-swap-oob="true"' in text
    assert "dk-life" in text


def test_facts_of_a_foreign_order_are_missing(firm):
    foreign = known_order(firm.foreign_account, FIRST)
    answer = asked(signed_in(firm.operator), url("orders_order_facts", foreign.pk), reader.tip())
    assert answer.status_code == 404
