"""New orders as beats, for a guard that is set to hear them: its bot's orders tell that it lives.

Which order is new is told by our rows, which only grow, and by no clock. Orders that the exchange
makes of a stop are nobody's sign of life. A row comes by the stream, or by a read where no stream
stands: what is not followed is silent, and the guard fires.
"""

from django.db.models import Max

from orders.models import Guard, Order
from orders.models.one_writer import unless_busy
from orders.models.orders import OrderQuerySet
from orders.panic.guard import boot_clock


def newest(guard: Guard) -> int:
    """Return the newest row of an order in the guard's scope; 0 where there is none."""
    last: int | None = _placed(guard).aggregate(last=Max("pk"))["last"]
    return last or 0


def hear(guard: Guard) -> bool:
    """Let a guard hear what was placed since it last heard; whether there was anything.

    While SQLite's one writer is busy the beat is written in a later look. The guard does not fire
    meanwhile: the order is there, whether the beat is written or not.
    """
    last = _placed(guard).filter(pk__gt=guard.heard_order).aggregate(last=Max("pk"))["last"]
    if last is None:
        return False
    with unless_busy():
        same = Guard.objects.armed().filter(pk=guard.pk, arming=guard.arming)
        beat = boot_clock.beat(boot_clock.stamp())
        same.filter(heard_order__lt=last).update(heard_order=last, **beat)
    return True


def _placed(guard: Guard) -> OrderQuerySet:
    """The orders in the guard's scope that somebody placed."""
    of_desk = {"account__desk": guard.desk_id}
    scope = {"account": guard.account_id} if guard.account_id else of_desk
    return Order.objects.filter(**scope, stop_parent_order_id=None)
