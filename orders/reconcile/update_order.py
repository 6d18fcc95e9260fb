"""Which of two facts about an order is newer: updates of the stream, and reads of the open orders.

An update says the exchange's own place (``li``) and time (``ut``) of its change; a read says the
highest id when it was built, and for each open order when it last changed. Pure.
"""

from datetime import datetime, timedelta

from orders.exchange.reader import moment
from orders.models import Account, Order, OrderState
from orders.models.cancels import READ_LAG
from orders.models.clocks import is_ahead
from orders.pacifica.rows import OpenOrder
from orders.pacifica.stream_rows import OrderUpdate
from orders.reconcile import closures

Place = tuple[int, int, float]


def place(row: OrderUpdate) -> Place:
    """Where an update stands among those of its order; what it does not say counts as first."""
    li = -1 if row.last_order_id is None else row.last_order_id
    return li, row.updated_at or 0, float(row.filled_amount or 0)


def is_later(row: OrderUpdate, order: Order, account: Account, offset: timedelta) -> bool:
    """Whether an update is later than all that we know of an order that has not ended."""
    if order.state == OrderState.VANISHED and not is_after_book(row, account, offset):
        return False
    at, li = closures.changed_at(row), row.last_order_id
    if at is None or order.updated_at is None:
        return is_after_book(row, account, offset)
    if at != order.updated_at and (at < order.updated_at or order.told_li is None):
        return at > order.updated_at
    if li is not None and order.told_li is not None and li != order.told_li:
        return li > order.told_li
    is_filled_more = float(row.filled_amount or 0) > float(order.filled_amount or 0)
    return at > order.updated_at or is_filled_more


def is_after_book(row: OrderUpdate, account: Account, offset: timedelta) -> bool:
    """Whether an update came after the open orders were last read: by places, else by times.

    Places may count new orders alone, so that several changes share one; and that they can be held
    against a read's is disputed, so that a time well after the read counts too.
    """
    li, last_id, at = row.last_order_id, account.book_last_order_id, closures.changed_at(row)
    if account.synced_at is None or (li is not None and last_id is not None and li > last_id):
        return True
    is_by_time_alone = li is None or last_id is None or li == last_id
    slack = timedelta(0) if is_by_time_alone else closures.CLOCK_SLACK
    return at is not None and at - offset > account.synced_at + slack


def is_end_believed(row: OrderUpdate, order: Order, account: Account, offset: timedelta) -> bool:
    """Whether an end stands against the open orders, which listed the order when last read.

    An order ends once, so an end counts whenever its frame comes; but where the exchange listed the
    order long after that end, the two contradict each other, and a read must tell.
    """
    if order.state != OrderState.OPEN or is_after_book(row, account, offset):
        return True
    at = closures.changed_at(row)
    return at is not None and at - offset >= order.last_seen_at - READ_LAG


def is_newer_than_book(
    order: Order,
    last_order_id: int | None,
    row: OpenOrder | None,
    started_at: datetime,
    offset: timedelta = timedelta(0),
) -> bool:
    """Whether the stream told of this order what a read, begun then, could not show yet.

    ``row``: the order in that read, or None where it is not listed. Believed for as long as reads
    may lag behind, whatever place they state: then the read is right.
    """
    if order.told_li is None or order.state == OrderState.CLOSED:
        return False
    told_at = order.last_seen_at
    if told_at < started_at - READ_LAG or is_ahead(told_at, started_at, READ_LAG):
        return False
    if last_order_id is not None and order.told_li > last_order_id:
        return True
    if order.updated_at is None:
        return False
    if row is None:
        return order.updated_at - offset >= started_at - READ_LAG
    return row.updated_at is not None and moment(row.updated_at) < order.updated_at
