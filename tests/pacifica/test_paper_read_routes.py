"""What the paper exchange's reading routes show, and what reading costs."""

from email.utils import parsedate_to_datetime

import pytest

from orders.pacifica import signing
from tests.helpers.paper import Signatory

CLOID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
OPEN_FIELDS = {
    "order_id": int,
    "client_order_id": str,
    "symbol": str,
    "side": str,
    "price": str,
    "initial_amount": str,
    "filled_amount": str,
    "cancelled_amount": str,
    "stop_price": type(None),
    "order_type": str,
    "stop_parent_order_id": type(None),
    "trigger_price_type": type(None),
    "reduce_only": bool,
    "created_at": int,
    "updated_at": int,
}


@pytest.fixture
def signatory(paper_exchange):
    return Signatory(paper_exchange)


def cancel(order_id):
    return signing.cancel_order(symbol="BTC", order_id=order_id)


def credits_left(answer):
    return int(answer.headers["ratelimit"].split("r=")[1].split(";")[0]) / 10


def test_open_orders_have_the_wires_fields_and_types(signatory):
    signatory.paper.orders(signatory.address, [{"client_order_id": CLOID}])
    answer = signatory.get("/orders").json()
    (row,) = answer["data"]
    assert {name: type(value) for name, value in row.items()} == OPEN_FIELDS
    assert answer["last_order_id"] == row["order_id"]
    assert answer["success"] is True
    assert answer["error"] is None


def test_order_ids_need_more_than_32_bits(signatory):
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    assert order_id > 2**31


def test_prices_and_amounts_keep_their_text(signatory):
    fields = {"price": "0.0000100", "initial_amount": "1500.00"}
    signatory.paper.orders(signatory.address, [fields])
    (row,) = signatory.get("/orders").json()["data"]
    assert {name: row[name] for name in fields} == fields


def test_a_row_once_read_still_follows_its_order(signatory):
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    assert signatory.get("/orders").json()["data"][0]["filled_amount"] == "0"
    signatory.paper.fill(order_id, "0.04")
    assert signatory.get("/orders").json()["data"][0]["filled_amount"] == "0.04"


def test_open_orders_show_stops_but_no_twap_orders(signatory):
    stop, twap = signatory.paper.orders(
        signatory.address,
        [{"order_type": "stop_limit", "stop_price": "80000"}, {"order_type": "twap"}],
    )
    assert signatory.open_ids() == [stop]
    assert [row["order_id"] for row in signatory.get("/orders/twap").json()["data"]] == [twap]


def test_order_history_is_paged_newest_first_and_new_orders_shift_no_page(signatory):
    ids = signatory.paper.orders(signatory.address, 7)
    seen, cursor = [], {}
    for _ in range(3):
        answer = signatory.get("/orders/history", limit=3, **cursor).json()
        seen += [row["order_id"] for row in answer["data"]]
        signatory.paper.orders(signatory.address, 1)
        cursor = {"cursor": answer["next_cursor"]}
    assert seen == ids[::-1]
    assert answer["has_more"] is False
    assert answer["next_cursor"] is None


def test_a_page_has_a_hundred_rows_unless_told(signatory):
    signatory.paper.orders(signatory.address, 101)
    answer = signatory.get("/orders/history").json()
    assert (len(answer["data"]), answer["has_more"]) == (100, True)


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "x"}, {"cursor": "!"}])
def test_a_page_that_cannot_be_is_refused(signatory, query):
    assert signatory.get("/orders/history", **query).status_code == 400


def test_order_history_can_come_oldest_first_by_rule(signatory):
    ids = signatory.paper.orders(signatory.address, 3)
    signatory.paper.rules(history_order="oldest")
    first = signatory.get("/orders/history", limit=2).json()
    assert [row["order_id"] for row in first["data"]] == ids[:2]
    second = signatory.get("/orders/history", limit=2, cursor=first["next_cursor"]).json()
    assert [row["order_id"] for row in second["data"]] == ids[2:]
    assert second["has_more"] is False


