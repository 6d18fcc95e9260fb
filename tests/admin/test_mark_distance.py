"""How far the mark is from an order: signed, by a stop's trigger, marked with its age, sortable."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from orders.admin.orders import mark_distance, order_row
from orders.admin.push import rows as push_rows
from orders.admin.push.limits import Limits
from orders.exchange import markets
from orders.models import Market, MarketWatch, Order
from tests.admin.test_lists import LIST, ids_in, many_orders
from tests.helpers.bulk import tick
from tests.helpers.counted import queries
from tests.helpers.screens import folded, known_order, page, signed_in, url

STOP = {"order_type": "stop_limit", "price": "1", "stop_price": "110"}


def marked(symbol="BTC", mark="100", seconds=0, **fields):
    """A market whose mark was read so long ago."""
    at = now() - timedelta(seconds=seconds)
    return Market.objects.create(symbol=symbol, mark=mark, marked_at=at, **fields)


def cell(firm, **query):
    """The class and the text of the first distance in the list."""
    text = page(signed_in(firm.operator), LIST, **query)
    return re.search(r'<td class="(c-away[^"]*)">(.*?)</td>', text).groups()


def order_of(firm, number=28_000_000_001, **fields):
    return known_order(firm.account, number, **fields)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"price": "101.25"}, "+1.25%"),
        ({"price": "95"}, "−5.00%"),
        ({"price": "100"}, "+0.00%"),
        ({"price": "100.004999999999999999999"}, "+0.00%"),
        ({"price": "99.98"}, "−0.02%"),
        ({"price": "2100"}, "+2,000%"),
        (STOP, "+10.00%"),
        ({"order_type": "stop_market", "price": "", "stop_price": "90"}, "−10.00%"),
        ({"order_type": "stop_limit", "price": "95", "stop_price": None}, "–"),
        ({"order_type": "limit", "price": "95", "stop_price": "0"}, "−5.00%"),
        ({"price": ""}, "–"),
        ({"price": "0"}, "–"),
        ({"price": "odd"}, "–"),
        ({"price": "NaN"}, "–"),
        ({"symbol": "ETH", "price": "95"}, "–"),
    ],
)
def test_the_distance_says_how_far_the_price_must_move(firm, fields, said):
    marked()
    order_of(firm, **fields)
    assert cell(firm) == ("c-away", said)


def test_a_closed_order_has_no_distance(firm):
    marked()
    order_of(firm, state="closed", closed_at=now())
    assert cell(firm, state="closed") == ("c-away", "–")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (25, ("c-away", "−5.00%")),
        (35, ("c-away dk-old", "−5.00%")),
        (170, ("c-away dk-old", "−5.00%")),
        (185, ("c-away dk-old", "–")),
        (-3600, ("c-away", "–")),
    ],
)
def test_an_old_mark_is_grey_and_then_none(firm, seconds, shown):
    marked(seconds=seconds)
    order_of(firm, price="95")
    assert cell(firm) == shown


def test_the_head_explains_the_column_and_tells_the_marks_age(firm):
    order_of(firm)
    text = page(signed_in(firm.operator), LIST)
    head = re.search(r'<th scope="col" class="c-away".*?</th>', text)[0]
    assert "<time" not in head
    at = marked().marked_at
    text = page(signed_in(firm.operator), LIST)
    head = re.search(r'<th scope="col" class="c-away".*?</th>', text)[0]
    assert f'title="{mark_distance.WHAT}"' in head
    assert at.isoformat(timespec="milliseconds").replace("+00:00", "Z") in head


# Sorting

SORTED = (  # nearest first; what has no distance comes last
    {"price": "101"},
    {"price": "97", "price_number": 97},
    STOP,
    {"symbol": "ETH", "price": "200"},
    {"order_type": "stop_market", "price": "", "stop_price": "1e5"},
    {"price": "0"},
    {"symbol": "OLD", "price": "100"},
    {"symbol": "NONE", "price": "100"},
)


def test_orders_sort_by_their_distance_either_way(firm):
    marked()
    marked("ETH", "100")
    marked("OLD", "100", seconds=400)
    for number, fields in enumerate(SORTED):
        order_of(firm, 28_000_000_009 - number, **fields)
    first_to_last = [str(28_000_000_009 - number) for number in range(4)]
    found = ids_in(page(signed_in(firm.operator), LIST, o="away"))
    assert found[:4] == first_to_last
    found = ids_in(page(signed_in(firm.operator), LIST, o="-away"))
    assert found[:4] == first_to_last[::-1]


def test_whole_prices_are_not_divided_as_whole_numbers(firm):
    marked(mark="100000")
    order_of(firm, 28_000_000_001, price="50000", price_number=50_000)
    order_of(firm, 28_000_000_002, price="90000", price_number=90_000)
    found = ids_in(page(signed_in(firm.operator), LIST, o="away"))
    assert found == ["28000000002", "28000000001"]


def test_the_longest_numbers_can_be_sorted(firm):
    marked(mark="9" * 40)
    order_of(firm, price="9" * 40 + "." + "9" * 20, price_number=None)
    assert cell(firm, o="away") == ("c-away", "+0.00%")


def test_the_number_of_queries_does_not_grow_with_the_list(firm):
    operator, counts = signed_in(firm.operator), []
    marked()
    for first, count in ((1, 1), (50, 90)):
        many_orders(firm, count, first=28_000_000_000 + first)
        many_orders(firm, 5, first=29_000_000_000 + first, symbol=f"S{first}")
        page(operator, LIST, o="away")
        with queries() as made:
            page(operator, LIST, o="away")
        counts.append(len(made))
    assert counts[0] == counts[1]


# A list that is open


def fresh(client, *orders):
    return client.get(url("orders_order_marks"), {"order": [order.pk for order in orders]})


def test_an_open_list_is_told_anew_and_that_somebody_looks(firm):
    markets.is_due(now())
    marked(seconds=40)
    order, foreign = order_of(firm, price="95"), known_order(firm.foreign_account, 66_000_000_001)
    page(signed_in(firm.operator), LIST)
    assert MarketWatch.objects.get().needed_at is None  # the page itself writes nothing
    text = folded(fresh(signed_in(firm.operator), order, foreign))
    assert f'<td class="c-away dk-old" data-of="{order.pk}">−5.00%</td>' in text
    assert "<time" in text
    assert f'data-of="{foreign.pk}"' not in text
    assert MarketWatch.objects.get().needed_at is not None


def test_who_sees_no_orders_asks_for_no_marks(firm):
    markets.is_due(now())
    firm.operator.memberships.all().delete()
    assert fresh(signed_in(firm.operator)).status_code == 403
    assert MarketWatch.objects.get().needed_at is None


def test_a_row_that_is_drawn_anew_keeps_its_distance(firm):
    marked()
    order = order_of(firm, price="95")
    asked = signed_in(firm.operator).get(url("orders_order_rows"), {"order": order.pk})
    assert "−5.00%" in folded(asked)
    change = type("Change", (), {"orders": {f"{order.account_id}-{order.order_id}"}})
    (row,) = push_rows.drawn([change], Limits()).values()
    assert "−5.00%" in row.for_acting
    assert "−5.00%" in row.for_looking


def test_few_orders_are_confirmed_with_distance_and_age(firm):
    marked(seconds=40, tick_size="0.01")
    orders = [order_of(firm, price="95"), order_of(firm, 28_000_000_002, symbol="ETH")]
    text = folded(tick(signed_in(firm.operator), orders))
    assert re.search(r'class="dk-number dk-old">\s*−5.00%\s*<small[^>]*><time', text)
    assert "95.00" in text


# Decimals


@pytest.mark.parametrize(
    ("number", "step", "shown"),
    [
        ("61000", "0.01", "61000.00"),
        ("61000.5", "0.01", "61000.50"),
        ("61000.505", "0.01", "61000.505"),
        ("61000.5000", "0.01", "61000.5000"),
        ("61000", "1", "61000"),
        ("61000.5", "1", "61000.5"),
        ("61000", "10", "61000"),
        ("61000", "", "61000"),
        ("61000", "0.0100", "61000.00"),
        ("5.", "0.1", "5.0"),
        ("1e5", "0.01", "1e5"),
        ("1.2e5", "0.0001", "1.2e5"),
        ("", "0.01", ""),
        ("odd", "0.01", "odd"),
        ("5", "0." + "0" * 39 + "1", "5." + "0" * 18),
    ],
)
def test_a_number_has_its_markets_decimals_and_loses_none(number, step, shown):
    assert order_row.padded(number, step) == shown


def test_prices_and_amounts_of_one_symbol_align(firm):
    Market.objects.create(symbol="BTC", tick_size="0.1", lot_size="0.001")
    order_of(firm, price="61000", filled_amount="0.25", open_amount_number=Decimal("0.5"))
    order_of(firm, 28_000_000_002, order_type="stop_limit", stop_price="61000", price="60900.25")
    text = page(signed_in(firm.operator), LIST, o="price")
    for said in (">61,000.0<", ">0.500<", ">0.250<"):
        assert said in text
    assert "stop 61,000.0, limit 60,900.25" in text
    assert Order.objects.get(order_id=28_000_000_002).price == "60900.25"
