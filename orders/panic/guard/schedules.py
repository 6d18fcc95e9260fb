"""What is due at its time: a desk or an account emptied daily, old orders cancelled each hour.

The claim of a time is the schedule's own row: each time is done once, however many sweeps run. One
that no sweep could do within ten minutes is missed, and people are told.
"""

import logging
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from orders.access.denials import refuse
from orders.access.permissions import NotAllowed
from orders.audit import log
from orders.cancels.bulk import previews
from orders.cancels.bulk.scope import Scope
from orders.lifecycle.targets import CannotAsk
from orders.models import CancelJob, Event, Right, Schedule, ScheduleKind
from orders.models.clocks import is_ahead
from orders.models.prepared import Prepared
from orders.panic import decision, spared
from orders.panic.guard import changes, facts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)
LATE = timedelta(minutes=10)
MAX_HOURS = 24 * 30
HOUR = 3600
UNDER_WAY = "all that were that old are being cancelled already."
CLOCK_WAS_AHEAD = (
    "a sweep's clock was ahead, so that it was counted up to {} UTC. Times since may have been "
    "left out: look at the account. It goes on with its next time."
)
NO_SCHEDULE = "There is no such schedule, or it is not yours to set."


@dataclass(frozen=True)
class Plan:
    """What a schedule does, and when: daily at a minute of the day (UTC), or each hour with orders
    older than so. ``account_id``: None means the whole desk."""

    account_id: int | None
    at_minute: int | None = None
    older_than_h: int | None = None
    keep_reduce_only: bool = False
    keep_stops: bool = False


def make(*, user: "User", actor: log.Actor, desk_id: int, name: str, plan: Plan) -> Schedule:
    """Make a schedule. Its first time is the next one.

    Raises `NotAllowed`, or `CannotAsk` with a sentence.
    """
    desk = changes.desk_to_set(user, actor, desk_id, "make a schedule")
    changes.check_account(desk, plan.account_id)
    _check(plan.at_minute, plan.older_than_h)
    kind = ScheduleKind.STALE if plan.at_minute is None else ScheduleKind.EMPTY
    name, now = changes.checked_name(name), timezone.now()
    schedule = Schedule(desk=desk, name=name, kind=kind, set_by=user, set_at=now, **asdict(plan))
    schedule.last_for = time_before(schedule, now)
    try:
        with transaction.atomic():
            schedule.save()
            about: dict[str, Any] = {"added": in_words(schedule)}
            log.append(facts.fact(Event.SCHEDULE_CHANGED, schedule, actor, now, **about))
    except IntegrityError:
        said = "This desk has a schedule of that name: take another."
        raise CannotAsk(said, field="name") from None
    return schedule


def switch(*, user: "User", actor: log.Actor, schedule_id: int, is_active: bool) -> str:
    """Switch a schedule off, or on from its next time. Raises `NotAllowed`."""
    found = Schedule.objects.allowing(user, Right.SET_GUARDS).filter(pk=schedule_id)
    schedule = found.select_related("desk", "account").first()
    if schedule is None:
        refuse(actor=actor, what=f"switch schedule {schedule_id}", said=NO_SCHEDULE)
    now, word = timezone.now(), "on" if is_active else "off"
    values = {"last_for": time_before(schedule, now), "is_missed": False}
    if is_active:
        values |= {"set_by": user, "set_at": now}
    with transaction.atomic():
        other = Schedule.objects.filter(pk=schedule.pk, is_active=not is_active)
        if not other.update(is_active=is_active, **values):
            return f"{schedule.name} was {word} before."
        about: dict[str, Any] = {"changed": {"state": ["off" if is_active else "on", word]}}
        log.append(facts.fact(Event.SCHEDULE_CHANGED, schedule, actor, now, **about))
    return f"{schedule.name} is {word}."


_active = Prepared(
    lambda: Schedule.objects.filter(is_active=True).select_related("desk", "account", "set_by")
)


def run_due(now: datetime) -> None:
    """Do what is due, each time once."""
    for schedule in _active():
        if _is_ahead(schedule, now):
            _set_back(schedule, now)
        elif _is_due(schedule, now):
            _run(schedule, time_before(schedule, now), now)


def is_due(now: datetime) -> bool:
    """Whether any schedule's time has come."""
    return any(_is_ahead(each, now) or _is_due(each, now) for each in _active())


def _is_due(schedule: Schedule, now: datetime) -> bool:
    return schedule.last_for is None or time_before(schedule, now) > schedule.last_for


def _is_ahead(schedule: Schedule, now: datetime) -> bool:
    """Whether it was last done for a time that is further off than its next one."""
    period = HOUR if schedule.kind == ScheduleKind.STALE else 24 * HOUR
    return is_ahead(schedule.last_for, now, timedelta(seconds=period))


def time_before(schedule: Schedule, now: datetime) -> datetime:
    """Return the schedule's newest time up to now."""
    if schedule.kind == ScheduleKind.STALE:
        return now.replace(minute=0, second=0, microsecond=0)
    hour, minute = divmod(schedule.at_minute or 0, 60)
    today = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


def in_words(schedule: Schedule) -> str:
    """*every day at 21:55 UTC, empty Alpha*."""
    kept = spared.clause(reduce_only=schedule.keep_reduce_only, stops=schedule.keep_stops)
    if schedule.kind == ScheduleKind.EMPTY:
        hour, minute = divmod(schedule.at_minute or 0, 60)
        return f"every day at {hour:02}:{minute:02} UTC, empty {schedule.where}{kept}"
    hours = f"{schedule.older_than_h} h"
    return f"each hour, cancel orders older than {hours} on {schedule.where}{kept}"


