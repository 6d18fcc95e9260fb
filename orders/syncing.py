"""Bring the known orders of an account up to date with the exchange.

The book says what is open. What is no longer in it closed somehow, and only the history says how:
until it does, the order is *vanished*, never guessed. A constant number of queries, however many
orders there are.
"""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now as clock

from orders import audit, credits, endings, reading
from orders.concluding import ending_values
from orders.models import Account, Event, Order, OrderState
from orders.pacifica import reads

READ_LAG = timedelta(seconds=30)  # a book this soon after a close may simply be behind
FEW = 5
LOOK_AGAIN = timedelta(seconds=30)

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
DERIVED = ("price_number", "open_amount_number")
REFRESHED = (
    *FROM_BOOK,
    *DERIVED,
    "average_filled_price",
    "state",
    "order_status",
    "reason",
    "closed_at",
    "next_lookup_at",
)


@dataclass
class Changes:
    """What one sync found, as order rows with the exchange's own words beside them."""

    new: list = field(default_factory=list)  # (Order, raw row)
    changed: list = field(default_factory=list)
    reopened: list = field(default_factory=list)
    closed: list = field(default_factory=list)  # (Order, Ending)
    vanished: list = field(default_factory=list)  # Order

    def __bool__(self):
        return any((self.new, self.changed, self.reopened, self.closed, self.vanished))


@dataclass(frozen=True)
class Synced:
    """How a sync went: the number of open orders, or why the book could not be read."""

    open_orders: int | None = None
    new: int = 0
    closed: int = 0
    problem: str = ""


def sync_account(*, account_id, is_due_only=False, now=clock) -> Synced | None:
    """Read the account's book and apply it; None where another sync was quicker."""
    started_at = now()
    if not _claim(account_id, started_at, is_due_only):
        return None
    account = Account.objects.select_related("desk").get(pk=account_id)
    purpose = credits.SYNC if is_due_only else credits.PROOF
    reader = reading.Reader(account, purpose=purpose, now=now)
    book = reader.ask("/orders", {"account": account.address}, reads.open_orders)
    if book.must_wait:
        return Synced(problem=book.why)  # a routine sync stretches its period
    if book.value is None:
        Account.objects.filter(pk=account_id).update(sync_error=book.why[:300])
        return Synced(problem=book.why)
    found, history = _endings_of_missing(reader, account, book.value.rows, started_at)
    with transaction.atomic():
        return _apply(account, book, found, history, started_at, now())


def _claim(account_id, now, is_due_only):
    """Write when this sync starts; a scheduled one only where none is under way or recent."""
    accounts = Account.objects.filter(pk=account_id, is_active=True)
    if is_due_only:
        accounts = Account.objects.due_for_sync(now, settings.SYNC_PERIOD_S).filter(pk=account_id)
    return accounts.order_by().update(sync_started_at=now)


def _missing(account, listed, started_at):
    """Orders we hold as open or vanished, seen before this read began, and not in the book."""
    orders = account.orders.exclude(state=OrderState.CLOSED).filter(last_seen_at__lt=started_at)
    return [order for order in orders if order.order_id not in listed]


def _endings_of_missing(reader, account, rows, started_at):
    """How the missing orders ended, by order id, and the readings that tell it."""
    listed = {row.order_id for row in rows}
    wanted = {
        order.order_id
        for order in _missing(account, listed, started_at)
        if order.next_lookup_at is None or order.next_lookup_at <= started_at
    }
    if not wanted:
        return {}, []
    found, readings = _through_history(reader, account, wanted)
    left = sorted(wanted - set(found))
    for order_id in left[:FEW]:
        readings.append(_by_id(reader, order_id, found))
    return found, readings


def _through_history(reader, account, wanted):
    def is_enough(rows):
        return wanted <= {row.order_id for row in rows}

    params = {"account": account.address}
    readings, rows = reader.pages("/orders/history", params, reads.history_page, is_enough)
    told = {row.order_id: endings.of_history_row(row) for row in rows if row.order_id in wanted}
    return {order_id: ending for order_id, ending in told.items() if ending}, readings


def _by_id(reader, order_id, found):
    path, params = "/orders/history_by_id", {"order_id": order_id}
    answer = reader.ask(path, params, reads.history_events, order_id=order_id)
    ending = endings.of_events(answer.value) if answer.value else None
    if ending is not None:
        found[order_id] = ending
    return answer


def _apply(account, book, found, history, started_at, now):
    """Write what changed, and one record of it. A sync that was overtaken writes nothing."""
    locked = Account.objects.select_for_update().get(pk=account.pk)
    if locked.synced_at is not None and locked.synced_at >= started_at:
        return None
    changes = _compare(account, book.value.rows, found, started_at)
    _write(account, changes, started_at, now)
    Account.objects.filter(pk=account.pk).update(synced_at=started_at, sync_error="")
    if changes:
        audit.append(*_facts(account, changes, book, history, now))
    return Synced(len(book.value.rows), len(changes.new), len(changes.closed))


