"""What the paper exchange's cancel routes do to orders, and what they answer."""

import pytest

from orders.pacifica import signing
from tests.helpers.paper import Signatory

CLOID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
OTHER = "0f8e7c2a-4b1d-4e5f-9a3b-2c1d0e9f8a7b"


@pytest.fixture
def signatory(paper_exchange):
    return Signatory(paper_exchange)


def cancel(order_id, symbol="BTC"):
    return signing.cancel_order(symbol=symbol, order_id=order_id)


def last_event(signatory, order_id):
    return signatory.get("/orders/history_by_id", order_id=order_id).json()["data"][0]


def test_a_cancelled_order_is_gone_from_the_book_and_its_history_says_cancel(signatory):
    first, second = signatory.paper.orders(signatory.address, 2)
    answer = signatory.send(cancel(first))
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "data": None, "error": None, "code": None}
    assert signatory.open_ids() == [second]
    event = last_event(signatory, first)
    assert (event["event_type"], event["order_status"]) == ("cancel", "cancelled")
    assert event["cancelled_amount"] == "0.1"


def test_a_partly_filled_order_loses_only_the_rest(signatory):
    (order_id,) = signatory.paper.orders(signatory.address, [{"initial_amount": "1.0"}])
    signatory.paper.fill(order_id, "0.30")
    assert signatory.get("/orders").json()["data"][0]["filled_amount"] == "0.3"
    assert signatory.send(cancel(order_id)).status_code == 200
    event = last_event(signatory, order_id)
    assert (event["filled_amount"], event["cancelled_amount"]) == ("0.3", "0.7")


def test_a_client_order_id_names_an_open_order_of_the_account(signatory):
    signatory.paper.orders(signatory.address, [{"client_order_id": CLOID}])
    by_client = signing.cancel_order(symbol="BTC", client_order_id=CLOID)
    assert signatory.send(by_client).status_code == 200
    again = signatory.send(by_client)
    assert again.status_code == 422
    assert again.json()["code"] == 37
    assert again.json()["error"] == f"Unused client order id: {CLOID}"


@pytest.mark.parametrize("how", ["filled", "cancelled", "unknown", "foreign", "symbol", "stop"])
def test_filled_gone_unknown_foreign_and_stop_orders_cannot_be_told_apart(signatory, how):
    other = Signatory(signatory.paper)
    fields = {"order_type": "stop_limit"} if how == "stop" else {}
    (order_id,) = signatory.paper.orders(signatory.address, [fields])
    (foreign,) = signatory.paper.orders(other.address, 1)
    if how == "filled":
        signatory.paper.fill(order_id)
    elif how == "cancelled":
        signatory.paper.close(order_id)
    named = {"unknown": 5, "foreign": foreign}.get(how, order_id)
    answer = signatory.send(cancel(named, "ETH" if how == "symbol" else "BTC"))
    assert answer.status_code == 422
    assert answer.json() == {
        "success": False,
        "data": None,
        "error": "Failed to cancel order",
        "code": 5,
    }
    assert foreign in other.open_ids()


@pytest.mark.parametrize("symbol", ["btc", "KBONK", "NOPE"])
def test_symbols_are_case_sensitive(signatory, symbol):
    answer = signatory.send(cancel(1, symbol))
    assert (answer.status_code, answer.json()["code"]) == (422, 3)


def test_the_dialects_of_not_found(signatory):
    signatory.paper.rules(not_found_code=6)
    assert signatory.send(cancel(5)).json()["code"] == 6
    signatory.paper.rules(not_found_status=400)
    answer = signatory.send(cancel(5))
    assert (answer.status_code, answer.json()["code"]) == (400, 400)
    assert answer.json()["error"] == "Order not found"


@pytest.mark.parametrize(
    ("error_body", "content_type", "starts"),
    [
        ("text", "text/plain", b"Failed to cancel order"),
        ("html", "text/html", b"<!DOCTYPE html>"),
        ("empty", "text/plain", b""),
    ],
)
def test_errors_can_come_without_an_envelope(signatory, error_body, content_type, starts):
    signatory.paper.rules(error_body=error_body)
    answer = signatory.send(cancel(5))
    assert answer.status_code == 422
    assert answer.headers["Content-Type"].startswith(content_type)
    assert answer.content.startswith(starts)
    assert bool(answer.content) == bool(starts)


