"""What asking the exchange came to: one read, or a paged route read page by page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from orders.pacifica.reads import AnyRows, HistoryPage
from orders.pacifica.rows import HistoryOrder, TwapOrder
from orders.pacifica.transport import Answer, Unreachable

Params = Mapping[str, str | int]
RowsT = TypeVar("RowsT", bound=AnyRows)
HistoryT = TypeVar("HistoryT", bound=HistoryOrder | TwapOrder)

# Rows of the first page, the second, the others.
LIMITS: tuple[dict[str, int], ...] = ({}, {"limit": 1000}, {"limit": 4000})

UNREADABLE = "a row of it could not be read"
MOVED = "orders changed while it was read"


@dataclass
class Reading(Generic[RowsT]):
    """One read. ``result``: None where nothing was asked; ``value``: what it proved, or None.

    ``why``: in words, why it proved nothing.
    """

    path: str
    params: Params
    result: Answer | Unreachable | None
    value: RowsT | None = None
    why: str = ""
    must_wait: bool = False  # nothing was asked: the purse is low
    is_unknown: bool = False  # the exchange said that its history has no such order
    is_not_offered: bool = False  # the network has no such route


@dataclass
class Pages(Generic[HistoryT]):
    """The rows of a paged route, read page by page from its beginning.

    ``rows``: in the order they came, one that came again unchanged left out. ``is_complete``: the
    route's end was reached, and each row on the way there named its order: what is in none of them
    is not there. ``why``: in words, why it is not complete. ``has_unreadable``: a row that came
    did not name its order, and may be any.
    """

    params: dict[str, str | int]
    readings: list[Reading[HistoryPage[HistoryT]]] = field(default_factory=list)
    rows: list[HistoryT] = field(default_factory=list)
    is_complete: bool = False
    is_over: bool = False
    why: str = "there are more pages"
    has_unreadable: bool = False
    is_limited: bool = False  # long pages are refused: the usual ones are asked for
    # order id -> its rows as they came
    _known: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    _cursors: set[str] = field(default_factory=set)
    _has_moved: bool = False

    @property
    def must_wait(self) -> bool:
        """Whether reading ended for want of credits."""
        return bool(self.readings) and self.readings[-1].must_wait

    def asked(self) -> Params:
        """Return the parameters of the next page.

        The first page has the usual length; where it is not enough, longer ones save reads
        (``limit`` up to 4000: pacifica-fi/pacifica-mcp).
        """
        count = min(len(self.readings), len(LIMITS) - 1)
        return self.params if self.is_limited or not count else self.params | LIMITS[count]

    def add(self, reading: Reading[HistoryPage[HistoryT]]) -> None:
        """Take in the next page."""
        self.readings.append(reading)
        page = reading.value
        if page is None:
            self._failed(reading)
            return
        is_more = self._take_in(page.rows)
        if page.odd or any("client_order_id" in row.odd_fields for row in page.rows):
            self.has_unreadable, self.why = True, UNREADABLE
        if not page.has_more:
            self._finish()
        elif page.next_cursor is None:
            self._stop("a page says that there are more, but not where")
        elif page.next_cursor in self._cursors or not is_more:
            self._stop("its pages repeat themselves")
        else:
            self._cursors.add(page.next_cursor)
            self.params["cursor"] = page.next_cursor

    def end(self, reading: Reading[HistoryPage[HistoryT]]) -> None:
        """Stop here, for nothing could be asked: the reading says why."""
        self.readings.append(reading)
        self._stop(reading.why)

    def _failed(self, reading: Reading[HistoryPage[HistoryT]]) -> None:
        """Go on with pages of the usual length, where a long one may have been too much."""
        result = reading.result
        is_throttled = isinstance(result, Answer) and result.status == 429
        if "limit" in reading.params and not is_throttled:
            self.is_limited = True
        else:
            self._stop(reading.why)

    def _take_in(self, rows: Iterable[HistoryT]) -> bool:
        """Keep the rows; return whether some order among them had not come before."""
        is_more, earlier = False, set(self._known)
        for row in rows:
            before = self._known.setdefault(row.order_id, [])
            is_more |= not before
            if row.order_id in earlier and row.raw not in before:
                self._has_moved = True  # others may have moved into pages that were read
            if row.raw not in before:
                before.append(row.raw)
                self.rows.append(row)
        return is_more

    def _finish(self) -> None:
        self.is_over, self.is_complete = True, not (self.has_unreadable or self._has_moved)
        self.why = UNREADABLE if self.has_unreadable else MOVED if self._has_moved else ""

    def _stop(self, why: str) -> None:
        self.is_over, self.why = True, why