def _compare(account, rows, found, started_at) -> Changes:
    changes = Changes()
    listed = {row.order_id: row for row in rows}
    known = {o.order_id: o for o in account.orders.exclude(state=OrderState.CLOSED)}
    unknown = [order_id for order_id in listed if order_id not in known]
    known |= {o.order_id: o for o in account.orders.filter(order_id__in=unknown)}
    for order_id, row in listed.items():
        _compare_listed(changes, account, known.get(order_id), row, started_at)
    for order_id, order in known.items():
        if order_id not in listed and order.last_seen_at < started_at:
            _compare_missing(changes, order, found.get(order_id), started_at)
    return changes


def _compare_listed(changes, account, order, row, started_at):
    values = values_of(row)
    if order is None:
        seen = {"first_seen_at": started_at, "last_seen_at": started_at}
        order = Order(account=account, order_id=row.order_id, **seen, **values)
        changes.new.append((order, row.raw))
    elif order.state == OrderState.CLOSED:
        if order.closed_at and order.closed_at > started_at - READ_LAG:
            return  # the book may be behind what we already know
        changes.reopened.append((_refresh(order, values), row.raw))
    elif order.state != OrderState.OPEN or any(getattr(order, n) != v for n, v in values.items()):
        changes.changed.append((_refresh(order, values), row.raw))


def _compare_missing(changes, order, ending, started_at):
    if ending is not None:
        for name, value in ending_values(ending).items():
            setattr(order, name, value)
        order.state, order.closed_at, order.next_lookup_at = OrderState.CLOSED, started_at, None
        order.open_amount_number = Decimal(0)
        changes.closed.append((order, ending))
    elif order.state == OrderState.OPEN:
        order.state, order.next_lookup_at = OrderState.VANISHED, started_at + LOOK_AGAIN
        changes.vanished.append(order)


def values_of(row) -> dict:
    """An open order's columns from the book's row: the text as it came, numbers beside it."""
    values = {name: getattr(row, name) for name in FROM_BOOK}
    values["price"] = row.price or ""
    values["created_at"] = reading.moment(row.created_at)
    values["updated_at"] = reading.moment(row.updated_at)
    left = Decimal(row.initial_amount) - Decimal(row.filled_amount) - Decimal(row.cancelled_amount)
    values["price_number"] = number(row.price)
    values["open_amount_number"] = number(left)
    return values


def number(text) -> Decimal | None:
    """A decimal for sorting and sums, or None where it would not fit the column."""
    if text is None:
        return None
    value = Decimal(text)
    return round(value, 12) if abs(value) < Decimal(10) ** 26 else None


def _refresh(order, values):
    for name, value in values.items():
        setattr(order, name, value)
    order.state, order.order_status, order.reason = OrderState.OPEN, "open", ""
    order.closed_at = order.next_lookup_at = None
    return order


def _write(account, changes, started_at, now):
    """New and changed rows in one statement, and one more for all that were seen."""
    told = changes.new + changes.changed + changes.reopened + changes.closed
    orders = [order for order, _ in told] + changes.vanished
    for order in orders:
        order.pk = None  # an upsert names its row by account and order id
    Order.objects.bulk_create(
        orders,
        update_conflicts=True,
        unique_fields=["account", "order_id"],
        update_fields=REFRESHED,
    )
    open_orders = Order.objects.filter(account=account, state=OrderState.OPEN)
    open_orders.update(last_seen_at=started_at)


def _facts(account, changes, book, history, now):
    """One record of a sync that changed something: the changed rows word for word."""
    told = [
        *((order, "new", raw) for order, raw in changes.new),
        *((order, "changed", raw) for order, raw in changes.changed),
        *((order, "closed", vars(ending)) for order, ending in changes.closed),
        *((order, "vanished", {}) for order in changes.vanished),
    ]
    yield _fact(Event.SYNC, account, told, book, history, now)
    if changes.reopened:
        told = [(order, "reopened", raw) for order, raw in changes.reopened]
        yield _fact(Event.CONTRADICTION, account, told, book, history, now)


def _fact(event, account, told, book, history, now):
    reads_made = [book, *history]
    return audit.Fact(
        event=event,
        at=now,
        account=account,
        data={"reads": [_described(each) for each in reads_made], "count": len(told)},
        lines=tuple(_line(account, *each) for each in told),
    )


def _described(each):
    """A read's route, answer and the length and hash of its body."""
    described = {"path": each.path, "params": each.params, "why": each.why}
    if hasattr(each.result, "body"):
        sums = {"length": each.result.body_length, "sha256": each.result.body_sha256}
        described |= audit.described(each.result) | sums
    return described


def _line(account, order, outcome, raw):
    return audit.OrderLine(
        account_id=account.pk,
        symbol=order.symbol,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        outcome=outcome,
        data=json.dumps(raw, default=str),
    )
