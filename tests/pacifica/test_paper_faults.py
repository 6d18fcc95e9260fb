"""The paper exchange goes wrong on command, and its ledger tells what really happened."""

import base64
import hashlib
import time

import pytest
import requests

from orders.pacifica import signing
from tests.helpers.paper import Signatory


@pytest.fixture
def signatory(paper_exchange):
    return Signatory(paper_exchange)


@pytest.fixture
def order_id(signatory):
    return signatory.paper.orders(signatory.address, 1)[0]


def cancel(order_id):
    return signing.cancel_order(symbol="BTC", order_id=order_id)


def is_open(signatory, order_id):
    return signatory.paper.truth()[order_id]["is_open"]


def until(condition):
    """Wait for what another thread is about to do; fails after half a minute."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(("kind", "applied"), [("drop", False), ("apply_then_drop", True)])
def test_a_dropped_request_was_applied_or_not_as_told(signatory, order_id, kind, applied, reset):
    signatory.paper.fault("/orders/cancel", kind, reset=reset)
    with pytest.raises(requests.ConnectionError):
        signatory.send(cancel(order_id))
    assert is_open(signatory, order_id) is not applied
    (seen,) = signatory.paper.requests("/orders/cancel")
    assert seen["fault"] == kind
    assert seen["verdict"] == ("accepted" if applied else "not_processed")


@pytest.mark.parametrize("applied", [False, True])
def test_any_status_can_be_answered_whether_or_not_applied(signatory, order_id, applied):
    signatory.paper.fault("*", "status", status=504, applied=applied)
    answer = signatory.send(cancel(order_id))
    assert (answer.status_code, answer.json()["error"]) == (504, "Request timed out")
    assert is_open(signatory, order_id) is not applied


def test_any_body_can_be_answered(signatory):
    ugly = b'\x00\xff{"success":true'
    signatory.paper.fault(
        "/info",
        "status",
        status=200,
        body_base64=base64.b64encode(ugly).decode(),
        content_type="application/json",
        headers={"X-More": "1"},
    )
    answer = signatory.get("/info")
    assert (answer.status_code, answer.content) == (200, ugly)
    assert answer.headers["X-More"] == "1"
    signatory.paper.fault("/info", "status", status=200, body={"success": "true"})
    assert signatory.get("/info").json() == {"success": "true"}
    signatory.paper.fault("/info", "status", status=502, body="<html>", content_type="text/html")
    assert signatory.get("/info").headers["Content-Type"] == "text/html"


def test_delay_before_acts_after_the_wait_and_delay_after_before_it(signatory):
    for kind, applied in (("delay_before", False), ("delay_after", True)):
        (order_id,) = signatory.paper.orders(signatory.address, 1)
        signatory.paper.fault("/orders/cancel", kind, delay_ms=30_000)
        body = signing.body_bytes(signatory.body(cancel(order_id)))
        with pytest.raises(requests.ReadTimeout):
            requests.post(signatory.paper.url + "/orders/cancel", data=body, timeout=0.05)
        until(lambda one=order_id, left=not applied: is_open(signatory, one) is left)


def test_a_late_request_acts_after_the_client_gave_up(signatory, order_id):
    signatory.paper.fault("/orders/cancel", "late", delay_ms=100)
    body = signing.body_bytes(signatory.body(cancel(order_id)))
    with pytest.raises(requests.ReadTimeout):
        requests.post(signatory.paper.url + "/orders/cancel", data=body, timeout=0.03)
    until(lambda: not is_open(signatory, order_id))
    ledger = signatory.paper.ledger()
    (seen,), (*_, effect) = ledger["requests"], ledger["effects"]
    assert effect["at_ms"] - seen["at_ms"] >= 90


def test_a_late_request_does_nothing_once_it_has_expired(signatory, order_id):
    signatory.paper.fault("/orders/cancel", "late", delay_ms=60, hold_ms=0)
    with pytest.raises(requests.ConnectionError):
        signatory.send(cancel(order_id), expiry_window=20)
    (seen,) = signatory.paper.requests("/orders/cancel")
    assert (seen["verdict"], seen["reason"]) == ("refused", "Invalid message")
    assert is_open(signatory, order_id)


def test_a_request_still_waiting_at_a_reset_never_acts(signatory):
    for kind in ("late", "delay_before"):
        signatory.paper.fault("/agent/bind", kind, delay_ms=60)
    new = str(signatory.main.pubkey())
    bind = signing.Operation("bind_agent_wallet", "/agent/bind", {"agent_wallet": new})
    body = signing.body_bytes(signatory.body(bind, by_agent=False) | bind.payload)
    for _ in range(2):
        with pytest.raises(requests.ReadTimeout):
            requests.post(signatory.paper.url + "/agent/bind", data=body, timeout=0.02)
    until(lambda: signatory.paper.faults() == [])  # both have arrived
    signatory.paper.reset()
    signatory.paper.account(signatory.address)
    time.sleep(0.08)
    listed = signatory.send(signing.list_agent_wallets(), by_agent=False)
    assert listed.json()["data"]["agent_wallets"] == []


def test_a_late_request_is_never_answered(signatory, order_id):
    signatory.paper.fault("/orders/cancel", "late", delay_ms=0, hold_ms=0)
    with pytest.raises(requests.ConnectionError):
        signatory.send(cancel(order_id))
    assert not is_open(signatory, order_id)


def test_a_dripping_body_arrives_whole_but_slowly(signatory, order_id):
    signatory.paper.fault("/orders/cancel", "drip", chunk_bytes=9, interval_ms=10)
    started = time.monotonic()
    answer = signatory.send(cancel(order_id))
    assert answer.json()["success"] is True
    assert time.monotonic() - started > 0.05


@pytest.mark.parametrize("applied", [False, True])
def test_a_huge_body_has_the_size_asked_for(signatory, order_id, applied):
    signatory.paper.fault("/orders/cancel", "huge", size=300_000, applied=applied)
    answer = signatory.send(cancel(order_id))
    assert len(answer.content) == 300_000
    assert answer.json()["success"] is True
    assert is_open(signatory, order_id) is not applied


@pytest.mark.parametrize("amount", [None, "0.04"])
def test_fill_first_fills_before_the_cancel_arrives(signatory, order_id, amount):
    signatory.paper.fault("/orders/cancel", "fill_first", amount=amount)
    answer = signatory.send(cancel(order_id))
    truth = signatory.paper.truth()[order_id]
    if amount is None:
        assert answer.json()["error"] == "Failed to cancel order"
        assert truth["order_status"] == "filled"
    else:
        assert answer.status_code == 200
        assert (truth["filled_amount"], truth["cancelled_amount"]) == ("0.04", "0.06")


def test_fill_first_reaches_a_batch_and_a_cancel_all(signatory):
    ids = signatory.paper.orders(signatory.address, 3)
    signatory.paper.fault("*", "fill_first", times=2)
    results = signatory.batch(("Cancel", signatory.body(cancel(ids[0])))).json()["data"]["results"]
    assert results[0]["success"] is False
    assert signatory.send(signing.cancel_all_orders()).json()["data"]["cancelled_count"] == 1
    truth = signatory.paper.truth()
    assert [truth[one]["order_status"] for one in ids] == ["filled", "filled", "cancelled"]


def test_stale_reads_show_the_old_book_while_writes_go_on(signatory, order_id):
    signatory.paper.fill(order_id, "0.05")
    signatory.paper.fault("*", "stale_reads", for_ms=60_000)
    signatory.send(cancel(order_id))
    (later,) = signatory.paper.orders(signatory.address, 1)
    (row,) = signatory.get("/orders").json()["data"]
    assert (row["order_id"], row["filled_amount"]) == (order_id, "0.05")
    newest = signatory.get("/orders/history_by_id", order_id=order_id).json()["data"][0]
    assert newest["event_type"] == "cancel"
    signatory.paper.disarm()
    assert signatory.open_ids() == [later]


def test_stale_reads_can_reach_the_histories(signatory, order_id):
    signatory.paper.fault("*", "stale_reads", for_ms=60_000, history=True)
    signatory.send(cancel(order_id))
    (later,) = signatory.paper.orders(signatory.address, 1)
    (row,) = signatory.get("/orders/history").json()["data"]
    assert (row["order_status"], row["reason"]) == ("open", None)
    rows = signatory.get("/orders/history_by_id", order_id=order_id).json()["data"]
    assert [one["event_type"] for one in rows] == ["make"]
    assert signatory.get("/orders/history_by_id", order_id=later).status_code == 404


def test_stale_reads_end_by_themselves(signatory, order_id):
    signatory.paper.fault("*", "stale_reads", for_ms=50)
    signatory.send(cancel(order_id))
    until(lambda: signatory.open_ids() == [])


def test_faults_are_used_up_in_order_and_only_on_their_route(signatory):
    paper = signatory.paper
    paper.fault("/info", "status", status=500, times=2)
    paper.fault("/info", "status", status=502, skip=1)
    paper.fault("/orders", "status", status=503, account="somebody else")
    assert signatory.get("/orders").status_code == 200
    statuses = [signatory.get("/info").status_code for _ in range(5)]
    assert statuses == [500, 500, 200, 502, 200]
    assert [one["route"] for one in paper.faults()] == ["/orders"]


def test_a_fault_without_a_count_never_ends(signatory):
    signatory.paper.fault("/info", "status", status=503, times=None)
    assert {signatory.get("/info").status_code for _ in range(5)} == {503}


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"route": "*", "kind": "magic"}, "There is no fault 'magic'"),
        ({"route": "*", "kind": "drop", "delay_ms": 5}, "Fault drop takes reset; not delay_ms"),
        ({"route": "orders", "kind": "drop"}, "A fault's route is"),
        ({"route": "*", "kind": "drop", "times": "2"}, "A fault's times is a whole number"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_a_sentence(signatory, fault, sentence):
    with pytest.raises(ValueError, match=sentence):
        signatory.paper.fault(**fault)


def test_the_ledger_names_every_request_and_the_effects_it_caused(signatory):
    first, second = signatory.paper.orders(signatory.address, 2)
    signatory.paper.fill(second, "0.01")
    mark = signatory.paper.ledger()["next"]
    body = signatory.body(cancel(first))
    signatory.post("/orders/cancel", body)
    signatory.send(cancel(5))
    signatory.get("/orders")
    ledger = signatory.paper.ledger(since=mark)
    one, two, three = ledger["requests"]
    assert (one["route"], one["verdict"], one["order_ids"]) == (
        "/orders/cancel",
        "accepted",
        [first],
    )
    assert (one["signer"], one["account"]) == (signatory.agent_wallet, signatory.address)
    assert one["timestamp"] == body["timestamp"]
    assert one["body_sha256"] == hashlib.sha256(signing.body_bytes(body)).hexdigest()
    assert (two["verdict"], two["reason"]) == ("refused", "Failed to cancel order")
    assert (three["method"], three["route"]) == ("GET", "/orders")
    (effect,) = ledger["effects"]
    assert (effect["order_id"], effect["event"], effect["request"]) == (first, "cancel", one["n"])
    assert effect["cancelled_amount"] == "0.1"
    assert [two["n"] for two in ledger["requests"]] == sorted(
        two["n"] for two in ledger["requests"]
    )


def test_the_ledger_tells_each_item_of_a_batch(signatory, order_id):
    signatory.batch(*[("Cancel", signatory.body(cancel(one))) for one in (order_id, 5)])
    (seen,) = signatory.paper.requests("/orders/batch")
    assert (seen["order_ids"], seen["results"]) == ([order_id, 5], [True, False])


@pytest.mark.parametrize(
    ("which", "prices"),
    [
        ("first", [None, "90000"]),
        ("last", ["90000", None]),
        ("every", [None, None]),
        ("added", ["90000", "90000", None]),
        ("none", []),
    ],
)
def test_rows_of_an_answer_are_altered(signatory, which, prices):
    signatory.paper.orders(signatory.address, 2)
    altered = {"change": {"price": None}, "without": ["side"], "which": which}
    signatory.paper.fault("/orders", "altered", **altered)
    rows = signatory.get("/orders").json()["data"]
    assert [row["price"] for row in rows] == prices
    assert [("side" in row) for row in rows] == [price is not None for price in prices]
    assert all("side" in row for row in signatory.get("/orders").json()["data"])


def test_a_row_is_altered_by_name_spelled_as_given_and_put_beside_the_sound_one(signatory):
    ids = signatory.paper.orders(signatory.address, 2)
    about = {"which": {"order_id": ids[0]}, "is_twin": True, "spelled": {"price": "1e999"}}
    signatory.paper.fault("/orders", "altered", **about, beside='{"a": 1, "a": 2}')
    text = signatory.get("/orders").text
    assert text.count('"price": 1e999') == 1
    assert text.count(f'"order_id": {ids[0]}') == 2
    assert '{"a": 1, "a": 2}' in text


def test_altered_results_of_a_batch_do_not_change_what_was_done(signatory, order_id):
    signatory.paper.fault("/orders/batch", "altered", change={"success": False, "error": "no"})
    (result,) = signatory.batch(("Cancel", signatory.body(cancel(order_id)))).json()["data"][
        "results"
    ]
    assert (result["success"], result["error"]) == (False, "no")
    assert not is_open(signatory, order_id)
