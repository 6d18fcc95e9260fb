"""Arm a guard, let it hear a beat, disarm it: by its row, so that one word at a time counts.

A beat is one row's update and leaves no record: the record of an arming's end has their number.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.db.models.lookups import LessThanOrEqual
from django.utils import timezone

from orders.access.denials import refuse
from orders.audit import log
from orders.lifecycle.targets import CannotAsk, demanded_reason
from orders.models import ArmingEnd, Event, Guard, GuardArming, GuardStatus, Right
from orders.models.guards import GuardQuerySet
from orders.models.prepared import Prepared, PreparedUpdate
from orders.panic import decision
from orders.panic.guard import boot_clock, facts, new_orders, seen

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from orders.models.desks import Person

TOO_SOON_S = 0.05  # after the last beat: it counts with that one
FOR_REAL = "{} is armed for real, and stays so. Disarm it before a drill."
CANNOT_FIRE = "{} has no {} that this guard could empty."


@dataclass(frozen=True)
class Heard:
    """What a beat was answered. ``left_s``: until the guard fires, if it was armed."""

    status: GuardStatus
    said: str
    left_s: float = 0
    job_id: int | None = None


def arm(
    *,
    user: "User",
    actor: log.Actor,
    guard_id: int,
    is_drill: bool = False,
    state: str | None = None,
) -> str:
    """Arm a guard: its silence counts from now on. A guard that is armed only hears a beat.

    ``is_drill``: it fires on drill accounts alone. One that is armed so is armed anew without it:
    no bot is left with a drill. ``state``: how the person saw it (`seen`), where they looked at a
    page. Raises `NotAllowed` or `CannotAsk`.
    """
    guard, now = permitted(user, actor, guard_id, "arm"), timezone.now()
    check_scope(user, guard, is_drill=is_drill)
    with transaction.atomic():
        guard.refresh_from_db(from_queryset=Guard.objects.select_for_update(no_key=True))
        seen.check(guard, state)
        if guard.status == GuardStatus.ARMED and guard.is_drill == is_drill:
            return _armed_before(guard)
        if guard.status == GuardStatus.ARMED and is_drill:
            raise CannotAsk(FOR_REAL.format(guard.name))
        _arm(guard, actor, is_drill, now)
        told: dict[str, Any] = {"ttl_s": guard.ttl_s, "is_drill": is_drill}
        if guard.hears_orders:
            told["hears_orders"] = True
        log.append(facts.fact(Event.GUARD_ARMED, guard, actor, now, **told))
    return f"{guard.name} is armed. {_fires(guard)}"


def _arm(guard: Guard, actor: log.Actor, is_drill: bool, now: datetime) -> None:
    """Write the arming of a guard that is locked; one that stands ends before its first beat."""
    who: dict[str, Any] = {
        "armed_by_id": actor.operator_id,
        "armed_by_name": actor.operator_name,
        "session_hash": actor.session_hash,
        "address": actor.address,
        "token_name": actor.token_name,
    }
    end_arming(guard, ArmingEnd.DISARMED, actor, now, reason="It was armed again.")
    first = {"arming": F("arming") + 1, **boot_clock.beat(boot_clock.stamp())}
    first["heard_order"] = new_orders.newest(guard)
    fresh = {"status": GuardStatus.ARMED, "is_drill": is_drill, "armed_at": now}
    Guard.objects.filter(pk=guard.pk).update(**first, **fresh, **who)
    guard.refresh_from_db()
    GuardArming.objects.create(
        guard=guard,
        number=guard.arming,
        is_drill=is_drill,
        ttl_s=guard.ttl_s,
        armed_at=now,
        armed_by_name=actor.operator_name,
        token_name=actor.token_name,
        first_beat_no=guard.beat_no,
    )


def _armed_before(guard: Guard) -> str:
    """Let an armed guard hear that somebody is there."""
    heard = beat(desk_id=guard.desk_id, guard_id=guard.pk)
    return f"{guard.name} was armed before. {heard.said if heard else ''}".strip()


def beat_by_hand(*, user: "Person", actor: log.Actor, guard_id: int) -> str:
    """Let a guard hear a beat by a person's word. Raises `NotAllowed`.

    Raises `CannotAsk` where the guard is not armed: a beat arms none, and the text says what is so.
    """
    guard = permitted(user, actor, guard_id, "beat")
    heard = beat(desk_id=guard.desk_id, guard_id=guard.pk) or _unheard(guard)
    if heard.status != GuardStatus.ARMED:
        raise CannotAsk(heard.said)
    return f"{guard.name}: {heard.said}"


def beat(*, desk_id: int, guard_id: int) -> Heard | None:
    """Let a desk's guard hear a beat: one row's update. None where the desk has no such guard.

    Only an armed guard hears one; what a guard recorded when it fired is not stopped by it. Bots
    beat each second, so both statements are prepared.
    """
    which = {"desk_id": desk_id, "guard_id": guard_id}
    if not _heard_by(**which, **boot_clock.stamp()):
        guard = _guard(**which).first()
        if guard is None:
            return None
        if guard.status != GuardStatus.ARMED:
            return _unheard(guard)
    return next((_heard(guard) for guard in _beaten(**which)), None)


def beats(*, desk_id: int, guard_ids: set[int]) -> dict[int, Heard | None]:
    """Let several guards of a desk hear a beat each, as `beat` does; those it has not are left out.

    Within a transaction. None: somebody holds this guard, who may be waiting for the log; no other
    guard's beat waits for that.
    """
    guards = Guard.objects.filter(pk__any=guard_ids, desk=desk_id)
    skips = connection.features.has_select_for_update_skip_locked
    rows = list(guards.select_for_update(no_key=True, skip_locked=skips).order_by("pk"))
    held = guard_ids - {row.pk for row in rows}
    stamp = boot_clock.stamp()
    free = Guard.objects.filter(pk__any={row.pk for row in rows})
    free.armed().filter(_is_due(**stamp)).update(**boot_clock.beat(stamp))
    heard: dict[int, Heard | None] = {
        row.pk: _heard(row) if row.status == GuardStatus.ARMED else _unheard(row) for row in rows
    }
    if held:
        heard |= dict.fromkeys(guards.filter(pk__any=held).values_list("pk", flat=True))
    return heard


def _guard(desk_id: int, guard_id: int) -> GuardQuerySet:
    return Guard.objects.filter(pk=guard_id, desk=desk_id)


def _hearing(
    desk_id: int, guard_id: int, beat_boot: str, beat_boot_s: float
) -> tuple[GuardQuerySet, dict[str, Any]]:
    """Return the guard, if it is armed and due a beat, and the columns of one."""
    stamp = {"beat_boot": beat_boot, "beat_boot_s": beat_boot_s}
    due = _guard(desk_id, guard_id).armed().filter(_is_due(beat_boot, beat_boot_s))
    return due, boot_clock.beat(stamp)


def _is_due(beat_boot: str, beat_boot_s: float) -> Q:
    """A beat right after another one is not written: a bot that runs wild costs reads alone.

    What this host stamped is held against its own clock, which does not jump as dates do.
    """
    is_own = Q(beat_boot=beat_boot)
    later = LessThanOrEqual(F("beat_boot_s") + TOO_SOON_S, beat_boot_s)
    by_stamp = is_own & (later | Q(beat_boot_s__gt=beat_boot_s))
    by_date = Q(beat_at__lte=Now() - timedelta(seconds=TOO_SOON_S)) | Q(beat_at__gt=Now())
    return by_stamp | ~is_own & by_date


_heard_by = PreparedUpdate(
    _hearing, desk_id=(1, 2), guard_id=(3, 4), beat_boot=("a", "b"), beat_boot_s=(1.5, 2.5)
)
_beaten = Prepared(
    lambda desk_id, guard_id: _guard(desk_id, guard_id).only("ttl_s", "is_drill", "hears_orders"),
    desk_id=(1, 2),
    guard_id=(3, 4),
)


def _heard(guard: Guard) -> Heard:
    return Heard(GuardStatus.ARMED, f"Heard. {_fires(guard)}", guard.ttl_s)


def _fires(guard: Guard) -> str:
    """*It fires after 10 s without a beat.*"""
    what = "Its drill" if guard.is_drill else "It"
    return f"{what} fires after {guard.ttl_s} s without {guard.sign_of_life}."


def _unheard(guard: Guard) -> Heard:
    """Say that the beat came to nothing, and what the guard did."""
    status = GuardStatus(guard.status)
    if status == GuardStatus.DISARMED:
        return Heard(status, f"{guard.name} is not armed: a beat counts only after it was.")
    if status == GuardStatus.ASKING:
        said = f"{guard.name} ran out while no sweep looked, and asks a person. Arm it again."
        return Heard(status, said)
    arming = guard.armings.filter(number=guard.arming).first()
    said = f"{guard.name} fired before this beat came. The beat does not stop what was recorded: "
    said += "treat the orders as being cancelled, and none as gone. Arm it again to go on."
    return Heard(status, said, job_id=arming.job_id if arming else None)


def disarm(
    *, user: "Person", actor: log.Actor, guard_id: int, reason: str, state: str | None = None
) -> str:
    """Disarm a guard, or say that a firing was seen to; ``state`` as for `arm`.

    Raises `NotAllowed` or `CannotAsk`.
    """
    guard, now = permitted(user, actor, guard_id, "disarm"), timezone.now()
    seen.check(guard, state)
    reason = demanded_reason(reason)
    with transaction.atomic():
        same = Guard.objects.filter(pk=guard.pk, arming=guard.arming, status=guard.status)
        at_work = same.exclude(status=GuardStatus.DISARMED)
        if not at_work.update(status=GuardStatus.DISARMED, warned=0):
            return _not_disarmed(guard)
        end_arming(guard, ArmingEnd.DISARMED, actor, now, reason=reason)
        told: dict[str, Any] = {"reason": reason, "was": guard.status}
        log.append(facts.fact(Event.GUARD_DISARMED, guard, actor, now, **told))
    return f"{guard.name} is disarmed: nothing fires by itself any more."


def _not_disarmed(guard: Guard) -> str:
    guard.refresh_from_db()
    if guard.status == GuardStatus.FIRED:
        return f"{guard.name} fired in the same moment; what it recorded goes on."
    return f"{guard.name} is {guard.get_status_display().lower()} by now."


def end_arming(
    guard: Guard, end: ArmingEnd, actor: log.Actor, now: datetime, **values: Any
) -> bool:
    """End the guard's arming, unless it has ended; whether it was ended by this."""
    standing = GuardArming.objects.filter(guard=guard, number=guard.arming, end="")
    heard = Guard.objects.filter(pk=guard.pk).values("beat_no", "beat_at").get()
    beats = {"last_beat_no": heard["beat_no"], "last_beat_at": heard["beat_at"]}
    values |= {"ended_by_name": actor.operator_name}
    return bool(standing.update(end=end, ended_at=now, **beats, **values))


