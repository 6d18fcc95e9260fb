"""The paper exchange's stream: subscriptions, updates, pings, and how a connection ends."""

import contextlib
import json
import time
import uuid

import pytest
import requests
from websockets.exceptions import ConnectionClosed

from orders.pacifica import signing
from tests.helpers.paper import Signatory, running_paper_exchange
from tests.helpers.paper_stream import ORDERS, PATIENCE_S, STRATEGIES, TWAPS, connected

# As docs.pacifica.fi spells them.
ORDER_KEYS = "i I u s d p ip lp a f oe os ot sp si tp r ct ut li"
TWAP_KEYS = "i I u s d ta fa lp lv tv oe os r sp psa psc pasc et ct ut"


@pytest.fixture
def signatory(paper_exchange):
    return Signatory(paper_exchange)


@pytest.fixture
def client(paper_exchange, signatory):
    with connected(paper_exchange, signatory.address) as client:
        yield client


def seen(client):
    """What each update that came says happened: event and status."""
    return [(row["oe"], row["os"]) for row in client.updates()]


def test_an_update_has_the_documented_fields_and_says_what_happened(client, signatory):
    mine = str(uuid.uuid4())
    (order_id,) = signatory.paper.orders(signatory.address, [{"client_order_id": mine}])
    (row,) = client.updates()
    assert " ".join(row) == ORDER_KEYS
    assert (row["i"], row["I"], row["u"]) == (order_id, mine, signatory.address)
    assert (row["s"], row["d"], row["ip"], row["a"]) == ("BTC", "bid", "90000", "0.1")
    assert (row["oe"], row["os"], row["ot"], row["f"]) == ("make", "open", "limit", "0")


def test_fills_are_told_with_amount_and_prices(client, signatory):
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    signatory.paper.fill(order_id, "0.04", "89000")
    signatory.paper.fill(order_id, None, "91500")
    _, partly, wholly = client.updates()
    assert (partly["os"], partly["f"], partly["lp"]) == ("partially_filled", "0.04", "89000")
    assert (wholly["os"], wholly["f"], wholly["lp"]) == ("filled", "0.1", "91500")
    assert (wholly["p"], wholly["oe"]) == ("90500", "fulfill_limit")


def cancel(signatory, order_id):
    signatory.send(signing.cancel_order(symbol="BTC", order_id=order_id))


def cancel_in_batch(signatory, order_id):
    operation = signing.cancel_order(symbol="BTC", order_id=order_id)
    signatory.batch(("Cancel", signatory.body(operation)))


def cancel_all(signatory, order_id):
    signatory.send(signing.cancel_all_orders())


@pytest.mark.parametrize("act", [cancel, cancel_in_batch, cancel_all])
def test_each_kind_of_cancel_is_told(client, signatory, act):
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    act(signatory, order_id)
    assert seen(client) == [("make", "open"), ("cancel", "cancelled")]


def test_the_cancel_of_a_stop_is_told(client, signatory):
    stop = {"order_type": "stop_limit", "stop_price": "80000", "trigger_price_type": "mark_price"}
    (order_id,) = signatory.paper.orders(signatory.address, [stop])
    signatory.send(signing.cancel_stop_order(symbol="BTC", order_id=order_id))
    created, cancelled = client.updates()
    assert (created["oe"], created["sp"], created["tp"]) == ("stop_created", "80000", "mark_price")
    assert (cancelled["oe"], cancelled["os"]) == ("cancel", "cancelled")


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("force_cancel", "cancelled"),
        ("expired", "cancelled"),
        ("post_only_rejected", "rejected"),
        ("self_trade_prevented", "rejected"),
    ],
)
def test_what_the_exchange_closes_is_told(client, signatory, event, status):
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    signatory.paper.close(order_id, event)
    assert seen(client)[1:] == [(event, status)]


def test_an_edit_is_told_as_the_end_of_one_order_and_another_ones_begin(client, signatory):
    (old,) = signatory.paper.orders(signatory.address, 1)
    new = signatory.paper.edit(old, price="91000")
    told = [(row["i"], row["oe"], row["ip"]) for row in client.updates()]
    assert told[1:] == [(old, "cancel", "90000"), (new, "make", "91000")]


def test_li_rises_with_all_that_happens_anywhere_and_agrees_with_rest(client, signatory):
    other = Signatory(signatory.paper)
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    signatory.paper.orders(other.address, 3)
    signatory.paper.fill(order_id, "0.01")
    read = signatory.get("/orders").json()["last_order_id"]
    signatory.paper.close(order_id)
    placed, filled, cancelled = [row["li"] for row in client.updates()]
    assert placed < filled == read < cancelled
    assert filled - placed > 3
    assert signatory.get("/orders").json()["last_order_id"] == cancelled