def test_error_id_can_be_left_out(signatory):
    signatory.paper.rules(error_id=False)
    answer = signatory.send(cancel(5), signed_text="something else")
    assert answer.json() == {
        "success": False,
        "data": None,
        "error": "Verification failed",
        "code": 400,
    }


def test_a_stop_order_is_cancelled_on_its_own_route_only(signatory):
    stop, plain = signatory.paper.orders(signatory.address, [{"order_type": "stop_limit"}, {}])
    stop_route = signing.cancel_stop_order
    assert signatory.send(stop_route(symbol="BTC", order_id=stop)).status_code == 200
    answer = signatory.send(stop_route(symbol="BTC", order_id=plain))
    assert (answer.status_code, answer.json()["error"]) == (400, "Stop order not found")
    assert signatory.open_ids() == [plain]


def test_a_twap_cancel_by_order_id_says_yes_even_where_nothing_is(signatory):
    (order_id,) = signatory.paper.orders(signatory.address, [{"order_type": "twap"}])
    for named in (order_id, order_id, 5):
        answer = signatory.send(signing.cancel_twap_order(symbol="BTC", order_id=named))
        assert answer.status_code == 200
    history = signatory.get("/orders/twap/history_by_id", order_id=order_id).json()["data"]
    assert [row["order_status"] for row in history] == ["cancelled", "in_execution"]


def test_a_twap_cancel_by_an_unknown_client_order_id_is_refused(signatory):
    answer = signatory.send(signing.cancel_twap_order(symbol="BTC", client_order_id=CLOID))
    assert (answer.status_code, answer.json()["code"]) == (422, 44)


def test_of_two_ids_of_a_twap_cancel_the_client_order_id_wins(signatory):
    first, second = signatory.paper.orders(
        signatory.address,
        [{"order_type": "twap", "client_order_id": CLOID}, {"order_type": "twap"}],
    )
    payload = {"symbol": "BTC", "order_id": second, "client_order_id": CLOID}
    both = signing.Operation("cancel_twap_order", "/orders/twap/cancel", payload)
    assert signatory.send(both).status_code == 200
    listed = signatory.get("/orders/twap").json()["data"]
    assert [row["order_id"] for row in listed] == [second]
    assert first != second


BOOK = [
    {},
    {"symbol": "ETH"},
    {"reduce_only": True},
    {"order_type": "twap"},
    {"order_type": "stop_market", "reduce_only": True},
]


@pytest.mark.parametrize(
    ("options", "takes_stops", "taken"),
    [
        ({}, False, {0, 1, 2, 3}),
        ({"symbol": "BTC"}, False, {0, 2, 3}),
        ({"exclude_reduce_only": True}, False, {0, 1, 3}),
        ({}, True, {0, 1, 2, 3, 4}),
        ({"exclude_reduce_only": True}, True, {0, 1, 3}),
    ],
)
def test_cancel_all_takes_what_it_should_and_tells_only_how_many(
    signatory, options, takes_stops, taken
):
    ids = signatory.paper.orders(signatory.address, BOOK)
    other = Signatory(signatory.paper, main=signatory.address)
    kept = signatory.paper.orders(other.address, 1)
    signatory.paper.rules(cancel_all_takes_stops=takes_stops)
    answer = signatory.send(signing.cancel_all_orders(**options))
    assert answer.json()["data"] == {"cancelled_count": len(taken)}
    truth = signatory.paper.truth()
    assert {n for n, one in enumerate(ids) if not truth[one]["is_open"]} == taken
    assert other.open_ids() == kept


def test_cancel_all_with_nothing_to_cancel_is_a_success(signatory):
    assert signatory.send(signing.cancel_all_orders()).json()["data"] == {"cancelled_count": 0}


def test_cancel_all_of_one_symbol_needs_the_symbol(signatory):
    payload = {"all_symbols": False, "exclude_reduce_only": False}
    answer = signatory.send(signing.Operation("cancel_all_orders", "/orders/cancel_all", payload))
    assert (answer.status_code, answer.json()["error"]) == (400, "Invalid parameters")


