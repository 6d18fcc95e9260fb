"""What the exchange said of orders whose cancels are in question, and what that tells."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from orders.exchange import reader as exchange_reader
from orders.exchange.readings import Pages, Reading
from orders.models import Cancel
from orders.pacifica.rows import OddRow, OpenOrder, TwapOrder
from orders.reconcile import closures, history_lookup, history_pages
from orders.reconcile.history_pages import HistoryRow
from orders.reconcile.order_pasts import SAME_MOMENT, Edits, OrderPast, of_open_row

OpenRow = OpenOrder | TwapOrder


def half_read(odd: Sequence[OddRow]) -> list[OpenRow]:
    """The odd rows of open orders, as far as they could be read."""
    return [one.row for one in odd if isinstance(one.row, OpenOrder | TwapOrder)]


@dataclass
class Findings:
    """What the exchange said when asked.

    ``asked_at``: before the first read left, by our clock. ``offset``: the exchange's clock minus
    ours. ``book``: open rows by order id, or None where that read proved nothing; ``named``: the
    same by client order id in lower case. ``unknown``: order ids of which the exchange said that
    its history has none. ``pages``: the paged history as far as it was read, or None. ``pasts``:
    what was told of orders, by order id. ``seen``: order ids that this account's books listed
    before. ``unowned``: what an order's id alone told, of orders that nothing shows to be this
    account's. ``unread_ids``: why the look-up of an order id told nothing. ``odd``: the book's
    rows that could not be read.
    """

    reader: exchange_reader.Reader
    asked_at: datetime
    offset: timedelta = timedelta(0)
    book: dict[int, OpenRow] | None = None
    named: dict[str, OpenRow] = field(default_factory=dict)
    pasts: dict[int, OrderPast] = field(default_factory=dict)
    unknown: set[int] = field(default_factory=set)
    pages: Pages[HistoryRow] | None = None
    seen: set[int] = field(default_factory=set)
    unowned: dict[int, OrderPast] = field(default_factory=dict)
    unread_ids: dict[int, str] = field(default_factory=dict)
    odd: tuple[OddRow, ...] = ()
    readings: list[Reading[Any]] = field(default_factory=list)
    _names: dict[str, set[int]] = field(default_factory=dict)  # -> order ids of the pasts
    _edits: Edits | None = None
    _known_reach: tuple[Sequence[HistoryRow], history_pages.Reach] | None = None

    @property
    def listed(self) -> dict[int, OpenRow]:
        """The book, or nothing where its read proved nothing."""
        return self.book or {}

    def row_of(self, cancel: Cancel) -> OpenRow | None:
        """The open row of this cancel's order, or None."""
        order_id = self.meant(cancel)
        return None if order_id is None else self.listed.get(order_id)

    def past_of(self, cancel: Cancel) -> OrderPast | None:
        """What the history says of this cancel's order, or None."""
        order_id = self.meant(cancel)
        return None if order_id is None else self.pasts.get(order_id)

    def meant(self, cancel: Cancel) -> int | None:
        """The order id that the cancel names, itself or by a client order id used more than once.

        Then it is the oldest that had been made and had not ended when our first byte left: what
        was made since, nobody asked to cancel.
        """
        if cancel.order_id:
            return cancel.order_id
        made = self._so_named(history_lookup.name_of(cancel))
        earliest, latest = self._left_between(cancel)
        by_then = sorted(i for i, at in made.items() if not (at and latest and at > latest))
        lived = [i for i in by_then if not self._had_ended(i, earliest)]
        return lived[0] if lived else max(by_then, default=None)

    def is_doubtful(self, cancel: Cancel, row: OpenRow) -> bool:
        """Whether an open row of this client order id may have been made after our first byte."""
        earliest, _ = self._left_between(cancel)
        made_at = closures.made_at(row)
        return not cancel.order_id and bool(earliest and made_at and made_at > earliest)

    def _left_between(self, cancel: Cancel) -> tuple[datetime | None, datetime | None]:
        """Between which times of the exchange's our first byte left; Nones where none did."""
        span = closures.left_between(cancel, self.offset)
        if span is None:
            return None, None
        earliest, latest = span
        return earliest - closures.CLOCK_SLACK, latest + closures.CLOCK_SLACK

    def _so_named(self, name: str) -> dict[int, datetime | None]:
        """When the orders of this client order id were made, by order id."""
        made = {i: self.pasts[i].created_at for i in self._names.get(name, ())}
        row = self.named.get(name)
        return made if row is None else made | {row.order_id: closures.made_at(row)}

    def _had_ended(self, order_id: int, moment: datetime | None) -> bool:
        past = self.pasts.get(order_id)
        at = past.ending.at if past is not None and past.ending is not None else None
        return bool(order_id not in self.listed and at and moment and at < moment)

    def add(self, past: OrderPast) -> None:
        """Keep what was told of an order. Of two rows of one, what says an end, or came later."""
        before = self.pasts.get(past.order_id)
        if before is None or before.ending is None or past.ending is not None:
            self.pasts[past.order_id], self._edits = past, None
            self._names.setdefault(past.name, set()).add(past.order_id)

    def last_edit_of(self, past: OrderPast) -> OrderPast | None:
        """The order that stands, or ended, in the place of this one by an edit; or None."""
        return self._all_edits().last_of(past)

    def maybe_edit_of(self, past: OrderPast) -> OrderPast | None:
        """One that an edit put in the place of this order or of another that closed with it."""
        return self._all_edits().maybe_of(past)

    def _all_edits(self) -> Edits:
        if self._edits is None:
            half = half_read(self.odd)
            listed = [of_open_row(row) for row in (*self.listed.values(), *half)]
            closed = [past for past in self.pasts.values() if past.order_id not in self.listed]
            self._edits = Edits([*closed, *listed])
        return self._edits

    def hides(self, cancel: Cancel) -> bool:
        """Whether a row of the book that could not be read may be this cancel's order."""
        return self._has_nameless or (cancel.order_id is None and self._has_odd_name)

    @cached_property
    def _has_nameless(self) -> bool:
        return any(one.order_id is None for one in self.odd)

    @cached_property
    def _has_odd_name(self) -> bool:
        rows = [*half_read(self.odd), *self.listed.values()]
        return any("client_order_id" in row.odd_fields for row in rows)

    def is_unknown(self, cancel: Cancel) -> bool:
        """Whether the exchange said, in so many words, that it has no such order."""
        return cancel.order_id in self.unknown or self.is_history_whole

    @property
    def is_history_whole(self) -> bool:
        """Whether the paged history was read to its end, every row of it."""
        return self.pages is not None and self.pages.is_complete

    def unread(self, cancel: Cancel) -> str:
        """In words, why its history does not tell of this cancel's order."""
        if cancel.order_id in self.unread_ids:
            return self.unread_ids[cancel.order_id]
        return self.pages.why if self.pages is not None else "it was not its turn"

    @property
    def must_wait(self) -> bool:
        """Whether something was not asked for want of credits."""
        return any(each.must_wait for each in self.readings)

    def is_ours(self, cancel: Cancel) -> bool:
        """Whether the order id is shown to be this account's: listed, or said yes to, before.

        One found for a client order id was listed too.
        """
        is_told = cancel.known_order_id or cancel.client_order_id or cancel.was_accepted
        return bool(is_told) or cancel.order_id in self.seen

    def is_passed(self, past: OrderPast) -> bool:
        """Whether the history was read past where this order would stand."""
        return self.is_history_whole or self._reach().is_past(past.created_at)

    def would_show_edit_of(self, past: OrderPast) -> bool:
        """Whether the pages would show what an edit put in the place of this closed order."""
        if self.is_history_whole:
            return True
        at = past.edited_at
        return at is not None and self._reach().is_past(at - SAME_MOMENT)

    def _reach(self) -> history_pages.Reach:
        pages = self.pages
        rows: Sequence[HistoryRow] = pages.rows if pages is not None else ()
        if self._known_reach is None or self._known_reach[0] is not rows:
            has_unreadable = pages is not None and pages.has_unreadable
            reach = history_pages.Reach(rows, has_unreadable=has_unreadable)
            self._known_reach = rows, reach
        return self._known_reach[1]
