"""Pages of a list that only grows: an opaque cursor that new rows do not shift.

By rule the cursor is as bad as one has been feared to be; see `Rules`.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from . import refusals
from .book import PaperOrder
from .rules import Rules

DEFAULT_LIMIT, MAX_LIMIT = 100, 4000
AGAIN = "again"  # leads to the first page


def page(
    rows: list[PaperOrder], *, limit: str | None, cursor: str | None, rules: Rules
) -> tuple[list[PaperOrder], dict[str, Any]]:
    """Return the rows of one page, and the fields ``next_cursor`` and ``has_more`` beside them.

    ``rows`` are oldest first. Raises `Refused` on a limit or cursor that is none.
    """
    size = min(_limit(limit), rules.history_rows)
    cursor = None if cursor == AGAIN else cursor
    if rules.history_order == "newest" and rules.history_cursor not in {"shifting", "endless"}:
        end = len(rows) if cursor is None else min(_position(cursor), len(rows))
        start = max(0, end - size)
        return rows[start:end][::-1], _beside(start, start > 0, rules)
    rows = ORDERS[rules.history_order](rows)
    start = 0 if cursor is None else _position(cursor)
    return rows[start : start + size], _beside(start + size, start + size < len(rows), rules)


ORDERS: dict[str, Callable[[list[PaperOrder]], list[PaperOrder]]] = {
    "oldest": lambda rows: rows,
    "newest": lambda rows: rows[::-1],
    "mixed": lambda rows: sorted(rows, key=lambda row: row.order_id * 2654435761 % 2**32),
}


def _beside(edge: int, has_more: bool, rules: Rules) -> dict[str, Any]:
    """Say how to go on, as the rule has it. ``edge``: the position of the next page."""
    kind = rules.history_cursor
    cursors = {"missing": None, "repeated": AGAIN}
    has_more = has_more or kind == "endless"
    cursor = cursors.get(kind, _cursor(edge)) if has_more else None
    return {"next_cursor": cursor, "has_more": has_more}


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) < 1:
        raise refusals.invalid_parameters()
    return min(int(text), MAX_LIMIT)


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(b"p%d" % position).decode().rstrip("=")


def _position(cursor: str) -> int:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return int(raw.removeprefix(b"p"))
    except (binascii.Error, ValueError) as error:
        raise refusals.invalid_parameters("Invalid cursor") from error
