"""Apply frames of the exchange's stream to one account: its orders, its open questions, the log.

Frames may come twice, late, out of order, about orders never seen and about other accounts. That
something is missing is never concluded here: absence is for reads to tell. A burst of frames takes
a constant number of queries and leaves one record, where it changed something.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from orders.exchange import clock as exchange_clock
from orders.lifecycle import restored_copy, wakeups
from orders.models import Account, Cancel
from orders.models.cancels import OPEN_QUESTIONS
from orders.reconcile import closures, received_frames, stream_effects
from orders.reconcile.received_frames import Burst, ReceivedFrame

MAX_LAG = timedelta(days=1)  # beyond it the time was odd, or the update a very late one


@dataclass(frozen=True)
class Applied:
    """What a burst came to.

    ``newest_li``: the highest place of the exchange's in it, or None. ``changed``: orders that
    changed; ``concluded``: questions that ended; ``troubles``: rows and frames that could not be
    read, or not whole. ``lag_ms``: from the exchange's time of the newest update to the commit, by
    the exchange's clock, or None where there was none.
    """

    newest_li: int | None = None
    updates: int = 0
    changed: int = 0
    concluded: int = 0
    troubles: int = 0
    lag_ms: int | None = None


def apply(
    *,
    account_id: int,
    frames: Sequence[ReceivedFrame],
    clock: Callable[[], datetime] = timezone.now,
) -> Applied:
    """Apply what these frames say of the account, in one transaction."""
    address = Account.objects.values_list("address", flat=True).get(pk=account_id)
    burst = received_frames.burst_of(address, frames)
    if not burst.told:
        return Applied(updates=burst.updates, troubles=burst.troubles)
    now = clock()
    restored_copy.is_behind(now)  # if so, what waited in an older copy is a person's question
    offset = exchange_clock.offset(now)
    with transaction.atomic():
        effects = stream_effects.write(account_id=account_id, burst=burst, offset=offset, now=now)
    if effects.waiting:
        _ask_at_once(account_id, set(effects.waiting), now)
    return _applied(burst, effects, clock() + offset)


def _ask_at_once(account_id: int, cancel_ids: set[int], now: datetime) -> None:
    """Have cancels looked at now whose answer was lost while their orders' ends were written.

    Each of the two transactions may have looked before the other was committed.
    """
    open_now = Cancel.objects.filter(pk__any=cancel_ids, status__in=OPEN_QUESTIONS, checks=0)
    if open_now.update(next_check_at=now):
        wakeups.settle(account_ids=[account_id])


def _applied(burst: Burst, effects: stream_effects.Effects, by_exchange: datetime) -> Applied:
    """``by_exchange``: the time of the commit, by the exchange's clock."""
    times = [at for each in burst.told if (at := closures.changed_at(each.row)) is not None]
    places = [each.row.last_order_id for each in burst.told if each.row.last_order_id]
    lag = by_exchange - max(times) if times else None
    return Applied(
        newest_li=max(places, default=None),
        updates=burst.updates,
        changed=effects.changed,
        concluded=effects.concluded,
        troubles=burst.troubles,
        lag_ms=None if lag is None or abs(lag) > MAX_LAG else lag // timedelta(milliseconds=1),
    )
