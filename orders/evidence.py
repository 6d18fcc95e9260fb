"""Gather what the exchange says of orders whose cancels are in question: book, then history."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from orders import audit, endings, reading
from orders.models import Order
from orders.pacifica import reads
from orders.pacifica.client import Answer

FEW = 3  # orders looked up one by one; more are looked for in the paged history first
MOST_LOOK_UPS = 20  # one by one in one round; the others wait for the next
LONGEST = timedelta(seconds=12)  # no read of a round begins later
PAGES, MOST_PAGES = 5, 50  # of the history, read deeper the longer a question stands


@dataclass(frozen=True)
class Past:
    """What the history says of one order. ``ending``: None while it says the order is open."""

    order_id: int
    client_order_id: str | None
    symbol: str
    created_at: datetime | None
    ending: endings.Ending | None


@dataclass
class Evidence:
    """What the exchange said when asked.

    ``asked_at``: before the first read left, by our clock. ``offset``: the exchange's clock minus
    ours. ``book``: open rows by order id, or None where that read proved nothing; ``named``: the
    same by client order id in lower case. ``unknown``: order ids of which the exchange said that
    its history has none. ``is_history_whole``: the paged history was read to its end.
    ``read_back_to``: what the last row of those pages was changed at. ``seen``: order ids that this
    account's books listed before. ``unowned``: what an order's id alone told, of orders that
    nothing shows to be this account's.
    """

    reader: reading.Reader
    asked_at: datetime
    offset: timedelta = timedelta(0)
    book: dict | None = None
    named: dict = field(default_factory=dict)
    pasts: dict = field(default_factory=dict)
    unknown: set = field(default_factory=set)
    is_history_whole: bool = False
    read_back_to: datetime | None = None
    seen: set = field(default_factory=set)
    unowned: dict = field(default_factory=dict)
    readings: list = field(default_factory=list)

    def row_of(self, cancel):
        """The open row of this cancel's order, or None."""
        return self.book.get(self.meant(cancel))

    def past_of(self, cancel) -> Past | None:
        """What the history says of this cancel's order, or None."""
        return self.pasts.get(self.meant(cancel))

    def meant(self, cancel) -> int | None:
        """The order id that the cancel names, itself or by a client order id used more than once.

        Then it is the oldest that had been made and had not ended when our first byte left: what
        was made since, nobody asked to cancel.
        """
        if cancel.order_id:
            return cancel.order_id
        made = self._so_named(cancel.client_order_id.lower())
        earliest, latest = self._left_between(cancel)
        by_then = sorted(i for i, at in made.items() if not (at and latest and at > latest))
        lived = [i for i in by_then if not self._had_ended(i, earliest)]
        return lived[0] if lived else max(by_then, default=None)

    def is_doubtful(self, cancel, row) -> bool:
        """Whether an open row of this client order id may have been made after our first byte."""
        earliest, _ = self._left_between(cancel)
        made_at = endings.made_at(row)
        return not cancel.order_id and bool(earliest and made_at and made_at > earliest)

    def _left_between(self, cancel):
        """Between which times of the exchange's our first byte left; Nones where none did."""
        earliest, latest = endings.left_between(cancel, self.offset)
        slack = endings.CLOCK_SLACK
        return earliest and earliest - slack, latest and latest + slack

    def _so_named(self, name):
        pasts = [
            past for past in self.pasts.values() if (past.client_order_id or "").lower() == name
        ]
        made = {past.order_id: past.created_at for past in pasts}
        row = self.named.get(name)
        return made if row is None else made | {row.order_id: endings.made_at(row)}

    def _had_ended(self, order_id, moment):
        past = self.pasts.get(order_id)
        at = past.ending.at if past is not None and past.ending is not None else None
        return bool(order_id not in self.book and at and moment and at < moment)

    def kept_row(self, each, cancel) -> str:
        """The exchange's row about this cancel's order, as JSON, where the log cuts this answer."""
        body = each.result.body if isinstance(each.result, Answer) else b""
        if len(body) <= audit.KEPT_BYTES or each.value is None:
            return ""
        rows, wanted = getattr(each.value, "rows", each.value), self.meant(cancel)
        row = next((row for row in rows if row.order_id == wanted), None)
        return "" if row is None else json.dumps(row.raw, default=str)

    def is_unknown(self, cancel) -> bool:
        """Whether the exchange said, in so many words, that it has no such order."""
        return cancel.order_id in self.unknown or self.is_history_whole

    def is_ours(self, cancel) -> bool:
        """Whether the order id is shown to be this account's: listed, or said yes to, before.

        One found for a client order id was listed too.
        """
        is_told = cancel.known_order_id or cancel.client_order_id or cancel.was_accepted
        return bool(is_told) or cancel.order_id in self.seen

    def is_passed(self, past) -> bool:
        """Whether the history was read past where this order would stand, however it is sorted."""
        is_older = past.created_at and self.read_back_to and self.read_back_to < past.created_at
        return self.is_history_whole or bool(is_older)

    def edited_into(self, cancel, past):
        """The open row that this closed order lives on in, or None.

        An edit closes the order and makes a new one of the same client order id at that moment
        (docs.pacifica.fi edit-order page).
        """
        name = (cancel.client_order_id or past.client_order_id or "").lower()
        row = self.named.get(name)
        if row is None or row.order_id == past.order_id or past.ending.at is None:
            return None
        made_at = endings.made_at(row)
        is_same_moment = made_at and abs(made_at - past.ending.at) <= timedelta(seconds=1)
        return row if is_same_moment else None


