"""Rows of the exchange's lists that could not be read, in words and for the log. Pure."""

from collections.abc import Sequence
from typing import Any

from orders.pacifica.reads import AnyRows
from orders.pacifica.rows import OddRow, OpenOrder

MAX_NAMED = 2
MAX_KEPT = 20
RAW_CHARS = 120
MAX_CHARS = 400


def sentence(value: AnyRows | None, *, of: str = "open orders", known: str = "orders") -> str:
    """Say what could not be read of a list, or nothing.

    *1 of 21 rows of the open orders could not be read: row 21: {…}. 20 orders are known; ask the
    exchange about the rest.*
    """
    if value is None or not value.odd:
        return ""
    odd, sound = value.odd, len(value.rows)
    unread = f"{len(odd)} of {len(odd) + sound} rows of the {of} could not be read: {named(odd)}."
    are = "is" if sound == 1 else "are"
    noun = known.removesuffix("s") if sound == 1 else known
    return f"{unread} {sound} {noun} {are} known; ask the exchange about the rest."[:MAX_CHARS]


def is_the_same(sentence: str, other: str) -> bool:
    """Whether as many rows could not be read: their text may change with every read."""
    return sentence.partition(":")[0] == other.partition(":")[0]


def on_route(route: str, odd: Sequence[OddRow]) -> str:
    """Say how many rows of one list could not be read, and which, or nothing."""
    rows = "1 row" if len(odd) == 1 else f"{len(odd)} rows"
    return f"{rows} of {route} could not be read: {named(odd)}. " if odd else ""


def named(odd: Sequence[OddRow]) -> str:
    """Name the first of them with their place and their text: *row 21: {…} and 3 more*."""
    texts = [f"row {row.position}: {_cut(row.raw)}" for row in odd[:MAX_NAMED]]
    more = f" and {len(odd) - MAX_NAMED} more" if len(odd) > MAX_NAMED else ""
    return ", ".join(texts) + more


def facts(value: AnyRows | None) -> dict[str, Any]:
    """Describe them for the log, beside the answer's own facts: how many, and the first few."""
    if value is None or not value.odd:
        return {}
    kept = [{"row": row.position, "why": row.why, "raw": row.raw} for row in value.odd[:MAX_KEPT]]
    return {"odd_count": len(value.odd), "odd_rows": kept}


def unread_fields(row: OpenOrder) -> str:
    """Say what of one order the book does not tell, or tells in two ways; or nothing."""
    lost = [name for name in row.odd_fields if name not in row.differing]
    sentences = []
    if row.differing:
        sentences.append(
            f"The exchange lists it twice, and differently: {', '.join(row.differing)}."
        )
    if lost:
        sentences.append(
            f"Could not be read when the open orders were last read: {', '.join(lost)}."
        )
    return " ".join(sentences)[:300]


def _cut(text: str) -> str:
    return text if len(text) <= RAW_CHARS else f"{text[:RAW_CHARS]}…"
