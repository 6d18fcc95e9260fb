"""New orders as beats, for a guard that is set to hear them: its bot's orders tell that it lives.

Which order is new is told by our rows, which only grow. A row may come long after its order, by
the history of a gap or a late read: so an order counts unless the exchange dates it before the
silence that it would end. Orders that the exchange makes of a stop are nobody's sign of life. A row
comes by the stream, or by a read where no stream stands: what is not followed is silent, and the
guard fires.
"""

from datetime import datetime
from typing import Any

from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from orders.exchange import clock as exchange_clock
from orders.models import Account, Guard, Order
from orders.models.clocks import FRESH_FOR
from orders.models.one_writer import unless_busy
from orders.models.orders import OrderQuerySet
from orders.models.prepared import Prepared
from orders.panic.guard import boot_clock

_newest_row = Prepared(lambda: Order.objects.order_by("-pk").values_list("pk", flat=True)[:1])
_PLACED = Order.objects.filter(stop_parent_order_id=None)  # by somebody
SETTLED_S = 300  # longer than any transaction lasts that writes orders


class ReadPast:
    """Rows that a process has looked at for good, so that a look reads the latest alone.

    A row may be committed after one with a greater id, but not minutes after. So a look hears from
    the row on that was the newest minutes ago, once a later look has heard all that came before.
    """

    def __init__(self) -> None:
        self._below = 0
        self._mark, self._seen = (0, 0.0), (0, 0.0)  # the newest row, and when, by the host's clock

    def begin(self, now_s: float) -> int:
        """Begin a look; return the row after which it hears, or 0 where that is not known yet."""
        newest = next(iter(_newest_row()), 0)
        if newest < self._mark[0]:  # an older copy of the database was put in place
            self._below, self._mark = 0, (0, 0.0)
        self._seen = newest, now_s
        return self._below

    def end(self) -> None:
        """Every guard was heard in this look."""
        if not self._mark[0]:
            self._mark = self._seen
        elif self._seen[1] - self._mark[1] >= SETTLED_S:
            self._below, self._mark = self._mark[0], self._seen


def newest(guard: Guard) -> int:
    """Return the newest row of an order in the guard's scope; 0 where there is none."""
    return _newest(_PLACED.filter(account__in=_accounts(guard)))


def hear(guard: Guard, below: int = 0, since: datetime | None = None) -> bool:
    """Let a guard hear what was placed since it last heard; whether there was anything.

    While SQLite's one writer is busy the beat is written in a later look. The guard does not fire
    meanwhile: the order is there, whether the beat is written or not. ``below``: no row up to
    this one was placed since, as `ReadPast` tells; 0 where nobody knows. ``since``: when its
    silence began, by this host's date; else its last beat's own date counts.
    """
    fresh = _PLACED.filter(pk__gt=max(guard.heard_order, below))
    if below:  # by row: by account, an index leads through every order that it ever had
        fresh = fresh.alias(of=F("account_id") + 0).filter(of__in=_accounts(guard))
    else:
        fresh = fresh.filter(account__in=_accounts(guard))
    if not _newest(fresh):
        return False
    last = _newest(fresh.filter(_may_be_placed_after(since or guard.beat_at)))
    if not last:
        return False
    with unless_busy():
        same = Guard.objects.armed().filter(pk=guard.pk, arming=guard.arming)
        beat = boot_clock.beat(boot_clock.stamp())
        same.filter(heard_order__lt=last).update(heard_order=last, **beat)
    return True


def _may_be_placed_after(beat_at: datetime | None) -> Q:
    """Where the exchange, which dates orders by its own clock, does not date it before a beat.

    Rather one too many: a silence that is none would fire. How far its clock is from ours was
    measured before ours was set, if that was a moment ago.
    """
    assert beat_at is not None  # of an armed guard
    offset, error = exchange_clock.offset_and_error(timezone.now())
    error += exchange_clock.set_forward(FRESH_FOR)
    return Q(created_at=None) | Q(created_at__gt=beat_at + offset - error)


def _newest(orders: OrderQuerySet) -> int:
    last: int | None = orders.aggregate(last=Max("pk"))["last"]
    return last or 0


def _accounts(guard: Guard) -> QuerySet[Account, Any]:
    own = Account.objects.filter(desk=guard.desk_id)
    return (own.filter(pk=guard.account_id) if guard.account_id else own).values("pk")
