"""What holds for lists: lean rows, sorting by names, pages that end, what the bar keeps."""

import gzip
import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.utils.timezone import now

from orders.models import Cancel, Market, Order
from tests.helpers.screens import click, folded, known_order, page, signed_in, url

MAX_RAW, MAX_PACKED = 120_000, 20_000
LIST = "orders_order_changelist"
A_PAGE = 80
UNBOUND = (
    "The agent wallet is not bound to this account. Bind it on Pacifica's API key page. "
    "The exchange said: Agent not authorized for account"
)


def many_orders(firm, count, first=28_000_000_001, **fields):
    """As many orders as that, with numbers as long as they come."""
    usual = {"price": "104724.25", "price_number": Decimal("104724.25")}
    usual |= {"initial_amount": "0.16673", "open_amount_number": Decimal("0.08671")}
    usual |= {"filled_amount": "0.08002", "symbol": "BTC", "side": "ask", "order_type": "limit"}
    times = dict.fromkeys(("created_at", "updated_at", "first_seen_at", "last_seen_at"), now())
    made = [
        Order(account=firm.account, order_id=first + n, **usual | times | fields)
        for n in range(count)
    ]
    Order.objects.bulk_create(made)


def ids_in(text):
    """The order ids of a list, from its top."""
    return re.findall(r"data-copy>(\d+)<", text)


def test_a_whole_page_of_orders_is_light(firm):
    many_orders(firm, 100)
    Market.objects.create(symbol="BTC", mark="53456.5", marked_at=now() - timedelta(seconds=40))
    answer = signed_in(firm.operator).get(url(LIST))
    assert answer.content.count(b"data-copy") == A_PAGE
    assert len(answer.content) < MAX_RAW
    assert len(gzip.compress(answer.content)) < MAX_PACKED


def test_a_whole_page_of_refusals_is_light_too(firm):
    many_orders(firm, 100)
    operator = signed_in(firm.operator)
    for order in Order.objects.all():
        click(operator, order)
    Cancel.objects.update(status="refused", explanation=UNBOUND)
    answer = operator.get(url(LIST))
    assert answer.content.count(b"Agent not authorized") == A_PAGE
    assert len(answer.content) < MAX_RAW
    assert len(gzip.compress(answer.content)) < MAX_PACKED


def test_heads_are_drawn_once_and_rows_hold_nothing_that_is_not_shown(firm):
    many_orders(firm, 20)
    table = page(signed_in(firm.operator), LIST).split('id="result_list"')[1].split("</table>")[0]
    assert table.count('<th scope="col"') == 12
    assert table.count("action-toggle") == 1
    assert "x-data" not in table
    assert "data-label" not in table


def test_each_box_and_each_button_says_its_order(firm):
    known_order(firm.account, 28_000_000_042)
    text = page(signed_in(firm.operator), LIST)
    assert 'aria-label="Select BTC bid 28000000042"' in text
    assert 'aria-label="Cancel BTC bid 28000000042"' in text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"price": "61000.50"}, "61,000.50"),
        ({"price": "0.0000123"}, "0.0000123"),
        ({"price": "1234567"}, "1,234,567"),
        (
            {"order_type": "stop_limit", "stop_price": "61000", "price": "60900"},
            "stop 61,000, limit 60,900",
        ),
        (
            {"order_type": "stop_loss_market", "stop_price": "61000", "price": ""},
            "stop loss 61,000, market",
        ),
        (
            {"order_type": "take_profit_limit", "stop_price": "3573.2", "price": "3566.2"},
            "take profit 3,573.2, limit 3,566.2",
        ),
        ({"order_type": "odd_kind", "price": "5"}, "odd kind 5"),
        ({"price": ""}, "–"),
        ({"price": "1e5"}, "1e5"),
    ],
)
def test_a_price_is_grouped_and_a_stop_says_what_it_is(firm, fields, said):
    known_order(firm.account, 28_000_000_042, **fields)
    shown = re.search(r'<td class="c-price[^"]*">(.*?)</td>', page(signed_in(firm.operator), LIST))
    assert shown[1] == said


@pytest.mark.parametrize(
    ("fields", "worth"),
    [
        ({"price_number": Decimal("61000.5"), "open_amount_number": Decimal("0.5")}, "30,500"),
        ({"price_number": Decimal("0.5"), "open_amount_number": Decimal(3)}, "1.50"),
        ({"price": "", "price_number": None, "stop_price": "100"}, "50.00"),
        ({"price": "", "price_number": None}, "–"),
        ({"open_amount_number": None}, "–"),
    ],
)
def test_the_notional_is_what_is_left_times_its_price(firm, fields, worth):
    known_order(firm.account, 28_000_000_042, **fields)
    text = page(signed_in(firm.operator), LIST)
    assert re.search(r'<td class="c-worth">(.*?)</td>', text)[1] == worth


# Three orders, each first by one column and last by another.
SORTED = [
    ("symbol", "ABC"),
    ("-symbol", "CBA"),
    ("account", "BAC"),
    ("side", "CBA"),
    ("-price", "BCA"),
    ("price", "ACB"),
    ("-worth", "CBA"),
    ("-filled", "ACB"),
    ("age", "BCA"),
    ("-age", "ACB"),
    ("open", "BAC"),
]


