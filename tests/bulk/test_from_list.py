"""A list of order ids is frozen line by line, or each bad line is told with its reason."""

import time

import pytest

from orders.access.permissions import NotAllowed
from orders.admin.jobs import csv_download
from orders.cancels import requests
from orders.cancels.bulk import from_list, frozen_orders
from orders.models import Cancel, Preview
from tests.bulk.test_previews import confirm
from tests.helpers.screens import known_order

CLIENT_ORDER_ID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


def read_list(firm, text, symbol="BTC"):
    return from_list.of_list(
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
        from_list.of_list(
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
    first, second, *_ = frozen_orders.frozen(preview)
    assert (first.order_pk, first.order_id, first.symbol) == (known.pk, known.order_id, "ETH")
    assert (second.order_pk, second.client_order_id) == (None, ids[1])


def frozen_of(firm, text, symbol="BTC"):
    """(order id or client order id, symbol, kind) of each frozen order of a list without a flaw."""
    preview, bad = read_list(firm, text, symbol)
    assert bad == []
    rows = frozen_orders.frozen(preview)
    return [(row.order_id or row.client_order_id, row.symbol, row.kind) for row in rows]


ONE, TWO = (28_000_000_042, "ETH", "order"), (28_000_000_043, "kBONK", "stop")


@pytest.mark.parametrize(
    "text",
    [
        "28000000042,ETH\n28000000043,kBONK,stop",
        "28000000042;ETH\n28000000043;kBONK;stop",
        "28000000042\tETH\r\n28000000043\tkBONK\tSTOP\r\n",
        '"28000000042","ETH"\n"28000000043","kBONK","stop"\n',
        "\ufefforder_id,symbol,kind\n28000000042,ETH,\n28000000043,kBONK,stop",
        "# mine\n\nOrder ID;Symbol;Kind\n28000000042;ETH\n28000000043;kBONK;stop",
        'symbol,note,kind,id\nETH,a;b,,28000000042\nkBONK,"c, d",stop,28000000043',
        "id,order_id,symbol,kind\n1,28000000042,ETH,order\n2,28000000043,kBONK,stop",
        "Account\tOrder Id\tMarket\tkind\nAlpha\t28000000042\tETH\nAlpha\t28000000043\tkBONK\tstop",
        "28000000042,ETH,,,\n28000000043,kBONK,stop,",
        "28000000042;ETH\n28000000043\tkBONK\tstop # the bot's",
    ],
    ids=range(11),
)
def test_a_list_is_read_as_people_keep_it(firm, text):
    assert frozen_of(firm, text, symbol="") == [ONE, TWO]


@pytest.mark.parametrize(
    "text",
    [
        "order_id\n28000000042 # far out\n28000000043,kBONK,stop # mine, too",
        'order_id,symbol,kind\n28000000042,ETH # far out, "maybe\n28000000043,kBONK,stop, # x',
        "id;market;note;kind\n28000000042;ETH;is # 1\n28000000043;kBONK;'# 2';stop # x;y",
        "order_id\tsymbol\tkind\n28000000042\tETH\t\t# a\tb\n28000000043\tkBONK\tstop\t# c",
        'account,"order_id",kind,symbol\nAlpha #2,28000000042,,ETH # a\n,28000000043,stop,kBONK',
    ],
    ids=range(5),
)
def test_what_stands_behind_a_hash_is_skipped_with_a_head_too(firm, text):
    """But not in a column of free text, such as an account's name."""
    firm.account.name = "Alpha #2"
    firm.account.save()
    known_order(firm.account, 28_000_000_042, symbol="ETH")
    assert frozen_of(firm, text, symbol="kBONK") == [ONE, TWO]


@pytest.mark.parametrize("blank", [" ", " # "])
def test_a_line_of_blanks_and_hashes_is_read_at_once(firm, blank):
    began = time.monotonic()
    for head in ("", "note,order_id\n"):
        read_list(firm, f"{head}1{blank * 500_000}x")
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("name", ["28000000042", CLIENT_ORDER_ID])
@pytest.mark.parametrize("rest", ["ID", "BTC,order"])
def test_a_first_line_that_names_an_order_is_no_head(firm, name, rest):
    assert len(frozen_of(firm, f"{name},{rest}\n28000000043,BTC")) == 2


def test_the_download_of_a_job_can_be_given_back_as_a_list(firm):
    orders = firm.orders(2)
    stop = firm.order(order_type="stop_limit", stop_price="1")
    asked = requests.cancel_orders(
        user=firm.operator, actor=firm.actor(), order_ids=[o.pk for o in (*orders, stop)]
    )
    requests.cancel_by_id(
        user=firm.operator,
        actor=firm.actor(),
        account_id=firm.account.pk,
        symbol="ETH",
        client_order_id=CLIENT_ORDER_ID,
    )
    Cancel.objects.update(job=asked.jobs[0], explanation='The exchange said: "no\nsuch order", 5')
    text = csv_download.of_job(asked.jobs[0], actor=firm.actor()).content.decode()
    assert frozen_of(firm, text, symbol="") == [
        (orders[0].order_id, "BTC", "order"),
        (orders[1].order_id, "BTC", "order"),
        (stop.order_id, "BTC", "stop"),
        (CLIENT_ORDER_ID, "ETH", "order"),
    ]


def test_a_list_may_name_several_accounts_of_the_desk(firm):
    other = firm.new_account("Beta", firm.momentum)
    text = f"account,order_id\nAlpha,28000000042\n'Beta,28000000042\n{other.address},28000000043"
    preview, bad = read_list(firm, text)
    assert bad == []
    assert preview.scope == "a list of 3 orders on 2 accounts of Momentum"
    named = [(one.account, one.order_id) for one in frozen_orders.targets(preview)]
    assert named == [
        (firm.account, 28_000_000_042),
        (other, 28_000_000_042),
        (other, 28_000_000_043),
    ]


def test_a_list_takes_no_account_of_another_desk(firm):
    preview, (bad,) = read_list(firm, f"account,order_id\n{firm.foreign_account.address},42")
    assert preview is None
    assert "not of Alpha" in bad.why


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("2.8E+10,BTC", "a spreadsheet changed this id"),
        ("28000000042.0,BTC", "a spreadsheet changed this id"),
        ('"28,000,000,042",BTC', "a spreadsheet changed this id"),
        ("28000000042,28000000043", "names 28000000043 as its symbol"),
        ("28000000042,28000000043;28000000044", "names 28000000043;28000000044 as its symbol"),
        (f"28000000042,{CLIENT_ORDER_ID}", f"names {CLIENT_ORDER_ID} as its symbol: give one id"),
        ("28000000042,#1", "names #1 as its symbol"),
        (f"28000000042,{'A' * 65}", "A symbol has at most 64 characters"),
        ("28000000042,BTC,order,12.5", "has 4 columns"),
        ("28000000042", "does not know that order on Alpha: add its symbol"),
        ("28000000042\u00a0,BTC", "holds U+00A0, which is not seen"),
        ("28000000042,B\u200bTC", "holds U+200B, which is not seen"),
        ("28000000042,B\ufffdTC", "holds a byte that is no UTF-8 text"),
        ('28000000042,"BTC', "opens a quotation mark that it does not close"),
        ("hello", "neither an order id nor a client order id"),
        ("x" * 200_000, "neither an order id nor a client order id"),
    ],
    ids=range(16),
)
def test_a_bad_line_has_its_number_and_a_reason_of_its_own(firm, line, why):
    """Its neighbours are read all the same, so that every bad line is told at once."""
    text = f"# mine\n28000000001,BTC\n{line}\n28000000002,BTC\n28000000002,BTC\n"
    preview, bad = read_list(firm, text, symbol="")
    assert preview is None
    assert [one.number for one in bad] == [3, 5]
    assert why in bad[0].why
    assert "same order as line 4" in bad[1].why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("symbol,kind\nBTC,order", "names no column with order ids"),
        ("order_id,symbol\n28000000001,BTC,stop", "has 3 columns, and 2 are known"),
        ("account,order_id,symbol\nBeta,28000000001,BTC", "is an order of Beta, not of Alpha"),
    ],
)
def test_a_head_that_does_not_fit_is_told(firm, text, why):
    preview, (bad,) = read_list(firm, text)
    assert preview is None
    assert why in bad.why


