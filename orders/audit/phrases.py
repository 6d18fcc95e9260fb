"""The parts that a record's sentence is made of: who, which orders, how many, how it ended. Pure.

A record may be old or odd: what its facts do not tell is left out, never guessed.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from orders.models import AuditRecord, AuditRecordOrder

# Makes a sentence of a record, its facts, who acted and which orders the record speaks of.
Say = Callable[[AuditRecord, dict[str, Any], str, str], str]


class Acted(Protocol):
    """A record, a job, a verification or an export: a row that names the person behind it."""

    @property
    def operator_name(self) -> str: ...

    @property
    def address(self) -> str: ...


class OrderName(NamedTuple):
    """What names an order where its row was read without the models."""

    symbol: str
    order_id: int | None
    client_order_id: str | None
    outcome: str = ""


BY_COMMAND = "by the command line"
TERMINAL = {"(command line)", "(terminal)"}
SENDER = "(sender)"
WHOLE_BOOK = {
    "/orders/cancel_all": "cancel-all for",
    "/order_strategies/cancel": "cancel of an order strategy in",
}
LISTS = {
    "/agent/list": "agent wallets",
    "/order_strategies/list": "order strategies",
}
YES_NO = {"True": "yes", "False": "no", "None": ""}
ENDINGS = {
    "queued": "to be sent again",
    "sending": "being sent",
    "unknown": "unknown, being asked",
    "settling": "confirming",
    "cancelled": "cancelled",
    "filled": "filled first",
    "gone": "already gone",
    "not_found": "not found",
    "refused": "refused",
    "stopped": "stopped",
    "expired": "expired, never sent",
    "closed_by_operator": "closed by an operator",
    "accepted": "accepted",
    "throttled": "to be sent again later",
    "waiting": "to be sent again",
    "finishing": "being read back",
    "empty": "seen empty",
    "needs_you": "not seen empty, needs somebody",
    "withdrawn": "withdrawn, never sent",
    "closed": "closed by an operator, not seen empty",
    "mixed": "not the same for each",
    "out_of_time": "expired, nobody decided",
    "alone": "done by one person alone",
}


def ending(outcome: str) -> str:
    """Return an outcome in words."""
    return ENDINGS.get(outcome) or str(outcome).replace("_", " ")


def who(record: AuditRecord) -> str:
    """Say who acted, as a sentence begins with it."""
    name, is_command = record.operator_name, record.address in TERMINAL
    if name in TERMINAL or (is_command and not name):
        return "The command line"
    if name == SENDER:
        return "A sender"
    if guard := told(data_of(record), "guard"):
        return f"{name or 'Somebody'} (automatically, by {guard})"
    if token := told(data_of(record), "token"):
        return f"{name or 'Somebody'} (by API token {token})"
    return f"{name} ({BY_COMMAND})" if is_command else name or "Somebody"


def by(row: Acted) -> str:
    """Say who acted, as a page's column shows it; empty for nobody."""
    name, is_command = row.operator_name, row.address in TERMINAL
    if name in TERMINAL or (is_command and not name):
        return BY_COMMAND
    if name == SENDER:
        return "a sender"
    if guard := _named(row, "guard"):
        return f"{name}, automatically by {guard}"
    if token := _named(row, "token"):
        return f"{name}, by API token {token}"
    return f"{name}, {BY_COMMAND}" if is_command else name


def _named(row: Acted, what: str) -> str:
    """Return the API token, or what acted by itself; a record has it among its facts.

    A record's ``guard`` is a guard, a schedule or a latch, and does not tell which.
    """
    if isinstance(row, AuditRecord):
        return told(data_of(row), what)
    return str(getattr(row, f"{what}_name", ""))


def of_orders(record: AuditRecord, row: AuditRecordOrder | OrderName | None, count: int) -> str:
    """Say what a record speaks of: *BTC 28000000042*, *12 orders*, *the BTC orders of Alpha*."""
    if row is None:
        return several(count, "account") if count > 1 else "an order"
    name = row.order_id or row.client_order_id
    if count > 1:
        return several(count, "order" if name else "account")
    return f"{row.symbol} {name}".strip() if name else book(record, row.symbol)


def book(record: AuditRecord, symbol: str = "") -> str:
    """Name all open orders of an account, or those of one symbol."""
    what = f"the open {symbol} orders" if symbol else "the open orders"
    return f"{what} of {account(record)}"


def account(record: AuditRecord) -> str:
    """Return the account's name."""
    return record.account_name or "an account"


def several(number: Any, noun: str) -> str:
    """Return *1 order*, *2 orders*; *orders* where a fact does not tell how many."""
    if not isinstance(number, int) or isinstance(number, bool):
        return f"{noun}s"
    return f"{number} {noun}{'' if number == 1 else 's'}"


def told(data: dict[str, Any], name: str) -> str:
    """Return a fact as text; empty where there is none."""
    value = data.get(name)
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()


def stopped(words: str) -> str:
    """End the words with one full stop; empty words stay so."""
    words = str(words).strip()
    if not words or words[-1] in "!?…”":
        return words
    return f"{words.rstrip('.')}."


def begun(words: str) -> str:
    """Return the words as a sentence begins with them."""
    return words[:1].upper() + words[1:]


def quoted(reason: str) -> str:
    """Return *: “reason”*, or a full stop."""
    return f": “{reason}”" if reason else "."


def elapsed(data: dict[str, Any]) -> str:
    """Return *in 12 ms*, after a blank; empty where no duration is told."""
    ms = data.get("elapsed_ms")
    return f" in {ms:.0f} ms" if isinstance(ms, int | float) else ""


def route(data: dict[str, Any]) -> str:
    """Return the route that a request or an answer went by."""
    return "/" + told(data, "url").partition("/api/v1/")[2].partition("?")[0]


def subject(
    record: AuditRecord, data: dict[str, Any], orders: str, cancel: str = "cancel of "
) -> str:
    """Say what a request asked for: *cancel of BTC 42*, *cancel-all for the book of Alpha*."""
    path = route(data)
    if told(data, "strategy_id"):
        return f"cancel of order strategy {told(data, 'strategy_id')} of {account(record)}"
    if path in LISTS:
        return f"the question for the {LISTS[path]} of {account(record)}"
    if path in WHOLE_BOOK:
        return f"{WHOLE_BOOK[path]} {orders}"
    return f"{cancel}{orders}"


def changes(data: dict[str, Any]) -> str:
    """Say what was changed, from what to what."""
    changed = data.get("changed")
    if not isinstance(changed, dict) or not changed:
        return "."
    return f": {', '.join(_change(name, values) for name, values in changed.items())}."


def _change(name: str, values: list[Any]) -> str:
    name, (old, new) = name.replace("_", " "), (YES_NO.get(each, each) for each in values)
    if old == new:
        return name
    before = f" from “{old}”" if old else ""
    return f"{name}{before} to “{new}”" if new else f"{name}{before} to nothing"


def data_of(record: AuditRecord) -> dict[str, Any]:
    """Return the record's own facts; empty where they cannot be read."""
    try:
        data = json.loads(record.data)
    except (ValueError, TypeError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