def permitted(user: "Person", actor: log.Actor, guard_id: int, act: str) -> Guard:
    """Return the guard, if this person may arm and disarm on its desk; else it is recorded.

    Raises `NotAllowed`.
    """
    found = Guard.objects.allowing(user, Right.GUARD).filter(pk=guard_id)
    guard = found.select_related("desk", "account__desk").first()
    if guard is None:
        refuse(actor=actor, what=f"{act} guard {guard_id}", said=facts.NO_GUARD)
    return guard


def check_scope(user: "Person", guard: Guard, *, is_drill: bool = False) -> None:
    """Raise `CannotAsk` where the guard could empty nothing, or this person could not."""
    named = [guard.account_id] if guard.account_id else []
    desk, accounts = decision.scope(user=user, desk_id=guard.desk_id, account_ids=named)
    if desk is None:
        raise CannotAsk(f"You may not pull a panic on {guard.desk}, so no guard fires for you.")
    if is_drill:
        accounts = [account for account in accounts if account.is_drill]
    if not accounts:
        what = "drill account" if is_drill else "active account"
        raise CannotAsk(CANNOT_FIRE.format(guard.desk, what), field="account")


def firing_key(guard: Guard) -> uuid.UUID:
    """Return the key under which a firing is asked for: one arming has one job."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"pacifica-desk guard {guard.pk} {guard.arming}")