def test_a_client_order_id_names_its_order_in_whatever_case_either_is_written(firm):
    name = CLIENT_ORDER_ID.replace("f", "F", 1)
    known_order(firm.account, 28_000_000_043, client_order_id=name)
    preview, bad = read_list(firm, f"28000000043\n{CLIENT_ORDER_ID}\n{CLIENT_ORDER_ID.upper()}")
    assert preview is None
    assert [one.why for one in bad] == ["is the same order as line 1"] * 2


def test_a_line_without_an_address_has_its_account_by_name(firm):
    other = firm.new_account("Beta", firm.momentum)
    text = f"account,account_address,order_id\nBeta,,28000000042\nBeta,{firm.account.address},43"
    preview, bad = read_list(firm, text)
    assert bad == []
    assert [one.account for one in frozen_orders.targets(preview)] == [other, firm.account]


def test_a_line_whose_two_ids_name_two_orders_is_bad(firm):
    known_order(firm.account, 28_000_000_041, client_order_id=CLIENT_ORDER_ID)
    known_order(firm.account, 28_000_000_042)
    head = "order_id,client_order_id\n"
    preview, (bad,) = read_list(firm, f"{head}28000000042,{CLIENT_ORDER_ID.upper()}")
    assert preview is None
    assert bad.number == 2
    assert bad.why == "names two orders: 28000000042, and 28000000041 by its client order id"
    same = frozen_of(firm, f"{head}28000000041,{CLIENT_ORDER_ID}\n,{CLIENT_ORDER_ID[:-1]}0")
    assert [name for name, *_ in same] == [28_000_000_041, f"{CLIENT_ORDER_ID[:-1]}0"]


def test_a_twap_has_no_symbol_from_an_order_of_the_same_number(firm):
    known_order(firm.account, 5005, symbol="ETH")
    assert frozen_of(firm, "5005,,twap", symbol="BTC") == [(5005, "BTC", "twap")]
    assert frozen_of(firm, "5005,SOL,TWAP") == [(5005, "SOL", "twap")]
    preview, (bad,) = read_list(firm, "5005,,twap", symbol="")
    assert preview is None
    assert "add its symbol" in bad.why
