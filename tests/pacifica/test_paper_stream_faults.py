"""The paper exchange's stream goes wrong on command: connections, frames, rows, numbers."""

import asyncio
import json

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from orders.pacifica import signing
from orders.pacifica.paper import stream_server
from orders.pacifica.paper.exchange import PaperExchange
from orders.pacifica.paper.rules import Rules
from orders.pacifica.paper.stream_connection import FRAMES_AT_ONCE, Connection, ConnectionRecord
from tests.helpers.paper import Signatory
from tests.helpers.paper_stream import ORDERS, PATIENCE_S, connected


@pytest.fixture
def signatory(paper_exchange):
    return Signatory(paper_exchange)


@pytest.fixture
def client(paper_exchange, signatory):
    with connected(paper_exchange, signatory.address) as client:
        yield client


def place(signatory, count=1):
    return signatory.paper.orders(signatory.address, count)


def told(client):
    """The order ids of the updates that have come so far."""
    return [row["i"] for row in client.updates()]


def closing(client):
    """The close frame that the exchange sent, or None; what comes before it is passed over."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            client.socket.recv(timeout=PATIENCE_S)
    return closed.value.rcvd and closed.value.rcvd.code


@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_can_be_dropped_without_a_word(client, paper_exchange, reset):
    paper_exchange.fault("*", "stream_drop", reset=reset)
    assert closing(client) is None
    assert [one["reason"] for one in paper_exchange.connections()] == ["dropped"]


@pytest.mark.parametrize("code", [1000, 1001, 1011])
def test_a_connection_can_be_closed_with_any_code(client, paper_exchange, code):
    paper_exchange.fault("*", "stream_close", code=code)
    assert closing(client) == code


@pytest.mark.parametrize(("when", "is_told"), [("before", False), ("after", True)])
@pytest.mark.parametrize("kind", ["stream_drop", "stream_close"])
def test_a_connection_can_end_just_before_or_after_an_update(
    client, signatory, kind, when, is_told
):
    signatory.paper.fault("*", kind, when=when)
    place(signatory)
    frames = []
    with pytest.raises(ConnectionClosed):
        while True:
            frames.append(json.loads(client.socket.recv(timeout=PATIENCE_S)))
    assert len(frames) == is_told


def test_a_fault_of_one_account_leaves_the_other_accounts_connections_alone(signatory, client):
    other = Signatory(signatory.paper)
    with connected(signatory.paper, other.address) as others:
        signatory.paper.fault("*", "stream_drop", account=signatory.address)
        assert closing(client) is None
        assert others.before_pong() == []


def is_mute(client):
    client.say({"method": "ping"})
    with pytest.raises(TimeoutError):
        client.socket.recv(timeout=0.2)
    return True


def test_a_stalled_connection_stays_open_and_says_nothing_more(client, signatory):
    signatory.paper.fault("*", "stream_stall")
    place(signatory)
    assert is_mute(client)
    assert not client.socket.ping().wait(0.1)
    (record,) = signatory.paper.connections()
    assert (record["is_stalled"], record["closed_at"]) == (True, None)


def test_a_stalled_connection_may_answer_the_protocols_pings(client, signatory):
    signatory.paper.fault("*", "stream_stall", pings=True)
    place(signatory)
    assert client.socket.ping().wait(PATIENCE_S)
    assert is_mute(client)


class SilentSocket:
    """A connection whose client says nothing, and which stalls while the exchange listens."""

    def __init__(self, record):
        self.record, self.closed_with = record, None

    async def receive(self):
        self.record.is_stalled = True
        await asyncio.Event().wait()

    async def close(self, code):
        self.closed_with = code


def test_a_stalled_connection_is_not_closed_for_its_silence():
    async def outcome():
        exchange = PaperExchange(Rules(stream_silence_s=0.01))
        record = ConnectionRecord(1, 0, None, None)
        socket = SilentSocket(record)
        connection = Connection(socket=socket, record=record, transport=None)
        is_over = await stream_server.heard_out(exchange, connection)
        await connection.finished()
        return is_over, socket.closed_with

    assert asyncio.run(outcome()) == (False, None)


class PatientSocket:
    """A client that takes every frame at once."""

    frames = 0

    async def send_frame(self, frame, kind):
        self.frames += 1


def test_who_asks_something_does_not_wait_for_all_that_is_told():
    async def told_before_our_turn():
        socket = PatientSocket()
        connection = Connection(
            socket=socket, record=ConnectionRecord(1, 0, None, None), transport=None
        )
        for _ in range(1_000):
            connection.send(b"{}")
        while not socket.frames:
            await asyncio.sleep(0)
        told = socket.frames
        await connection.finished()
        return told

    assert asyncio.run(told_before_our_turn()) == FRAMES_AT_ONCE


def test_a_connection_can_stall_before_an_update_and_a_new_one_works(client, signatory):
    signatory.paper.fault("*", "stream_stall", when="before")
    place(signatory)
    assert is_mute(client)
    with connected(signatory.paper, signatory.address) as second:
        ids = place(signatory)
        assert told(second) == ids


def test_an_update_can_be_lost(client, signatory):
    signatory.paper.fault("*", "stream_lose", skip=1)
    first, _, third = place(signatory, 3)
    assert told(client) == [first, third]


def test_an_update_can_come_twice(client, signatory):
    signatory.paper.fault("*", "stream_twice")
    first, second = place(signatory, 2)
    assert told(client) == [first, first, second]


def test_two_updates_can_come_in_the_wrong_order(client, signatory):
    signatory.paper.fault("*", "stream_swap")
    first, second, third = place(signatory, 3)
    assert told(client) == [second, first, third]


def test_a_swapped_update_that_no_other_follows_comes_late(client, signatory):
    signatory.paper.fault("*", "stream_swap", hold_ms=100)
    (order_id,) = place(signatory)
    assert client.read()["data"][0]["i"] == order_id


def test_an_update_can_come_late(client, signatory):
    signatory.paper.fault("*", "stream_late", delay_ms=100)
    first, second = place(signatory, 2)
    assert [client.read()["data"][0]["i"] for _ in range(2)] == [second, first]


def test_an_update_still_on_its_way_at_a_reset_never_comes(paper_exchange, signatory):
    with connected(paper_exchange, signatory.address):
        paper_exchange.fault("*", "stream_late", delay_ms=100)
        place(signatory)
        paper_exchange.reset()
    with connected(paper_exchange, signatory.address) as client, pytest.raises(TimeoutError):
        client.socket.recv(timeout=0.3)


def test_a_fault_can_be_meant_for_one_accounts_updates(client, signatory):
    other = Signatory(signatory.paper)
    client.subscribe(other.address)
    signatory.paper.fault("*", "stream_lose", account=other.address)
    place(other)
    mine = place(signatory)
    assert told(client) == mine


def test_the_last_order_id_can_leap(client, signatory):
    place(signatory)
    signatory.paper.fault("*", "stream_gap", by=5000)
    place(signatory)
    first, second = [row["li"] for row in client.updates()]
    assert second == first + 5001
    assert signatory.get("/orders").json()["last_order_id"] == second


def test_an_error_frame_without_id_can_come_between_updates(client, signatory):
    signatory.paper.fault("*", "stream_error", code=500, err="Unknown error")
    place(signatory)
    error, update = client.before_pong()
    assert (error["code"], error["err"], "id" in error) == (500, "Unknown error", False)
    assert update["channel"] == ORDERS


def test_a_row_among_the_updates_can_be_odd(client, signatory):
    signatory.paper.rules(stream_rows=10)
    signatory.paper.fault(
        "*", "stream_altered", change={"os": "melted"}, without=["li"], which="first"
    )
    place(signatory, 2)
    odd, sound = client.updates()
    assert (odd["os"], "li" in odd) == ("melted", False)
    assert (sound["os"], "li" in sound) == ("open", True)


def test_any_text_and_any_bytes_can_stand_for_an_update(client, signatory):
    signatory.paper.fault("*", "stream_frame", body="<html>")
    signatory.paper.fault("*", "stream_frame", body_base64="AP8=")
    place(signatory, 2)
    assert client.socket.recv(timeout=PATIENCE_S) == "<html>"
    assert client.socket.recv(timeout=PATIENCE_S) == b"\x00\xff"


@pytest.mark.parametrize("status", [503, 429, None])
def test_handshakes_can_be_refused(paper_exchange, status):
    paper_exchange.fault("*", "stream_refuse", times=2, status=status)
    for _ in range(2):
        with pytest.raises((InvalidHandshake, EOFError, OSError)), connected(paper_exchange):
            pass
    with connected(paper_exchange) as client:
        assert client.before_pong() == []


def test_handshakes_can_be_refused_until_a_time_has_passed(paper_exchange):
    paper_exchange.fault("*", "stream_refuse", times=None, for_ms=60_000)
    for _ in range(3):
        with pytest.raises(InvalidHandshake), connected(paper_exchange):
            pass
    paper_exchange.disarm()
    paper_exchange.fault("*", "stream_refuse", times=None, for_ms=0)
    with connected(paper_exchange) as client:
        assert client.before_pong() == []
    assert paper_exchange.faults() == []


def test_the_event_can_come_before_the_answer_to_the_cancel(client, signatory):
    (order_id,) = place(signatory)
    client.before_pong()
    signatory.paper.fault("/orders/cancel", "delay_after", delay_ms=30_000)
    body = signatory.body(signing.cancel_order(symbol="BTC", order_id=order_id))
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            signatory.paper.url + "/orders/cancel", data=signing.body_bytes(body), timeout=0.05
        )
    assert client.read()["data"][0]["oe"] == "cancel"


def test_a_fault_of_requests_spoils_no_update_and_one_of_updates_no_request(client, signatory):
    signatory.paper.fault("*", "status", status=500)
    signatory.paper.fault("*", "stream_lose", times=2)
    (lost,) = place(signatory)
    assert told(client) == []
    assert signatory.get("/orders").status_code == 500
    assert signatory.get("/orders").status_code == 200
    assert [one["kind"] for one in signatory.paper.faults()] == ["stream_lose"]
    assert lost


def test_a_stale_read_has_the_last_order_id_of_its_moment(signatory):
    place(signatory)
    then = signatory.get("/orders").json()["last_order_id"]
    signatory.paper.fault("*", "stale_reads", for_ms=60_000)
    (later,) = place(signatory)
    assert signatory.get("/orders").json()["last_order_id"] == then
    signatory.paper.fault("*", "stale_reads", for_ms=60_000, newest_id=True)
    (latest,) = place(signatory)
    answer = signatory.get("/orders").json()
    assert answer["last_order_id"] == latest
    assert later in [row["order_id"] for row in answer["data"]]
    assert latest not in [row["order_id"] for row in answer["data"]]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"kind": "stream_drop", "when": "never"}, "A fault happens now, before, after"),
        ({"kind": "stream_lose", "delay_ms": 5}, "Fault stream_lose takes nothing; not delay_ms"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_a_sentence(paper_exchange, fault, sentence):
    with pytest.raises(ValueError, match=sentence):
        paper_exchange.fault("*", **fault)