def gather(cancels, *, now, offset, before) -> Evidence:
    """Read the book once, then the history of the orders it does not list.

    ``before``: called before each read.
    """
    return _gather(cancels, now, offset, before, ORDERS)


def gather_twaps(cancels, *, now, offset, before) -> Evidence:
    """The same for TWAP orders, which have routes of their own."""
    return _gather(cancels, now, offset, before, TWAPS)


@dataclass(frozen=True)
class Routes:
    """Where one kind of order is read, and how."""

    book: str
    open_rows: object
    history: str
    page: object
    by_id: str
    events: object


ORDERS = Routes(
    "/orders",
    reads.open_orders,
    "/orders/history",
    reads.history_page,
    "/orders/history_by_id",
    reads.history_events,
)
TWAPS = Routes(
    "/orders/twap",
    reads.twap_orders,
    "/orders/twap/history",
    reads.twap_history_page,
    "/orders/twap/history_by_id",
    reads.twap_events,
)


def _gather(cancels, now, offset, before, routes):
    account = cancels[0].account
    reader = reading.Reader(account, now=now, before=before)
    evidence = Evidence(reader, asked_at=now(), offset=offset, seen=_seen(account, cancels))
    params = {"account": account.address}
    _read_book(evidence, routes, params)
    if evidence.book is None:
        return evidence
    missing = [cancel for cancel in cancels if _is_missing(evidence, cancel)]
    if len(missing) > FEW or any(_needs_pages(evidence, one) for one in missing):
        _look_through_history(evidence, routes, params, missing, lambda: _is_late(evidence, now))
    for cancel in _left(evidence, missing)[:MOST_LOOK_UPS]:
        if not _is_late(evidence, now):
            _look_up(evidence, routes, cancel)
    return evidence


def _seen(account, cancels):
    """Order ids among these that the account's books have listed since they were asked for."""
    wanted = [one.order_id for one in cancels if one.order_id and one.known_order_id is None]
    orders = Order.objects.filter(account=account, order_id__in=wanted)
    return set(orders.values_list("order_id", flat=True)) if wanted else set()


def _is_late(evidence, now):
    return now() > evidence.asked_at + LONGEST


def _is_missing(evidence, cancel):
    row = evidence.row_of(cancel)
    return row is None or evidence.is_doubtful(cancel, row)


def _needs_pages(evidence, cancel):
    """History by id tells not whose an order is, and cannot be asked by client order id."""
    return cancel.order_id is None or not evidence.is_ours(cancel)


def _left(evidence, missing):
    """Cancels whose order ids are looked up one by one. One never shown to be ours that the whole
    history has not is nobody's here: what its id would tell is another account's."""
    return [
        cancel
        for cancel in sorted(missing, key=lambda cancel: cancel.checks)
        if cancel.order_id
        and cancel.order_id not in evidence.pasts
        and not (evidence.is_history_whole and not evidence.is_ours(cancel))
    ]


def _read_book(evidence, routes, params):
    answer = evidence.reader.ask(routes.book, params, routes.open_rows)
    evidence.readings.append(answer)
    if answer.value is not None:
        rows = answer.value.rows
        evidence.book = {row.order_id: row for row in rows}
        evidence.named = {r.client_order_id.lower(): r for r in rows if r.client_order_id}


def _look_through_history(evidence, routes, params, cancels, is_late):
    wanted = {c.order_id or c.client_order_id.lower() for c in cancels}

    def needed(rows):
        """One page more, unless all are found: where the rest stand nobody can tell."""
        found = {row.order_id for row in rows}
        found |= {(row.client_order_id or "").lower() for row in rows}
        return 0 if (rows and is_late()) or wanted <= found else 1

    most = min(MOST_PAGES, PAGES * (1 + max(cancel.checks for cancel in cancels) // 4))
    readings, rows = evidence.reader.pages(routes.history, params, routes.page, needed, most=most)
    evidence.readings += readings
    last = readings[-1].value
    evidence.is_history_whole = last is not None and not last.has_more
    evidence.read_back_to = endings.changed_at(rows[-1]) if rows else None
    for row in rows:
        past = Past(
            row.order_id,
            row.client_order_id,
            row.symbol,
            endings.made_at(row),
            endings.of_history_row(row),
        )
        evidence.pasts[row.order_id] = past


def _look_up(evidence, routes, cancel):
    order_id = cancel.order_id
    answer = evidence.reader.ask(
        routes.by_id, {"order_id": order_id}, routes.events, order_id=order_id
    )
    evidence.readings.append(answer)
    if answer.is_unknown:
        evidence.unknown.add(order_id)
    elif answer.value is not None:
        told = evidence.pasts if evidence.is_ours(cancel) else evidence.unowned
        told[order_id] = _past_of(order_id, answer.value)


def _past_of(order_id, events):
    """The `Past` that one order's events tell, newest first."""
    newest, made_at = events[0], endings.made_at(events[-1])
    ending = endings.of_events(events)
    return Past(order_id, newest.client_order_id, newest.symbol, made_at, ending)
