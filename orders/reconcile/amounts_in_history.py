"""Find in the exchange's history how much of cancelled orders had traded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from orders.exchange import reader as exchange_reader
from orders.exchange.readings import Reading
from orders.lifecycle.order_closure import Closure
from orders.models import (
    Cancel,
)
from orders.pacifica.rows import AnyOrder
from orders.reconcile import closures, order_pasts
from orders.reconcile.history_lookup import Routes, name_of
from orders.reconcile.history_pages import HistoryRow

MAX_PAGES, PAGE = 20, 100


@dataclass
class HistoryAnswers:
    """What the history told. ``rows``: (end, row, reading) by cancel id."""

    rows: dict[int, tuple[Closure, AnyOrder, Reading[Any]]] = field(default_factory=dict)
    asked: set[int] = field(default_factory=set)  # cancels whose order was asked for by its id
    readings: list[Reading[Any]] = field(default_factory=list)
    is_unread: bool = False  # some read told nothing at all
    must_wait: bool = False

    def note(self, each: Reading[Any]) -> None:
        """Take in a read that was made."""
        self.readings.append(each)
        self.is_unread |= each.value is None and not each.is_unknown
        self.must_wait |= each.must_wait


def through_pages(
    reader: exchange_reader.Reader,
    routes: Routes,
    cancels: list[Cancel],
    told: HistoryAnswers,
    offset: timedelta,
) -> None:
    """Read pages of the history until they told of all cancels, or enough were read.

    ``cancels``: of one account. ``offset``: the exchange's clock minus ours.
    """

    def needed(rows: list[HistoryRow]) -> int:
        return ceil((len(cancels) - len(among(rows, cancels, offset))) / PAGE)

    most = min(MAX_PAGES, 2 + 2 * len(cancels) // PAGE)
    params = {"account": cancels[0].account.address}
    pages = reader.pages(routes.history, params, routes.page, needed, most=most)
    read_in: dict[int, Reading[Any]] = {}
    for each in pages.readings:
        told.note(each)
        for row in each.value.rows if each.value is not None else ():
            read_in.setdefault(row.order_id, each)
    for pk, (ending, row) in among(pages.rows, cancels, offset).items():
        told.rows.setdefault(pk, (ending, row, read_in[row.order_id]))


def among(
    rows: Sequence[HistoryRow], cancels: list[Cancel], offset: timedelta
) -> dict[int, tuple[Closure, HistoryRow]]:
    """The rows that tell how these cancels' orders ended, by cancel id."""
    by_id: dict[int, tuple[Closure, HistoryRow]] = {}
    by_name: dict[str, list[tuple[Closure, HistoryRow]]] = {}
    for row in rows:
        ending = closures.of_history_row(row)
        if ending is not None:
            by_id[row.order_id] = ending, row
            by_name.setdefault((row.client_order_id or "").lower(), []).append((ending, row))
    found = {one.pk: _end_of(one, by_id, by_name, offset) for one in cancels}
    return {pk: pair for pk, pair in found.items() if pair is not None}


def _end_of(
    cancel: Cancel,
    by_id: dict[int, tuple[Closure, HistoryRow]],
    by_name: dict[str, list[tuple[Closure, HistoryRow]]],
    offset: timedelta,
) -> tuple[Closure, HistoryRow] | None:
    """The end of the cancel's order, with the row that tells it.

    A name may be used again: it means the order that was there when our cancel came.
    """
    if cancel.order_id is not None:
        return by_id.get(cancel.order_id)
    if cancel.concluded_at is None:
        return None
    latest = cancel.concluded_at + offset + closures.CLOCK_SLACK
    pairs = [
        (ending, row)
        for ending, row in by_name.get(name_of(cancel), [])
        if _is_made_by(latest, row) and closures.is_since(ending.at, cancel, offset) is not False
    ]
    return min(pairs, key=lambda pair: pair[1].order_id, default=None)


def _is_made_by(latest: datetime, row: HistoryRow) -> bool:
    made_at = closures.made_at(row)
    return made_at is None or made_at <= latest


def ask_by_id(
    reader: exchange_reader.Reader, routes: Routes, cancel: Cancel, told: HistoryAnswers
) -> None:
    """Ask for the events of the cancel's order."""
    order_id = cancel.order_id
    if order_id is None:
        return
    each = reader.ask_of_order(routes.by_id, order_id, routes.events)
    told.note(each)
    if not each.must_wait:
        told.asked.add(cancel.pk)
    if each.value is not None:
        past = order_pasts.of_events(each.value.rows)
        if past.ending is not None:
            told.rows[cancel.pk] = (past.ending, each.value.rows[0], each)
