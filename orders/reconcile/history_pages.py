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

    Only where they were seen falling all the way, by when they were made or changed: new orders
    then come before all that was read. Where rows rise, what is read moves on as orders come or
    go, and pages of the newest first may look so; to the end of the pages it proves nothing.
    """

    def __init__(self, rows: Sequence[HistoryRow], *, has_unreadable: bool = False) -> None:
        """``has_unreadable``: some row among them was not read; it may be any order's."""
        falls_by = set() if has_unreadable else {name for name in SORTED_BY if _falls(rows, name)}
        self._last_at = None
        if falls_by:  # by both: the stricter, for an order changes no earlier than it is made
            is_made = falls_by == {"created_at"}
            self._last_at = (closures.made_at if is_made else closures.changed_at)(rows[-1])

    def is_past(self, made_at: datetime | None) -> bool:
        """Whether an order made then would have come before the last of the rows."""
        return made_at is not None and self._last_at is not None and self._last_at < made_at


def _falls(rows: Sequence[HistoryRow], name: str) -> bool:
    """Whether the rows fall by this time of theirs, which each of them must state."""
    stated = (closures.time_ms(row, name) for row in rows)
    times = [time for time in stated if time is not None]
    if len(rows) < MIN_ROWS or len(times) < len(rows) or times[0] == times[-1]:
        return False
    return all(one >= other for one, other in pairwise(times))
