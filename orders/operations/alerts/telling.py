"""Tell of alerts: each by every way that it goes out by, once, and once more when it is over.

What is told is kept in the database way by way, so that of several senders one tells, a restart
tells nothing twice, and a way that fails makes no other one repeat itself.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import F, QuerySet

from orders.audit import log
from orders.models import Alert, Event
from orders.models.alerts import HEARD, MAX_PAUSE, OVER, RAISED
from orders.operations.alerts import ways
from orders.operations.alerts.ways import Notice, Way
from orders.operations.alerts.webhook import CannotTell

logger = logging.getLogger(__name__)
TELL_LEASE = timedelta(seconds=30)  # for each way


def tell(now: datetime) -> None:
    """Tell what is due, each claimed first; what fails is tried again, ever more rarely."""
    for alert in Alert.objects.to_tell(now):
        left = _left(alert)
        same = Alert.objects.filter(pk=alert.pk, next_tell_at=alert.next_tell_at)
        if same.update(next_tell_at=now + TELL_LEASE * max(1, len(left))):
            _tell(alert, left, now)


def _tell(alert: Alert, left: Iterable[Way], now: datetime) -> None:
    """Tell by these ways; it is told where none is left."""
    notice = _notice(alert)
    mine = Alert.objects.filter(pk=alert.pk, covers=alert.covers)  # else it has become more
    failed = False
    for way in left:
        try:
            way.send(notice)
        except CannotTell as error:
            failed = True
            said = "An alert could not be told by %s (%s); it is tried again."
            logger.warning(said, way.name, error)
        else:
            alert.told_ways = [*alert.told_ways, f"{notice.state} {way.key}"]
            mine.update(told_ways=alert.told_ways)
    if failed:
        _try_later(mine, alert.failures, now)
    else:
        mine.update(**{"told_over_at" if alert.over_at else "told_at": now})
        log.record(_fact(alert))


def _left(alert: Alert) -> list[Way]:
    """Return the ways by which its beginning, or its end, has still to be told.

    The end goes to those alone who heard of the beginning.
    """
    chosen, told = ways.ways_of(desk=alert.desk_name, kind=alert.kind), set(alert.told_ways)
    if alert.over_at is None:
        return [way for way in chosen if f"{RAISED} {way.key}" not in told]
    if alert.told_at is None:
        chosen = [way for way in chosen if told & {f"{RAISED} {way.key}", f"{HEARD} {way.key}"}]
    return [way for way in chosen if f"{OVER} {way.key}" not in told]


def _notice(alert: Alert) -> Notice:
    return Notice(
        state=OVER if alert.over_at else RAISED,
        kind=alert.kind,
        title=alert.get_kind_display(),
        about=alert.about,
        desk=alert.desk_name,
        text=f"Over: {alert.said}" if alert.over_at else alert.said,
        raised_at=alert.raised_at.isoformat(),
    )


def _try_later(mine: QuerySet[Alert], failures: int, now: datetime) -> None:
    pause_s = min(MAX_PAUSE.total_seconds(), 15 * 2 ** min(failures, 6))
    mine.update(failures=F("failures") + 1, next_tell_at=now + timedelta(seconds=pause_s))


def _fact(alert: Alert) -> log.Fact:
    is_over = alert.over_at is not None
    data = {"kind": alert.kind, "about": alert.about, "said": alert.said, "is_over": is_over}
    return log.Fact(event=Event.ALERT, data=data)
