"""Compare an account's book, as the exchange reads it out, with the orders we hold. Pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

from orders.exchange import odd_rows, reader
from orders.lifecycle.order_closure import Closure
from orders.models import Account, AmountsState, Order, OrderState
from orders.models.cancels import READ_LAG
from orders.models.clocks import is_ahead
from orders.pacifica.reads import OpenOrders
from orders.pacifica.rows import OpenOrder
from orders.reconcile import order_rows
from orders.reconcile.closures import OURS
from orders.reconcile.order_pasts import SAME_MOMENT
from orders.reconcile.update_order import is_newer_than_book as is_newer

if TYPE_CHECKING:
    from orders.reconcile.sync import History


LOOK_AGAIN = timedelta(seconds=30)
RAREST = timedelta(hours=1)  # between look-ups of an order that nothing explains
UNTOLD_AFTER = timedelta(days=1)  # its look-ups go on
EXACT, STEP = Context(prec=100), Decimal("1e-12")  # the usual 28 digits are too few to round in
HIDDEN = "Not listed when the open orders were last read, but for a row that could not be read."

FROM_BOOK = (
    "client_order_id",
    "symbol",
    "side",
    "order_type",
    "price",
    "initial_amount",
    "filled_amount",
    "cancelled_amount",
    "stop_price",
    "stop_parent_order_id",
    "trigger_price_type",
    "reduce_only",
    "created_at",
    "updated_at",
)
AMOUNTS = ("initial_amount", "filled_amount", "cancelled_amount")
TEXTS = ("side", "order_type", "price", *AMOUNTS)  # empty where they could not be read
COMPARED = (*FROM_BOOK, "trouble")
DERIVED = ("price_number", "open_amount_number", "trouble")
REFRESHED = (
    *FROM_BOOK,
    *DERIVED,
    "average_filled_price",
    "amounts_state",
    "state",
    "order_status",
    "reason",
    "closed_at",
    "next_lookup_at",
    "has_contradiction",
    "told_li",
)


@dataclass
class Changes:
    """What one sync found, as order rows with the exchange's own words beside them."""

    new: list[tuple[Order, dict[str, Any]]] = field(default_factory=list)
    changed: list[tuple[Order, dict[str, Any]]] = field(default_factory=list)
    reopened: list[tuple[Order, dict[str, Any]]] = field(default_factory=list)
    closed: list[tuple[Order, Closure]] = field(default_factory=list)
    vanished: list[Order] = field(default_factory=list)
    unexplained: list[Order] = field(default_factory=list)  # vanished for long
    hidden: list[Order] = field(default_factory=list)  # maybe in a row that could not be read
    newer: set[int] = field(default_factory=set)  # ids of which the stream told what came later

    def __bool__(self) -> bool:
        return any((self.new, self.changed, self.reopened, self.closed, self.vanished))


def compare(
    account: Account,
    book: OpenOrders[OpenOrder],
    found: "History",
    started_at: datetime,
    offset: timedelta = timedelta(0),
) -> Changes:
    """Find what changed. ``book``: the open orders; ``found``: the history of missing ones.

    ``offset``: the exchange's clock minus ours.

    An odd row without an order id may be any order: none is then taken for vanished.
    """
    changes, listed = Changes(), {row.order_id: row for row in book.rows}
    half_read = {odd.row.order_id: odd.row for odd in book.odd if isinstance(odd.row, OpenOrder)}
    is_whole = len(half_read) == len(book.odd)
    known = {o.order_id: o for o in account.orders.not_closed()}
    unknown = (listed.keys() | half_read.keys()) - known.keys()
    known |= {o.order_id: o for o in account.orders.filter(order_id__any=unknown)}
    for order_id, row in half_read.items():
        if order_id in known:  # its symbol is known, if nothing else
            listed[order_id] = replace(row, symbol=known[order_id].symbol)
    for order_id, row in listed.items():
        order = known.get(order_id)
        if order and is_newer(order, book.last_order_id, row, started_at, offset):
            changes.newer.add(order_id)
        else:
            _compare_listed(changes, account, order, row, started_at)
    for order_id, order in known.items():
        if order_id in listed:
            continue
        is_told = order_id in found.endings
        is_later = is_newer(order, book.last_order_id, None, started_at, offset)
        if not is_told and (is_later or _is_after(order, book.last_order_id, started_at)):
            changes.newer.add(order_id)
        elif _is_older(order.last_seen_at, started_at):
            _compare_missing(changes, order, found, started_at, is_whole)
    _link_edits(changes)
    return changes


def _compare_listed(
    changes: Changes, account: Account, order: Order | None, row: OpenOrder, started_at: datetime
) -> None:
    values = values_of(row, order)
    if order is None:
        seen: dict[str, Any] = {"first_seen_at": started_at, "last_seen_at": started_at}
        order = Order(account=account, order_id=row.order_id, **seen, **values)
        changes.new.append((order, row.raw))
    elif order.state == OrderState.CLOSED:
        if order.closed_at and not _is_older(order.closed_at, started_at - READ_LAG):
            return  # the book may be behind what we already know
        order.has_contradiction = True
        changes.reopened.append((refresh(order, values), row.raw))
    elif order.state != OrderState.OPEN or any(getattr(order, n) != values[n] for n in COMPARED):
        changes.changed.append((refresh(order, values), row.raw))


