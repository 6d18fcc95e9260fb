"""Whom an answer names: one that names another order, symbol or account answers another question.

The documented answers to signed requests name nobody, batch items apart. Where a name stands it
counts at any depth; all other fields are tolerated.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

MAX_WORDS = 1200  # of an error: enough to read, too short to make a pattern slow
NOUNS = {
    "order_id": "order",
    "client_order_id": "order",
    "strategy_id": "strategy",
    "symbol": "symbol",
    "account": "account",
}
_FIELDS = {name.replace("_", ""): name for name in NOUNS}
_FIELDS |= {f"{kind}orderid": "order_id" for kind in ("stop", "twap", "cancelled", "canceled")}
_FIELDS |= {f"{spelled}s": name for spelled, name in _FIELDS.items()}  # several in a list
_INSIDE = {("order", "id"): "order_id", ("account", "address"): "account"}
_DIGITS = re.compile(r"[0-9]{1,20}")
# Answers to other requests (docs.pacifica.fi cancel-all, batch-order and api-agent-keys pages).
_OTHER_KINDS = ("cancelled_count", "results", "agent_wallets")
# Names in the words of a no (docs.pacifica.fi error-codes page).
_KEY, _UUID = r"[1-9A-HJ-NP-Za-km-z]{32,44}", r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_IN_WORDS = [
    ("account", re.compile(rf"\b(?i:account not found:|order not found for) ({_KEY})\b")),
    ("order_id", re.compile(r"\border not found for \S{1,64}: ([0-9]{1,20})\b", re.IGNORECASE)),
    ("client_order_id", re.compile(rf"\bclient order id: ({_UUID})\b", re.IGNORECASE)),
]


@dataclass(frozen=True)
class Subject:
    """What one request was about, to hold its answer against. What is None is not compared.

    ``client_order_id``: empty where the order is known to have none, so that any is another's.
    ``is_all_symbols``: it was about every symbol, so that an answer for one is none to it.
    """

    order_id: int | None = None
    client_order_id: str | None = None
    strategy_id: str | None = None
    symbol: str | None = None
    account: str | None = None
    is_all_symbols: bool = False


def another(subjects: Sequence[Subject], value: Any) -> tuple[str, Any] | None:
    """Find the first (noun, name) in ``value`` that is none of the subjects'; else None.

    ``subjects``: of a batch several, each of which may be named. ``value``: parsed JSON.
    """
    for field, stated in _named(value):
        known = [getattr(subject, field) for subject in subjects]
        if known and None not in known and not any(_is_same(field, stated, own) for own in known):
            return NOUNS[field], stated
    is_of_all = any(subject.is_all_symbols for subject in subjects)
    return _narrower(value) if is_of_all and isinstance(value, dict) else None


def other_kind(subject: Subject | None, envelope: dict[str, Any]) -> tuple[str, str] | None:
    """Return (noun, name) where a request about one order was answered as one of another kind."""
    if subject is None or (subject.order_id is None and subject.client_order_id is None):
        return None
    for place in _heads(envelope):
        for kind in _OTHER_KINDS:
            if place.get(kind) not in (None, 1, "1"):  # one order is what was to be cancelled
                return "request", kind
    return None


def _named(value: Any, inside: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (field, name) of all that ``value`` names, at any depth; the empty names nothing."""
    if isinstance(value, list):
        for each in value:
            yield from _named(each, inside)
    if not isinstance(value, dict):
        return
    yield from _in_words(value.get("error"))
    for key, inner in value.items():
        spelled = key.lower().replace("_", "")
        field = _FIELDS.get(spelled) or _INSIDE.get((inside, spelled))
        for stated in inner if isinstance(inner, list) else [inner]:
            if isinstance(stated, dict | list):
                yield from _named(stated, spelled)
            elif field is not None and not _is_empty(stated):
                yield field, stated


def _in_words(error: Any) -> Iterator[tuple[str, str]]:
    """Yield what the words of a no name: the exchange puts ids and addresses into some of them."""
    if isinstance(error, str):
        for field, pattern in _IN_WORDS:
            yield from ((field, stated) for stated in pattern.findall(error[:MAX_WORDS]))


def _is_empty(stated: Any) -> bool:
    """Whether it is null, an empty text, or the zero that stands for no order."""
    return stated is None or stated == "" or (type(stated) is int and stated == 0)


def _is_same(field: str, stated: Any, asked: Any) -> bool:
    if field == "order_id":
        return bool(_number(stated) == asked)
    if not isinstance(stated, str):
        return False
    if field in ("client_order_id", "strategy_id"):
        return bool(stated.lower() == asked.lower())
    return bool(stated == asked)  # symbols and addresses keep their case


def _number(stated: Any) -> Any:
    """Read an order id from a number or its digits; true and false are none."""
    if isinstance(stated, str):
        return int(stated) if _DIGITS.fullmatch(stated) else None
    return None if isinstance(stated, bool) else stated


def _narrower(envelope: dict[str, Any]) -> tuple[str, Any] | None:
    """Find the symbol that an answer as a whole is about, beside those of orders it may list."""
    stated = [place.get("symbol") for place in _heads(envelope)]
    return next(((NOUNS["symbol"], name) for name in stated if not _is_empty(name)), None)


def _heads(envelope: dict[str, Any]) -> list[dict[str, Any]]:
    return [place for place in (envelope, envelope.get("data")) if isinstance(place, dict)]
