"""Whom an answer names: one that names another order, symbol or account answers another question.

The documented answers to signed requests name nobody, batch items apart. Where a name stands it
counts at any depth; all other fields are tolerated.
"""

import re
from dataclasses import dataclass

NOUNS = {
    "order_id": "order",
    "client_order_id": "order",
    "strategy_id": "strategy",
    "symbol": "symbol",
    "account": "account",
}
_FIELDS = {name.replace("_", ""): name for name in NOUNS}
_FIELDS |= {f"{spelled}s": name for spelled, name in _FIELDS.items()}  # several in a list
_INSIDE = {("order", "id"): "order_id", ("account", "address"): "account"}
_DIGITS = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True)
class Subject:
    """What one request was about, to hold its answer against. What is None is not compared.

    ``is_all_symbols``: it was about every symbol, so that an answer for one is none to it.
    """

    order_id: int | None = None
    client_order_id: str | None = None
    strategy_id: str | None = None
    symbol: str | None = None
    account: str | None = None
    is_all_symbols: bool = False


def another(subjects, value):
    """The first (noun, name) in ``value`` that is none of the subjects'; else None.

    ``subjects``: of a batch several, each of which may be named.
    """
    for field, stated in _named(value):
        known = [getattr(subject, field) for subject in subjects]
        if known and None not in known and not any(_is_same(field, stated, one) for one in known):
            return NOUNS[field], stated
    return _narrower(value) if any(subject.is_all_symbols for subject in subjects) else None


def _named(value, inside=""):
    """(field, name) pairs of all that ``value`` names, at any depth; the empty names nothing."""
    if isinstance(value, list):
        for each in value:
            yield from _named(each, inside)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        spelled = key.lower().replace("_", "")
        field = _FIELDS.get(spelled) or _INSIDE.get((inside, spelled))
        for one in inner if isinstance(inner, list) else [inner]:
            if isinstance(one, dict | list):
                yield from _named(one, spelled)
            elif field is not None and not _is_empty(one):
                yield field, one


def _is_empty(stated):
    """Null, an empty text, or the zero that stands for no order."""
    return stated is None or stated == "" or (type(stated) is int and stated == 0)


def _is_same(field, stated, asked):
    if field == "order_id":
        return _number(stated) == asked
    if not isinstance(stated, str):
        return False
    if field in ("client_order_id", "strategy_id"):
        return stated.lower() == asked.lower()
    return stated == asked  # symbols and addresses keep their case


def _number(stated):
    """An order id as a number or its digits; true and false are none."""
    if isinstance(stated, str):
        return int(stated) if _DIGITS.fullmatch(stated) else None
    return None if isinstance(stated, bool) else stated


def _narrower(envelope):
    """The symbol that an answer is about as a whole, beside those of the orders it may list."""
    data = envelope.get("data") if isinstance(envelope, dict) else None
    for place in (envelope, data):
        stated = place.get("symbol") if isinstance(place, dict) else None
        if not _is_empty(stated):
            return NOUNS["symbol"], stated
    return None