def test_by_rule_li_rises_with_new_orders_only(client, signatory):
    signatory.paper.rules(li_counts="orders")
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    signatory.paper.close(order_id)
    assert [row["li"] for row in client.updates()] == [order_id, order_id]
    assert signatory.get("/orders").json()["last_order_id"] == order_id


def test_twap_orders_are_told_on_their_own_channel_in_their_own_words(client, signatory):
    client.subscribe(signatory.address, TWAPS)
    (order_id,) = signatory.paper.orders(signatory.address, [{"order_type": "twap"}])
    signatory.paper.fill(order_id, "0.04")
    signatory.send(signing.cancel_twap_order(symbol="BTC", order_id=order_id))
    rows = client.updates(TWAPS)
    assert " ".join(rows[0]) == TWAP_KEYS
    assert {row["i"] for row in rows} == {order_id}
    assert [(row["oe"], row["os"], row["fa"]) for row in rows] == [
        ("twap_created", "in_execution", "0"),
        ("sub_order_executed", "in_execution", "0.04"),
        ("cancel", "cancelled", "0.04"),
    ]
    assert seen(client) == []


def test_a_strategys_begin_and_end_are_told_as_one_object_each(client, signatory):
    client.subscribe(signatory.address, STRATEGIES)
    made = signatory.paper.strategy(signatory.address, replaces_after_ms=None)
    signatory.send(signing.cancel_order_strategy(strategy_id=made["strategy_id"]))
    begun, ended = [frame["data"] for frame in client.before_pong()]
    assert (begun["state"], ended["state"]) == ("open", "cancelled")
    assert begun["event_id"] < ended["event_id"]
    for told in (begun, ended):
        assert told["account"] == signatory.address
        assert told["strategy_id"] == made["strategy_id"]


def test_account_orders_shows_the_open_orders_on_subscribe_and_after_each_change(client, signatory):
    first, second = signatory.paper.orders(signatory.address, 2)
    client.before_pong()
    client.subscribe(signatory.address, "account_orders")
    assert [row["i"] for row in client.read()["data"]] == [first, second]
    signatory.paper.close(first)
    frames = [frame for frame in client.before_pong() if frame["channel"] == "account_orders"]
    assert [row["i"] for row in frames[0]["data"]] == [second]


def test_account_twap_orders_shows_the_open_ones_after_each_change_and_none_at_first(
    client, signatory
):
    client.subscribe(signatory.address, "account_twap_orders")
    assert client.before_pong() == []
    (order_id,) = signatory.paper.orders(signatory.address, [{"order_type": "twap"}])
    signatory.paper.close(order_id)
    frames = client.before_pong()
    assert [[row["i"] for row in frame["data"]] for frame in frames] == [[order_id], []]


def test_an_order_that_a_strategy_places_again_is_told_without_any_request(client, signatory):
    fields = {"symbol": "BTC", "side": "bid", "price": "90000", "initial_amount": "0.1"}
    made = signatory.paper.strategy(signatory.address, orders=[fields], replaces_after_ms=150)
    signatory.paper.close(made["order_ids"][0])
    placed, cancelled, again = [client.read()["data"][0] for _ in range(3)]
    assert (placed["oe"], cancelled["oe"], again["oe"]) == ("make", "cancel", "make")
    assert again["i"] not in made["order_ids"]


def test_by_rule_what_happens_at_once_comes_in_one_frame(client, signatory):
    signatory.paper.rules(stream_rows=3)
    ids = signatory.paper.orders(signatory.address, 4)
    frames = client.before_pong()
    assert [[row["i"] for row in frame["data"]] for frame in frames] == [ids[:3], ids[3:]]


def test_a_stop_of_the_exchange_closes_every_connection():
    with contextlib.ExitStack() as clients:
        with running_paper_exchange() as paper:
            client = clients.enter_context(connected(paper))
        assert closing_code(client) == 1001


def test_only_the_accounts_subscribed_to_are_told_of(client, signatory):
    other = Signatory(signatory.paper)
    signatory.paper.orders(other.address, 1)
    assert seen(client) == []
    client.ask("unsubscribe", ORDERS, signatory.address)
    assert client.read()["channel"] == "unsubscribe"
    signatory.paper.orders(signatory.address, 1)
    assert seen(client) == []