def _run(schedule: Schedule, due: datetime, now: datetime) -> None:
    """Claim the time and do it, in one transaction; or say why not."""
    try:
        with transaction.atomic():
            if _claim(schedule, due):
                _do(schedule, due, now)
    except Exception as error:  # its time must not be tried for ever, nor be lost unsaid
        logger.exception("A schedule could not be run.")
        if isinstance(error, OperationalError | InterfaceError) and now - due <= LATE:
            return  # the database may be back in a moment: its time is still to be done
        with transaction.atomic():
            if _claim(schedule, due):
                _tell(schedule, due, now, None, f"failed ({type(error).__name__})", is_missed=True)


def _claim(schedule: Schedule, due: datetime) -> bool:
    earlier = Q(last_for=None) | Q(last_for__lt=due)
    same = Schedule.objects.filter(earlier, pk=schedule.pk, is_active=True)
    return bool(same.update(last_for=due))


def _set_back(schedule: Schedule, now: datetime) -> None:
    """Let it go on with its next time after a clock was set back, and tell people."""
    due, was = time_before(schedule, now), schedule.last_for
    same = Schedule.objects.filter(pk=schedule.pk, is_active=True, last_for=was)
    with transaction.atomic():
        if was is not None and same.update(last_for=due):
            said = CLOCK_WAS_AHEAD.format(f"{was:%Y-%m-%d %H:%M}")
            _tell(schedule, due, now, None, said, is_missed=True)


def _do(schedule: Schedule, due: datetime, now: datetime) -> None:
    if now - due > LATE:
        said = "missed: no sweep ran within ten minutes. Look at the account, and cancel by hand."
        return _tell(schedule, due, now, None, said, is_missed=True)
    if why := _why_not(schedule):
        return _tell(schedule, due, now, None, f"not done: {why}.", is_missed=True)
    who = schedule.set_by
    actor = log.Actor(who.pk, who.get_username(), guard_name=schedule.name)
    try:
        with transaction.atomic():
            job = _act(schedule, actor, due)
    except NotAllowed:
        said = f"not done: {who.get_username()} set it and may no longer cancel there."
        return _tell(schedule, due, now, None, said, is_missed=True)
    except CannotAsk as error:
        is_idle = schedule.kind == ScheduleKind.STALE and "Nothing matches" in str(error)
        said = "nothing was that old." if is_idle else str(error)
        return _tell(schedule, due, now, None, said, is_missed=not is_idle)
    return _tell(schedule, due, now, job, f"Recorded: {job.scope}." if job else UNDER_WAY)


def _why_not(schedule: Schedule) -> str:
    """Say why nothing can be done there, whoever set it; empty where it can."""
    desk, account = schedule.desk, schedule.account
    if not desk.is_active:
        return f"{desk} is deactivated"
    if account and account.desk_id != desk.pk:
        return f"{account} went to another desk"
    if account and not account.is_active:
        return f"{account} is deactivated"
    return "" if desk.accounts.filter(is_active=True).exists() else f"{desk} has no active account"


def _act(schedule: Schedule, actor: log.Actor, due: datetime) -> CancelJob | None:
    """Do it; None where all that it is about is being cancelled already."""
    named = [schedule.account_id] if schedule.account_id else []
    reason = f"Schedule {schedule.name}: {in_words(schedule)}."
    if schedule.kind == ScheduleKind.EMPTY:
        return decision.record_panic(
            user=schedule.set_by,
            actor=actor,
            desk_id=schedule.desk_id,
            account_ids=named,
            keep_reduce_only=schedule.keep_reduce_only,
            keep_stops=schedule.keep_stops,
            reason=reason,
            request_key=uuid.uuid5(uuid.NAMESPACE_OID, f"schedule {schedule.pk} {due}"),
        )
    return _cancel_old(schedule, actor, named, reason)


def _cancel_old(
    schedule: Schedule, actor: log.Actor, named: list[int], reason: str
) -> CancelJob | None:
    scope = Scope(
        desk_id=schedule.desk_id,
        account_ids=tuple(named),
        min_age_s=HOUR * (schedule.older_than_h or 1),
        spare_reduce_only=schedule.keep_reduce_only,
        spare_stops=schedule.keep_stops,
    )
    frozen = previews.of_scope(user=schedule.set_by, actor=actor, scope=scope)
    receipt = previews.confirm(
        user=schedule.set_by,
        actor=actor,
        preview_id=frozen.pk,
        reason=reason[:300],
        typed=previews.must_type(frozen),
    )
    return receipt.jobs[0] if receipt.jobs else None


def _tell(
    schedule: Schedule,
    due: datetime,
    now: datetime,
    job: CancelJob | None,
    said: str,
    is_missed: bool = False,
) -> None:
    """Keep and record what came of a time; nothing is recorded where nothing was old enough."""
    values = {"last_said": said[:400], "last_job": job, "is_missed": is_missed}
    Schedule.objects.filter(pk=schedule.pk).update(**values)
    if job is None and not is_missed:
        return
    who = schedule.set_by
    actor = log.Actor(who.pk, who.get_username(), guard_name=schedule.name)
    about: dict[str, Any] = {"due": due.isoformat(), "said": said}
    log.append(facts.fact(Event.SCHEDULE_RUN, schedule, actor, now, job=job, **about))


def _check(at_minute: int | None, older_than_h: int | None) -> None:
    """Raise `CannotAsk` unless it is one of the two kinds."""
    if (at_minute is None) == (older_than_h is None):
        raise CannotAsk("Give a time of day, or how old an order may get.", field="at")
    if at_minute is not None and not 0 <= at_minute < 24 * 60:
        raise CannotAsk("Write the time as 21:55, in UTC.", field="at")
    if older_than_h is not None and not 1 <= older_than_h <= MAX_HOURS:
        raise CannotAsk(f"1 to {MAX_HOURS} hours.", field="older_than_h")
