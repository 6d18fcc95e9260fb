"""New orders as beats, for a guard that is set to hear them: its bot's orders tell that it lives.

Which order is new is told by our rows, which only grow, and by no clock. Orders that the exchange
makes of a stop are nobody's sign of life. A row comes by the stream, or by a read where no stream
stands: what is not followed is silent, and the guard fires.
"""

from typing import TYPE_CHECKING

from django.db.models import F, Max

from orders.models import Account, Guard, Order
from orders.models.one_writer import unless_busy
from orders.models.orders import OrderQuerySet
from orders.panic.guard import boot_clock

if TYPE_CHECKING:
    from django.db.models import QuerySet

READ_PAST = 2_000  # rows of others; also how far behind the newest a row may yet be committed


def place(guard: Guard) -> int:
    """Return the row from which a guard is to hear on: the newest in its scope, or one near it."""
    before = _newest(Order.objects.all()) - READ_PAST
    return _newest(_placed(guard).filter(pk__gt=before)) or max(before, 0)


def hear(guard: Guard) -> bool:
    """Let a guard hear what was placed since it last heard; whether there was anything.

    While SQLite's one writer is busy the beat is written in a later look. The guard does not fire
    meanwhile: the order is there, whether the beat is written or not.
    """
    last = _newest(_placed(guard).filter(pk__gt=guard.heard_order))
    if not last:
        _read_past(guard)
        return False
    with unless_busy():
        beat = boot_clock.beat(boot_clock.stamp())
        _not_yet(guard, last).update(heard_order=last, **beat)
    return True


def _read_past(guard: Guard) -> None:
    """Leave behind rows of others, so that a look reads a few thousand of them at most."""
    before = _newest(Order.objects.all()) - READ_PAST
    if before - guard.heard_order > READ_PAST:
        with unless_busy():
            _not_yet(guard, before).update(heard_order=before)


def _not_yet(guard: Guard, row: int) -> "QuerySet[Guard]":
    """The guard, as long as it stands in the same arming and heard nothing of this row."""
    same = Guard.objects.armed().filter(pk=guard.pk, arming=guard.arming)
    return same.filter(heard_order__lt=row)


def _newest(orders: OrderQuerySet) -> int:
    last: int | None = orders.aggregate(last=Max("pk"))["last"]
    return last or 0


def _placed(guard: Guard) -> OrderQuerySet:
    """The orders in the guard's scope that somebody placed; to be looked for by row.

    By account, an index would lead through every order that the account ever had.
    """
    own = Account.objects.filter(desk=guard.desk_id)
    if guard.account_id:
        own = own.filter(pk=guard.account_id)
    orders = Order.objects.alias(of=F("account_id") + 0)
    return orders.filter(of__in=own.values("pk"), stop_parent_order_id=None)