@pytest.mark.parametrize(
    "params",
    [
        None,
        {},
        [],
        {
            "source": "account_order_update",
            "account": "9C6hybhQ6Aycep9jaUnP6uL9ZYvDjUp1aSkFWPUFJtpj",
        },
        {"source": ORDERS},
        {"source": ORDERS, "account": "short"},
        {"source": ORDERS, "account": 5},
        {"source": [ORDERS], "account": "9C6hybhQ6Aycep9jaUnP6uL9ZYvDjUp1aSkFWPUFJtpj"},
    ],
)
@pytest.mark.parametrize("method", ["subscribe", "unsubscribe"])
def test_a_bad_subscription_is_met_with_silence(client, method, params):
    client.say({"method": method, "params": params})
    assert client.before_pong() == []


def test_more_subscriptions_of_a_source_than_allowed_are_met_with_silence(
    paper_exchange, signatory
):
    paper_exchange.rules(stream_subscriptions=2)
    more = [Signatory(paper_exchange).address for _ in range(2)]
    with connected(paper_exchange, signatory.address, more[0]) as client:
        client.ask("subscribe", ORDERS, more[1])
        assert client.before_pong() == []
        client.subscribe(more[0])
        client.subscribe(more[1], TWAPS)
        paper_exchange.orders(more[1], 1)
        assert seen(client) == []
        client.ask("unsubscribe", ORDERS, more[0])
        client.read()
        client.subscribe(more[1])


@pytest.mark.parametrize("message", [{"op": "ping"}, {"method": "order"}, "no JSON", b"\x00", "[]"])
def test_what_is_no_message_gets_an_error_frame_without_id(client, message):
    client.say(message)
    (frame,) = client.before_pong()
    assert (frame["code"], "err" in frame, "id" in frame) == (400, True, False)


def test_an_error_frame_repeats_the_id_of_the_message(client):
    client.say({"id": "4c0a", "params": {"cancel_order": {}}})
    (frame,) = client.before_pong()
    assert (frame["code"], frame["id"]) == (400, "4c0a")


def closing_code(client):
    """The code the exchange closes with; whatever comes before is passed over."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            client.socket.recv(timeout=PATIENCE_S)
    return closed.value.rcvd and closed.value.rcvd.code


def test_a_silent_client_is_closed_whatever_it_is_told_and_protocol_pings_do_not_count(
    paper_exchange, signatory
):
    with connected(paper_exchange, signatory.address, ping_interval=0.05) as client:
        paper_exchange.rules(stream_silence_s=0.3)
        client.before_pong()
        paper_exchange.orders(signatory.address, 1)
        assert closing_code(client) == 1000
    assert [one["reason"] for one in paper_exchange.connections()] == ["silent"]


def test_a_connection_that_talks_ends_with_its_life(paper_exchange):
    paper_exchange.rules(stream_life_s=0.3)
    deadline = time.monotonic() + PATIENCE_S
    with connected(paper_exchange) as client, pytest.raises(ConnectionClosed):
        while time.monotonic() < deadline:
            client.before_pong()
    assert [one["reason"] for one in paper_exchange.connections()] == ["lived"]


def test_a_connection_is_recorded_with_its_key_and_its_subscriptions(paper_exchange, signatory):
    headers = {"PF-API-KEY": "a key"}
    with connected(paper_exchange, signatory.address, additional_headers=headers) as client:
        (record,) = paper_exchange.connections()
        assert record["api_key"] == "a key"
        assert record["subscriptions"] == [[ORDERS, signatory.address]]
        assert record["closed_at"] is None
        client.before_pong()
    until_closed = iter(lambda: paper_exchange.connections()[0]["closed_at"], None)
    list(zip(range(1000), until_closed, strict=False))
    (record,) = paper_exchange.connections()
    assert record["closed_at"] >= record["connected_at"]
    assert (record["received"], record["reason"]) == (2, None)


def test_a_reset_closes_every_connection(paper_exchange, signatory):
    with connected(paper_exchange, signatory.address) as client:
        paper_exchange.reset()
        assert closing_code(client) == 1001
    assert paper_exchange.connections() == []


def test_updates_can_be_held_back_so_that_the_answer_comes_first(client, signatory):
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    client.before_pong()
    signatory.paper.rules(stream_delay_ms=60_000)
    cancel(signatory, order_id)
    assert client.before_pong() == []
    signatory.paper.rules(stream_delay_ms=10)
    (later,) = signatory.paper.orders(signatory.address, 1)
    assert client.read()["data"][0]["i"] == later


def test_what_asks_for_no_websocket_is_refused(paper_exchange):
    answer = requests.get(paper_exchange.stream_url.replace("ws:", "http:"), timeout=5)
    assert answer.status_code == 400


def test_frames_are_compact_text(client, signatory):
    signatory.paper.orders(signatory.address, 1)
    raw = client.socket.recv(timeout=PATIENCE_S)
    assert raw == json.dumps(json.loads(raw), separators=(",", ":"))