def test_cursors_can_be_as_bad_as_feared_by_rule(signatory):
    signatory.paper.orders(signatory.address, 3)

    def after_two(kind, order="newest", **rules):
        signatory.paper.rules(history_cursor=kind, history_order=order, **rules)
        answer = signatory.get("/orders/history", limit=2).json()
        if answer["next_cursor"] is None:
            return answer["has_more"], None
        second = signatory.get("/orders/history", limit=2, cursor=answer["next_cursor"]).json()
        return second["has_more"], [row["order_id"] for row in second["data"]]

    first, *_, last = signatory.open_ids()
    assert after_two("right") == (False, [first])
    assert after_two("missing") == (True, None)
    assert after_two("repeated") == (True, [last, last - 1])
    assert after_two("endless") == (True, [first])
    assert after_two("endless", "oldest") == (True, [last])
    assert after_two("shifting", history_grows=1) == (False, [first + 1, first])
    assert len(signatory.paper.truth()) == 4


def test_a_page_has_no_more_rows_than_the_rule_says(signatory):
    signatory.paper.orders(signatory.address, 3)
    signatory.paper.rules(history_rows=2)
    answer = signatory.get("/orders/history", limit=4000).json()
    assert (len(answer["data"]), answer["has_more"]) == (2, True)


def test_order_history_can_have_other_names_by_rule(signatory):
    signatory.paper.orders(signatory.address, 1)
    signatory.paper.rules(history_names="mcp")
    (row,) = signatory.get("/orders/history").json()["data"]
    assert (row["initial_amount"], row["price"]) == ("0.1", "90000")
    assert not {"amount", "initial_price"} & row.keys()


def test_an_orders_events_tell_its_life_newest_first(signatory):
    (order_id,) = signatory.paper.orders(signatory.address, [{"initial_amount": "3"}])
    signatory.paper.fill(order_id, "1")
    signatory.paper.fill(order_id, "0.5")
    signatory.send(cancel(order_id))
    rows = signatory.get("/orders/history_by_id", order_id=order_id).json()["data"]
    told = [(row["event_type"], row["order_status"], row["filled_amount"]) for row in rows]
    assert told == [
        ("cancel", "cancelled", "1.5"),
        ("fulfill_limit", "partially_filled", "1.5"),
        ("fulfill_limit", "partially_filled", "1"),
        ("make", "open", "0"),
    ]
    numbers = [row["history_id"] for row in rows]
    assert numbers == sorted(numbers, reverse=True)
    assert "account" not in rows[0]


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("cancel", "cancelled"),
        ("force_cancel", "cancelled"),
        ("expired", "cancelled"),
        ("post_only_rejected", "rejected"),
        ("self_trade_prevented", "rejected"),
    ],
)
def test_an_order_closed_by_another_hand_says_how(signatory, event, status):
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    signatory.paper.close(order_id, event)
    (row,) = signatory.get("/orders/history").json()["data"]
    assert (row["order_status"], row["reason"]) == (status, event)


def test_events_can_share_one_time(signatory):
    signatory.paper.rules(event_step_ms=60_000)
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    signatory.send(cancel(order_id))
    rows = signatory.get("/orders/history_by_id", order_id=order_id).json()["data"]
    assert [row["created_at"] % 60_000 for row in rows] == [0, 0]


def test_the_history_of_an_unknown_order_is_404_or_empty_by_rule(signatory):
    answer = signatory.get("/orders/history_by_id", order_id=5)
    assert answer.status_code == 404
    assert answer.json()["error"] == "Order history not found for order ID: 5"
    signatory.paper.rules(unknown_history="empty")
    assert signatory.get("/orders/history_by_id", order_id=5).json()["data"] == []


def test_an_accounts_counts_leave_stops_apart(signatory):
    signatory.paper.orders(signatory.address, [{}, {}, {"order_type": "stop_limit"}])
    data = signatory.get("/account").json()["data"]
    assert (data["orders_count"], data["stop_orders_count"]) == (2, 1)
    stranger = "11111111111111111111111111111111"
    assert signatory.get("/account", account=stranger).status_code == 404


def test_markets_are_listed_with_their_case(signatory):
    symbols = [row["symbol"] for row in signatory.get("/info").json()["data"]]
    assert {"BTC", "kBONK", "SOL-USDC"} <= set(symbols)


@pytest.mark.parametrize("route", ["/account/settings", "/positions"])
def test_settings_and_positions_are_empty_lists(signatory, route):
    assert signatory.get(route).json()["data"] == []


