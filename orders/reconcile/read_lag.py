"""From when on what the exchange shows, or does not show, tells something of a cancel.

A time that a clock wrote which was set back since is never a reason to wait.
"""

from datetime import datetime, timedelta

from orders.models import Cancel, CancelStatus
from orders.models.cancels import MAX_LIFE, READ_LAG
from orders.models.clocks import is_ahead


def dead_at(
    cancel: Cancel, offset: timedelta, now: datetime, *, is_doubtful: bool = False
) -> datetime:
    """When an order still in the book shows that our last request did not and will not act.

    A signature ends by the exchange's clock: one that is behind ours keeps it alive for longer.
    ``is_doubtful``: whether it is the order that was meant, a lagging history may have yet to show.
    """
    if is_doubtful:
        return caught_up_at(cancel, offset, now)
    if cancel.answered_at is None or cancel.status == CancelStatus.UNKNOWN:
        ends_at = by_now(cancel.signature_ends_at or cancel.requested_at, now, MAX_LIFE)
        return ends_at + max(timedelta(0), -offset) if ends_at else now - READ_LAG
    answered_at = by_now(cancel.answered_at, now)  # the book may lag behind it
    return answered_at + READ_LAG if answered_at else now - READ_LAG


def by_now(
    moment: datetime | None, now: datetime, longest: timedelta = timedelta(0)
) -> datetime | None:
    """The moment, unless it was written by a clock that was set back since."""
    return None if is_ahead(moment, now, longest) else moment


def caught_up_at(cancel: Cancel, offset: timedelta, now: datetime) -> datetime:
    """From when on a read that shows nothing of our doing would have shown it."""
    moments = [cancel.requested_at, cancel.sent_at, cancel.answered_at]
    touched = [moment for moment in moments if moment and not is_ahead(moment, now)]
    if not touched:  # all of it was written before a clock was set back
        return (by_now(cancel.absent_since_at, now) or now) + READ_LAG
    ends_at = by_now(cancel.signature_ends_at, now, MAX_LIFE) or max(touched)
    return max(max(touched) + READ_LAG, ends_at + max(timedelta(0), -offset))
