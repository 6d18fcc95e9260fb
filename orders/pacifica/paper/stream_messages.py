"""What a client says on the stream, and what it hears back; about a bad subscription, nothing."""

import json
from typing import Any

from . import refusals, stream_rows
from .envelopes import as_json
from .stream import Stream, Topic
from .stream_connection import Connection
from .verification import public_key

PONG = b'{"channel":"pong"}'
INVALID = 400


def heard(stream: Stream, connection: Connection, text: str | bytes) -> None:
    """Take one message in, and send whatever it deserves."""
    message = _parsed(text)
    method = message.get("method")
    if method == "ping":
        connection.send(PONG)
    elif method in ("subscribe", "unsubscribe"):
        _change(stream, connection, method, _topic(message.get("params")))
    else:
        connection.send(error_frame(stream.exchange.now_ms(), message))


def error_frame(now_ms: int, message: dict[str, Any]) -> bytes:
    """Make the frame for a message that is none; it has an ``id`` only where the message had."""
    frame = {"code": INVALID, "err": "Invalid request", "t": now_ms}
    if isinstance(message.get("id"), str):
        frame = {"id": message["id"]} | frame
    return as_json(frame)


def _change(stream: Stream, connection: Connection, method: str, topic: Topic | None) -> None:
    """Subscribe or unsubscribe and say so; silence where that cannot be."""
    if topic is None:
        return
    if method == "unsubscribe":
        stream.unsubscribe(connection, topic)
    elif not stream.subscribe(connection, topic):
        return
    source, account = topic
    connection.send(as_json({"channel": method, "data": {"source": source, "account": account}}))
    if method == "subscribe" and source == stream_rows.OPEN_ORDERS:
        connection.send(stream.snapshot(account))


def _topic(params: Any) -> Topic | None:
    """Read source and account; None where the exchange knows no such source or account."""
    if not isinstance(params, dict):
        return None
    source, account = params.get("source"), params.get("account")
    if not isinstance(account, str) or not isinstance(source, str):
        return None
    if source not in stream_rows.SOURCES:
        return None
    try:
        public_key(account)
    except refusals.Refused:
        return None
    return source, account


def _parsed(text: str | bytes) -> dict[str, Any]:
    """Read the message; empty where it is no JSON object."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}
