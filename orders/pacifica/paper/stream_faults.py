"""What a fault makes of the stream: of its connections at once, or of an update on its way."""

import base64
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from .altered_rows import altered_rows
from .envelopes import as_json
from .faults import Fault
from .stream_connection import Binary, Connection

if TYPE_CHECKING:
    from .stream import Stream, Topic

# (stream, whom it is for, the frame as it should be, the fault)
Spoiler = Callable[["Stream", "Topic", bytes, Fault], None]


def act_at_once(stream: "Stream", fault: Fault) -> None:
    """Do what the fault says now: to all connections, or to those subscribed to its account."""
    if fault.kind == "stream_gap":
        stream.exchange.book.last_order_id += fault.params["by"]
        return
    for connection in [*stream.connections.values()]:
        if fault.account is None or connection.is_subscribed_to(fault.account):
            _break(connection, fault)


def send_spoiled(stream: "Stream", topic: "Topic", frame: bytes, fault: Fault) -> None:
    """Send an update as the fault wants it."""
    SPOILERS[fault.kind](stream, topic, frame, fault)


def _break(connection: Connection, fault: Fault) -> None:
    if fault.kind == "stream_drop":
        connection.abort(reason="dropped", reset=fault.params["reset"])
    elif fault.kind == "stream_close":
        connection.close(code=fault.params["code"], reason="closed")
    else:
        connection.stall(pings=fault.params["pings"])


def _broken(stream: "Stream", topic: "Topic", frame: bytes, fault: Fault) -> None:
    if fault.params["when"] == "after":
        stream.send(topic, frame)
    for connection in stream.listening(topic):
        connection.then(partial(_break, connection, fault))


def _lost(stream: "Stream", topic: "Topic", frame: bytes, fault: Fault) -> None:
    pass


def _twice(stream: "Stream", topic: "Topic", frame: bytes, fault: Fault) -> None:
    stream.send(topic, frame)
    stream.send(topic, frame)


def _swapped(stream: "Stream", topic: "Topic", frame: bytes, fault: Fault) -> None:
    stream.hold(topic, frame)
    stream.later(fault.params["hold_ms"], lambda: stream.release(topic))


def _late(stream: "Stream", topic: "Topic", frame: bytes, fault: Fault) -> None:
    stream.later(fault.params["delay_ms"], lambda: stream.send(topic, frame))


def _after_an_error(stream: "Stream", topic: "Topic", frame: bytes, fault: Fault) -> None:
    stream.send(topic, as_json(fault.params | {"t": stream.exchange.now_ms()}))
    stream.send(topic, frame)


def _altered(stream: "Stream", topic: "Topic", frame: bytes, fault: Fault) -> None:
    stream.send(topic, altered_rows(frame, **fault.params))


def _replaced(stream: "Stream", topic: "Topic", frame: bytes, fault: Fault) -> None:
    if fault.params["body_base64"] is not None:
        stream.send(topic, Binary(base64.b64decode(fault.params["body_base64"])))
    else:
        stream.send(topic, fault.params["body"].encode())


SPOILERS: dict[str, Spoiler] = {
    "stream_drop": _broken,
    "stream_close": _broken,
    "stream_stall": _broken,
    "stream_lose": _lost,
    "stream_twice": _twice,
    "stream_swap": _swapped,
    "stream_late": _late,
    "stream_error": _after_an_error,
    "stream_altered": _altered,
    "stream_frame": _replaced,
}