@pytest.mark.parametrize(
    ("route", "query", "status"),
    [
        ("/orders", {"account": ""}, 400),
        ("/orders", {"account": "short"}, 400),
        ("/orders/history_by_id", {"order_id": "x"}, 400),
        ("/orders/history_by_id", {"order_id": "-1"}, 400),
        ("/nothing", {}, 404),
        ("/orders/cancel", {}, 405),
    ],
)
def test_a_read_that_cannot_be_is_refused_in_an_envelope(signatory, route, query, status):
    answer = signatory.get(route, **query)
    assert answer.status_code == status
    assert answer.json()["success"] is False


def test_a_get_with_a_body_is_refused_by_what_stands_before_the_exchange(signatory):
    answer = signatory.session.get(signatory.paper.url + "/info", data=b"{}", timeout=5)
    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "text/html"


def test_the_date_header_follows_the_exchanges_clock(signatory):
    now = parsedate_to_datetime(signatory.get("/info").headers["Date"])
    signatory.paper.rules(clock_offset_ms=-3_600_000)
    then = parsedate_to_datetime(signatory.get("/info").headers["Date"])
    assert 3590 < (now - then).total_seconds() < 3610


def test_a_body_over_the_limit_is_refused(signatory):
    body = signatory.body(cancel(5)) | {"note": "x" * 4096}
    assert signatory.post("/orders/cancel", body).status_code == 413
    signatory.paper.rules(body_limit=None)
    assert signatory.post("/orders/cancel", body).status_code == 422


def test_credits_are_counted_tenfold_in_the_headers(signatory):
    signatory.paper.account(signatory.address, [signatory.agent_wallet], credits=100)
    answer = signatory.send(cancel(5))
    assert answer.headers["ratelimit"].startswith('"credits";r=995;t=')
    assert answer.headers["ratelimit-policy"] == '"credits";q=1000;w=60'
    signatory.paper.rules(credit_window_s=7.5)  # a header's seconds are whole
    assert signatory.get("/info").headers["ratelimit-policy"] == '"credits";q=1000;w=8'


def test_each_request_has_its_price(signatory):
    key = {"PF-API-KEY": "deskdesk_1"}
    signatory.paper.account(
        signatory.address, [signatory.agent_wallet], credits=100, api_key="deskdesk_1"
    )
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    five = [("Cancel", signatory.body(cancel(5)))] * 5
    spent, left = [], 100
    for ask in (
        lambda: signatory.send(cancel(5)),
        lambda: signatory.batch(five[0]),
        lambda: signatory.batch(*five),
        lambda: signatory.get("/orders"),
        lambda: signatory.get("/orders/history"),
        lambda: signatory.get("/orders/history", headers=key),
        lambda: signatory.get("/orders/history_by_id", order_id=order_id),
        lambda: signatory.send(signing.list_agent_wallets()),
    ):
        now = credits_left(ask())
        spent.append(left - now)
        left = now
    assert spent == [0.5, 1, 2.5, 1, 12, 3, 1, 1]


def test_out_of_credits_nothing_is_done_until_the_window_has_rolled(signatory):
    signatory.paper.account(signatory.address, [signatory.agent_wallet], credits=0.5)
    first, second = signatory.paper.orders(signatory.address, 2)
    assert signatory.send(cancel(first)).status_code == 200
    answer = signatory.send(cancel(second))
    assert (answer.status_code, answer.json()["error"]) == (429, "Rate limit exceeded")
    assert "ratelimit" in answer.headers
    assert signatory.paper.truth()[second]["is_open"]
    signatory.paper.rules(credit_window_s=1e-6)
    assert signatory.send(cancel(second)).status_code == 200


def test_a_subaccount_spends_its_main_accounts_credits(signatory):
    signatory.paper.account(signatory.address, [signatory.agent_wallet], credits=10)
    sub = Signatory(signatory.paper, main=signatory.address)
    assert credits_left(sub.send(cancel(5))) == 9.5
    assert credits_left(signatory.send(cancel(5))) == 9


def test_accounts_without_a_quota_share_the_pool_of_the_address_where_a_rule_bounds_it(signatory):
    other = Signatory(signatory.paper)
    signatory.paper.rules(ip_credits=10)
    assert credits_left(other.send(cancel(5))) == 9.5
    assert credits_left(signatory.get("/orders")) == 8.5