def _is_after(order: Order, last_order_id: int | None, started_at: datetime) -> bool:
    """Whether a read is, by its own newest order id, from before this young order was made."""
    is_young = order.first_seen_at > started_at - READ_LAG
    is_open = order.state == OrderState.OPEN
    return is_open and is_young and last_order_id is not None and order.order_id > last_order_id


def _is_older(moment: datetime, started_at: datetime) -> bool:
    return moment < started_at or is_ahead(moment, started_at)


def _has_come(moment: datetime, now: datetime) -> bool:
    return moment <= now or is_ahead(moment, now, RAREST)


def _compare_missing(
    changes: Changes, order: Order, found: "History", started_at: datetime, is_whole: bool
) -> None:
    ending = found.endings.get(order.order_id)
    order.order_status = found.words.get(order.order_id, order.order_status)
    if ending is not None:
        order_rows.close(order, ending, started_at)
        changes.closed.append((order, ending))
    elif order.state == OrderState.OPEN and not is_whole:
        _hide(changes, order, started_at)
    elif order.state == OrderState.OPEN:
        order.state, order.next_lookup_at = OrderState.VANISHED, started_at + LOOK_AGAIN
        order.amounts_state = AmountsState.BEING_READ
        changes.vanished.append(order)
    elif _look_again(order, started_at):
        is_old = started_at - order.last_seen_at > UNTOLD_AFTER
        order.amounts_state = AmountsState.UNTOLD if is_old else AmountsState.BEING_READ
        changes.unexplained.append(order)


def _hide(changes: Changes, order: Order, started_at: datetime) -> None:
    """Keep an order open that was not seen: it may be the row that could not be read."""
    _look_again(order, started_at)
    order.trouble = HIDDEN
    changes.hidden.append(order)


def _look_again(order: Order, started_at: datetime) -> bool:
    """Whether a look-up in the history was due; the next comes the later, the longer it is gone."""
    if order.next_lookup_at is not None and not _has_come(order.next_lookup_at, started_at):
        return False
    unseen_for = max(LOOK_AGAIN, started_at - order.last_seen_at)
    order.next_lookup_at = started_at + min(RAREST, unseen_for)
    return True


def _link_edits(changes: Changes) -> None:
    """Link new orders to those they were edited from.

    An edit closes an order and makes a new one of the same client order id at that moment.
    """
    ended = {
        o.client_order_id: (o, ending.at) for o, ending in changes.closed if _may_be_edit(ending)
    }
    ended |= {order.client_order_id: (order, None) for order in changes.vanished}
    for order, _ in changes.new:
        old, at = ended.get(order.client_order_id, (None, None))
        if order.client_order_id is None or old is None or old.order_id > order.order_id:
            continue
        if at is None or (order.created_at and abs(at - order.created_at) <= SAME_MOMENT):
            order.replaces_order_id = old.order_id


def _may_be_edit(ending: Closure) -> bool:
    return ending.status == "cancelled" and ending.event in OURS


def values_of(row: OpenOrder, order: Order | None = None) -> dict[str, Any]:
    """An open order's columns from the book's row: the text as it came, numbers beside it.

    What could not be read stays as the order has it, where it is known.
    """
    values: dict[str, Any] = {name: getattr(row, name) for name in FROM_BOOK}
    values["price"] = row.price or ""
    for name in ("created_at", "updated_at"):
        values[name] = None if values[name] is None else reader.moment(values[name])
    if row.odd_fields:
        values |= {name: values[name] or "" for name in TEXTS}
        values |= {name: getattr(order, name) for name in row.odd_fields if order is not None}
    values["price_number"] = number(values["price"])
    amounts = (values[name] for name in AMOUNTS)
    values["open_amount_number"] = number(_left(*amounts))
    values["trouble"] = odd_rows.unread_fields(row) if row.odd_fields else ""
    return values


def _left(initial: str | None, filled: str | None, cancelled: str | None) -> Decimal | None:
    """What is open of an order, or None where one of the amounts is not known."""
    if not (initial and filled and cancelled):
        return None
    return EXACT.subtract(EXACT.subtract(Decimal(initial), Decimal(filled)), Decimal(cancelled))


def number(text: str | Decimal | None) -> Decimal | None:
    """A decimal for sorting and sums, or None where there is none or it would not fit."""
    if text is None or text == "":
        return None
    value = Decimal(text).quantize(STEP, context=EXACT)
    return value if value.copy_abs() < Decimal(10) ** 26 else None


def refresh(order: Order, values: dict[str, Any]) -> Order:
    for name, value in values.items():
        setattr(order, name, value)
    order.state, order.order_status, order.reason = OrderState.OPEN, "open", ""
    order.amounts_state = AmountsState.TOLD
    order.closed_at = order.next_lookup_at = None
    return order
