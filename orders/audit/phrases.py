"""The parts that a record's sentence is made of: who, which orders, how many, how it ended. Pure.

A record may be old or odd: what its facts do not tell is left out, never guessed.
"""

import json
from typing import Any

from orders.models import AuditRecord, AuditRecordOrder, CancelJob, Verification

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
}


def ending(outcome: str) -> str:
    """An outcome in words."""
    return ENDINGS.get(outcome) or str(outcome).replace("_", " ")


def who(record: AuditRecord) -> str:
    """Who acted, as a sentence begins with it."""
    name, is_command = record.operator_name, record.address in TERMINAL
    if name in TERMINAL or (is_command and not name):
        return "The command line"
    if name == SENDER:
        return "A sender"
    return f"{name} ({BY_COMMAND})" if is_command else name or "Somebody"


def by(record: AuditRecord | CancelJob | Verification) -> str:
    """Who acted, as a page's column shows it; empty for nobody."""
    name, is_command = record.operator_name, record.address in TERMINAL
    if name in TERMINAL or (is_command and not name):
        return BY_COMMAND
    if name == SENDER:
        return "a sender"
    return f"{name}, {BY_COMMAND}" if is_command else name


def of_orders(record: AuditRecord, row: AuditRecordOrder | None, count: int) -> str:
    """What a record speaks of: *BTC 28000000042*, *12 orders*, *the BTC orders of Alpha*."""
    names = (row.order_id, row.client_order_id) if row else (None, None)
    if count > 1:
        return several(count, "order" if any(names) else "account")
    if any(names):
        return f"{row.symbol} {names[0] or names[1]}".strip()
    return book(record, row.symbol) if row else "an order"


def book(record: AuditRecord, symbol: str = "") -> str:
    """A whole book, or all orders of one symbol in it."""
    what = f"the open {symbol} orders" if symbol else "the open orders"
    return f"{what} of {account(record)}"


def account(record: AuditRecord) -> str:
    """The account's name."""
    return record.account_name or "an account"


def several(number: int | dict[str, int] | list[int | list[Any] | None] | None, noun: str) -> str:
    """*1 order*, *2 orders*; *orders* where it is not told how many."""
    if not isinstance(number, int) or isinstance(number, bool):
        return f"{noun}s"
    return f"{number} {noun}{'' if number == 1 else 's'}"


def told(data: dict[str, Any], name: str) -> str:
    """A fact as text; empty where there is none."""
    value = data.get(name)
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()


def stopped(words: str) -> str:
    """Words that end with one full stop; empty words stay so."""
    words = str(words).strip()
    if not words or words[-1] in "!?…”":
        return words
    return f"{words.rstrip('.')}."


def begun(words: str) -> str:
    """Words as a sentence begins with them."""
    return words[:1].upper() + words[1:]


def quoted(reason: str) -> str:
    """*: “reason”*, or a full stop."""
    return f": “{reason}”" if reason else "."


def elapsed(data: dict[str, Any]) -> str:
    """*in 12 ms*, after a blank."""
    ms = data.get("elapsed_ms")
    return f" in {ms:.0f} ms" if isinstance(ms, int | float) else ""


def route(data: dict[str, Any]) -> str:
    """The route that a request or an answer went by."""
    return "/" + told(data, "url").partition("/api/v1/")[2].partition("?")[0]


def subject(
    record: AuditRecord, data: dict[str, Any], orders: str, cancel: str = "cancel of "
) -> str:
    """What a request asked for: *cancel of BTC 42*, *cancel-all for the book of Alpha*."""
    path = route(data)
    if told(data, "strategy_id"):
        return f"cancel of order strategy {told(data, 'strategy_id')} of {account(record)}"
    if path in LISTS:
        return f"the question for the {LISTS[path]} of {account(record)}"
    if path in WHOLE_BOOK:
        return f"{WHOLE_BOOK[path]} {orders}"
    return f"{cancel}{orders}"


def changes(data: dict[str, Any]) -> str:
    """What was changed, from what to what."""
    changed = data.get("changed")
    if not isinstance(changed, dict) or not changed:
        return "."
    return f": {', '.join(_change(name, values) for name, values in changed.items())}."


def _change(name: str, values: int | list[str] | None) -> str | None:
    name, (old, new) = name.replace("_", " "), (YES_NO.get(each, each) for each in values)
    if old == new:
        return name
    before = f" from “{old}”" if old else ""
    return f"{name}{before} to “{new}”" if new else f"{name}{before} to nothing"


def data_of(record: AuditRecord) -> dict[str, Any]:
    """The record's own facts; empty where they cannot be read."""
    try:
        data = json.loads(record.data)
    except (ValueError, TypeError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
