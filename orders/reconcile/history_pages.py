"""How far a paged history was read, told from its rows alone: what they are sorted by, nobody
promises (docs.pacifica.fi says newest first, pacifica-fi/pacifica-mcp oldest first)."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from orders.pacifica.rows import HistoryOrder, TwapOrder
from orders.reconcile import closures

MIN_ROWS = 20  # rows in which an order is seen: two may fall by chance
SORTED_BY = ("created_at", "updated_at")
HistoryRow = HistoryOrder | TwapOrder


class Reach:
    """How far some rows reach, in the order they came.

    Only where they were seen falling, or rising, all the way, by when they were made or changed.
    """

    def __init__(self, rows: Sequence[HistoryRow]) -> None:
        self._falls_by = {name for name in SORTED_BY if _falls(rows, name)}
        self._rises = any(_falls(rows[::-1], name) for name in SORTED_BY)
        self._began_at = closures.changed_at(rows[0]) if rows else None
        self._made_at = closures.made_at(rows[-1]) if rows else None
        self._changed_at = closures.changed_at(rows[-1]) if rows else None

    def is_past(self, made_at: datetime | None, ended_at: datetime | None = None) -> bool:
        """Whether an order made, and ended, then would have come before the last of the rows.

        Where they fall by both, the stricter is asked of: an order changes no earlier than it is
        made. Rows that rise began with one that was at rest before this order was made: newest
        first, each page would begin with a newer row too while orders come in quickly.
        """
        if made_at is None:
            return False
        if self._falls_by:
            is_made = self._falls_by == {"created_at"}
            last_at = self._made_at if is_made else self._changed_at
            return last_at is not None and last_at < made_at
        if not self._rises or ended_at is None or self._made_at is None or self._began_at is None:
            return False
        return self._began_at < made_at and self._made_at > ended_at


def _falls(rows: Sequence[HistoryRow], name: str) -> bool:
    """Whether the rows fall by this time of theirs, which each of them must state."""
    stated = (closures.time_ms(row, name) for row in rows)
    times = [time for time in stated if time is not None]
    if len(rows) < MIN_ROWS or len(times) < len(rows) or times[0] == times[-1]:
        return False
    return all(one >= other for one, other in pairwise(times))