@pytest.mark.parametrize(("asked", "first_to_last"), SORTED)
def test_orders_sort_by_every_column_that_says_so(firm, asked, first_to_last):
    beta = firm.new_account("Beta", firm.momentum, is_bound=False)
    beginning = now()
    for number, (account, symbol, side, price, amount, filled, minutes) in enumerate(
        [
            (beta, "AVAX", "bid", "9", 2, "10", 3),
            (firm.account, "BTC", "bid", "500", 1, "2", 1),
            (firm.new_account("Gamma", firm.momentum, is_bound=False), *GAMMA),
        ]
    ):
        known_order(
            account,
            28_000_000_001 + number,
            symbol=symbol,
            side=side,
            price=price,
            price_number=Decimal(price),
            open_amount_number=amount,
            filled_amount=filled,
            created_at=beginning.replace(year=2020, minute=10 - minutes),
        )
    found = ids_in(page(signed_in(firm.operator), LIST, o=asked))
    assert "".join("ABC"[int(one[-1]) - 1] for one in found) == first_to_last


GAMMA = ("CRV", "ask", "100", 7, "9.5", 2)


def test_a_filled_amount_that_is_no_number_is_sorted_and_shown_as_it_stands(firm):
    known_order(firm.account, 28_000_000_001, filled_amount="odd")
    known_order(firm.account, 28_000_000_002, filled_amount="2")
    text = page(signed_in(firm.operator), LIST, o="-filled")
    assert ids_in(text) == ["28000000002", "28000000001"]
    assert ">odd<" in text


def test_a_link_sorts_alike_for_whoever_opens_it_and_nonsense_sorts_as_usual(firm):
    many_orders(firm, 3)
    Order.objects.filter(order_id=28_000_000_002).update(price_number=1)
    lists = [
        ids_in(page(signed_in(person), LIST, o="price")) for person in (firm.operator, firm.auditor)
    ]
    assert lists[0] == lists[1]
    assert lists[0][0] == "28000000002"
    for nonsense in ("nonsense", "-", "3", "id", "price_column", "." * 90):
        assert page(signed_in(firm.operator), LIST, o=nonsense)


def heads_of(text):
    """The link and the sorting of each head, by its label."""
    heads = re.findall(r'<th scope="col"([^>]*)>(?:<a href="([^"]*)">)?([^<]*)', text)
    return {
        label.strip(): (link.replace("&amp;", "&"), re.findall(r'aria-sort="(\w+)"', more))
        for more, link, label in heads
    }


def test_a_head_sorts_then_turns_round_then_lets_go(firm):
    many_orders(firm, 2)
    operator = signed_in(firm.operator)
    steps, query = [], ""
    for _ in range(4):
        answer = operator.get(url(LIST) + query)
        query, sorting = heads_of(folded(answer))["Notional"]
        steps.append((sorting, query))
    assert [sorting for sorting, _ in steps] == [[], ["descending"], ["ascending"], []]
    assert [query for _, query in steps] == ["?o=-worth", "?o=worth", "?", "?o=-worth"]


def test_a_head_keeps_the_filter_and_the_sorting_before_as_the_second(firm):
    many_orders(firm, 2)
    text = page(signed_in(firm.operator), LIST, symbol="BTC", o="-price")
    assert heads_of(text)["Side"][0] == "?o=side.-price&symbol=BTC"


def test_the_filter_bar_and_the_states_keep_the_sorting(firm):
    many_orders(firm, 2)
    text = page(signed_in(firm.operator), LIST, symbol="BTC", o="-price")
    assert '<input type="hidden" name="o" value="-price">' in text
    assert 'href="?symbol=BTC&amp;o=-price&amp;state=closed"' in text
    assert 'href="?o=-price">Clear' in text


def test_a_page_that_is_no_more_leads_to_the_last_one_and_keeps_the_filter(firm):
    many_orders(firm, 150)
    known_order(firm.account, 31_000_000_001, symbol="ETH")
    answer = signed_in(firm.operator).get(url(LIST), {"symbol": "BTC", "p": 9})
    assert answer.status_code == 200
    text = answer.content.decode()
    assert len(ids_in(text)) == 150 - A_PAGE
    assert "31000000001" not in text
    assert "There is no page 9 any more" in text


def test_paging_skips_no_row_while_one_cancels(firm):
    many_orders(firm, 150)
    operator = signed_in(firm.operator)
    first = page(operator, LIST)
    link = unescape(re.search(r'<a href="([^"]*)">2</a>', first)[1])
    Order.objects.filter(order_id__in=ids_in(first)[:10]).update(state="closed", closed_at=now())
    second = folded(operator.get(url(LIST) + link))
    assert len({*ids_in(first), *ids_in(second)}) == 150
    assert (
        len(ids_in(page(operator, LIST))) == A_PAGE
    )  # whoever begins anew sees what is open alone


@pytest.mark.parametrize("since", ["x", "-1", "9" * 40, "0", "99999999999999"])
def test_a_moment_that_nobody_pages_since_is_none(firm, since):
    many_orders(firm, 1, state="closed", closed_at=now())
    assert ids_in(page(signed_in(firm.operator), LIST, since=since)) == []


@pytest.mark.parametrize("number", ["0", "-1", "9" * 40, "x"])
def test_a_page_that_never_was_is_no_error(firm, number):
    many_orders(firm, 3)
    assert len(ids_in(page(signed_in(firm.operator), LIST, p=number))) == 3


def test_what_is_rare_stands_behind_more_and_is_counted_there(firm):
    many_orders(firm, 1)
    text = page(signed_in(firm.operator), LIST, reduce_only="no", live="no")
    assert "More <b>(2)</b>" in text
