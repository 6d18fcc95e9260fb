"""Frames of the exchange's stream: what is sent to it, and what each frame from it says. Pure.

Source: docs.pacifica.fi websocket pages. Nothing here raises for what the exchange sends: a frame
is read as far as it can be, row by row, and the odd rows are named beside the sound ones.
"""

import json
from dataclasses import dataclass
from typing import Any

from .rows import row_of
from .stream_rows import OrderUpdate, StrategyUpdate, TwapUpdate
from .strict_json import Repeated, parse_rows, spelled
from .strict_json import Unreadable as UnreadableJson
from .words import safe_text

ORDERS = "account_order_updates"
TWAPS = "account_twap_order_updates"
STRATEGIES = "account_order_strategy_updates"
SOURCES = (ORDERS, TWAPS, STRATEGIES)
PING = b'{"method":"ping"}'
KINDS: dict[str, type["AnyUpdate"]] = {
    ORDERS: OrderUpdate,
    TWAPS: TwapUpdate,
    STRATEGIES: StrategyUpdate,
}
AnyUpdate = OrderUpdate | StrategyUpdate


@dataclass(frozen=True)
class Update:
    """One row that names its account and its order, or its strategy.

    ``position``: of the row in its frame, from 1. ``row``: what of it could be read.
    """

    account: str
    position: int
    row: AnyUpdate

    @property
    def raw(self) -> bytes:
        """The row word for word."""
        return spelled(self.row.raw).encode()


@dataclass(frozen=True)
class Trouble:
    """A row that nobody can act on: it names no account, or no order, or is no object.

    ``raw``: its JSON text, cut, fit to show. ``account``, ``order_id``: what of them it says.
    """

    position: int
    why: str
    raw: str
    account: str | None = None
    order_id: int | None = None


@dataclass(frozen=True)
class Updates:
    """Changes of one channel, in the order in which they stand in the frame."""

    source: str
    updates: tuple[Update, ...]
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True)
class Subscribed:
    """The exchange acknowledges a subscription."""

    source: str
    account: str


@dataclass(frozen=True)
class Unsubscribed:
    """The exchange acknowledges the end of a subscription."""

    source: str
    account: str


@dataclass(frozen=True)
class Pong:
    """The answer to a ping."""


@dataclass(frozen=True)
class ErrorFrame:
    """A refusal. ``code`` and ``id`` are None where the frame has none that can be read."""

    code: int | None
    words: str
    id: str | None = None


@dataclass(frozen=True)
class Unreadable:
    """A frame that says nothing one could rely on; ``why``: in words."""

    why: str


Frame = Updates | Subscribed | Unsubscribed | Pong | ErrorFrame | Unreadable


def subscribe_message(source: str, account: str) -> bytes:
    """Spell the request to be told of one account's changes."""
    return _message("subscribe", source, account)


def unsubscribe_message(source: str, account: str) -> bytes:
    """Spell the request to be told of them no more."""
    return _message("unsubscribe", source, account)


def read_frame(raw: bytes) -> Frame:
    """Read one frame as far as it can be read."""
    try:
        frame = parse_rows(raw)
    except UnreadableJson as unreadable:
        return Unreadable(str(unreadable))
    if not isinstance(frame, dict):
        return Unreadable("not an object")
    if any(isinstance(value, Repeated) for value in frame.values()):
        return Unreadable("a key stands twice in the frame")
    if frame.get("err") or frame.get("error"):
        return _error(frame)
    return _of_channel(frame.get("channel"), frame)


def _message(method: str, source: str, account: str) -> bytes:
    params = {"source": source, "account": account}
    return json.dumps({"method": method, "params": params}, separators=(",", ":")).encode()


def _of_channel(channel: Any, frame: dict[str, Any]) -> Frame:
    if channel == "pong":
        return Pong()
    if channel in ("subscribe", "unsubscribe"):
        return _acknowledged(channel, frame.get("data"))
    if isinstance(channel, str) and channel in KINDS:
        return _updates(channel, frame.get("data"))
    if channel is None and isinstance(frame.get("code"), int) and frame["code"] != 200:
        return _error(frame)
    return Unreadable(f"a channel we did not ask for: {safe_text(spelled(channel))[:80]}")


def _acknowledged(channel: str, data: Any) -> Frame:
    stated = data if isinstance(data, dict) else {}
    source, account = stated.get("source"), stated.get("account")
    if not isinstance(source, str) or not isinstance(account, str):
        return Unreadable("an acknowledgement that does not say of what")
    return Subscribed(source, account) if channel == "subscribe" else Unsubscribed(source, account)


def _error(frame: dict[str, Any]) -> ErrorFrame:
    code, words, own = frame.get("code"), frame.get("err") or frame.get("error"), frame.get("id")
    return ErrorFrame(
        code=code if type(code) is int else None,
        words=safe_text(words if isinstance(words, str) else spelled(words)),
        id=own if isinstance(own, str) else None,
    )


def _updates(source: str, data: Any) -> Frame:
    items = [data] if isinstance(data, dict) else data  # strategies come one by one, without a list
    if not isinstance(items, list):
        return Unreadable("the rows are no list")
    read = [_update(source, *pair) for pair in enumerate(items, 1)]
    return Updates(
        source,
        tuple(each for each in read if isinstance(each, Update)),
        tuple(each for each in read if isinstance(each, Trouble)),
    )


def _update(source: str, position: int, item: Any) -> Update | Trouble:
    if not isinstance(item, dict):
        return Trouble(position, "it is no object", safe_text(spelled(item)))
    row = row_of(KINDS[source], item)
    name = "strategy_id" if isinstance(row, StrategyUpdate) else "order_id"
    if row.account is not None and getattr(row, name) is not None:
        return Update(row.account, position, row)
    missing = [each for each in ("account", name) if getattr(row, each) is None]
    return Trouble(
        position,
        f"{' and '.join(missing)} cannot be read",
        safe_text(spelled(item)),
        account=row.account,
        order_id=getattr(row, "order_id", None),
    )