def test_a_strategy_places_its_orders_again_until_it_is_cancelled_itself(signatory):
    made = signatory.paper.strategy(
        signatory.address,
        orders=[{"symbol": "BTC", "side": "bid", "price": "9", "initial_amount": "2"}],
    )
    signatory.send(signing.cancel_all_orders())
    (again,) = signatory.open_ids()
    assert again > made["order_ids"][0]
    row = signatory.get("/orders").json()["data"][0]
    assert row["parent_id"] == made["strategy_id"]
    listed = signatory.get("/order_strategies").json()["data"]["strategies"]
    assert [one["strategy_id"] for one in listed] == [made["strategy_id"]]
    stop = signing.cancel_order_strategy(strategy_id=made["strategy_id"])
    assert signatory.send(stop).status_code == 200
    assert signatory.open_ids() == []
    assert signatory.get("/order_strategies").json()["data"]["strategies"] == []
    assert signatory.send(stop).status_code == 404


def test_a_batch_tries_every_item_and_stays_a_success(signatory):
    first, second = signatory.paper.orders(signatory.address, 2)
    named = (first, 5, second)
    answer = signatory.batch(*[("Cancel", signatory.body(cancel(one))) for one in named])
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    results = answer.json()["data"]["results"]
    assert [one["success"] for one in results] == [True, False, True]
    assert results[1] == {"success": False, "order_id": None, "error": "Failed to cancel order"}
    assert signatory.open_ids() == []


def test_one_bad_signature_refuses_the_whole_batch(signatory):
    first, second = signatory.paper.orders(signatory.address, 2)
    bad = signatory.body(cancel(second), signed_text="something else")
    answer = signatory.batch(("Cancel", signatory.body(cancel(first))), ("Cancel", bad))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Verification failed")
    assert signatory.open_ids() == [first, second]


def test_a_batch_holds_ten_actions_at_most_and_its_types_are_case_sensitive(signatory):
    ids = signatory.paper.orders(signatory.address, 11)
    ten = [("Cancel", signatory.body(cancel(one))) for one in ids[:10]]
    too_many = signatory.batch(*ten, ("Cancel", signatory.body(cancel(ids[10]))))
    assert too_many.status_code == 400
    signatory.paper.rules(body_limit=None)
    for actions in ([*ten, ten[0]], [], [("cancel", ten[0][1])], [("CancelAll", ten[0][1])]):
        answer = signatory.batch(*actions)
        assert (answer.status_code, answer.json()["error"]) == (
            400,
            "Invalid batch operation parameters",
        )
    assert len(signatory.open_ids()) == 11
    assert signatory.batch(*ten).status_code == 200
    assert len(signatory.open_ids()) == 1


def test_a_batch_cancels_stop_orders_as_their_own_type(signatory):
    (stop,) = signatory.paper.orders(signatory.address, [{"order_type": "take_profit_market"}])
    body = signatory.body(signing.cancel_stop_order(symbol="BTC", order_id=stop))
    (result,) = signatory.batch(("CancelStopOrder", body)).json()["data"]["results"]
    assert result["success"] is True
    assert signatory.open_ids() == []


def test_an_edit_makes_a_new_order_id_and_keeps_the_client_order_id(signatory):
    (old,) = signatory.paper.orders(signatory.address, [{"client_order_id": CLOID}])
    payload = {"symbol": "BTC", "order_id": old, "price": "91000", "amount": "0.2"}
    answer = signatory.send(signing.Operation("edit_order", "/orders/edit", payload))
    new = answer.json()["data"]["order_id"]
    assert new > old
    (row,) = signatory.get("/orders").json()["data"]
    assert (row["order_id"], row["client_order_id"], row["price"]) == (new, CLOID, "91000")
    assert signatory.send(cancel(old)).status_code == 422


def create(**changes):
    payload = {
        "symbol": "BTC",
        "price": "100000",
        "amount": "0.1",
        "side": "bid",
        "tif": "GTC",
        "reduce_only": False,
    }
    return signing.Operation("create_order", "/orders/create", payload | changes)


def test_orders_can_be_created_and_an_open_client_order_id_is_unique(signatory):
    answer = signatory.send(create(client_order_id=OTHER))
    assert signatory.open_ids() == [answer.json()["data"]["order_id"]]
    again = signatory.send(create(client_order_id=OTHER))
    assert (again.status_code, again.json()["code"]) == (422, 36)


def test_an_order_worth_less_than_ten_dollars_is_refused_with_code_zero(signatory):
    answer = signatory.send(create(price="78", amount="0.1"))
    assert answer.status_code == 422
    assert answer.json()["code"] == 0
    assert answer.json()["error_id"] == "invalid_amount"
    assert answer.json()["error"] == f"Order amount too low for {signatory.address}: 7.8 < 10"
