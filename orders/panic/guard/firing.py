"""Fire a guard: what it does is recorded with its firing, in one transaction, once for a silence.

The panic is recorded in the name of who armed the guard, or of who set it where the former may pull
none any more. Senders ask for that right again, as for any panic.
"""

import logging
import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from desk import logs
from orders.access.denials import refuse
from orders.access.permissions import NotAllowed
from orders.audit import log
from orders.lifecycle import restored_copy
from orders.lifecycle.targets import CannotAsk
from orders.models import (
    ArmingEnd,
    CancelJob,
    Desk,
    Event,
    Guard,
    GuardStatus,
    Right,
)
from orders.panic import decision
from orders.panic.guard import arming, facts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)
OVERDUE_S = 2  # later than this, and not looked at for as long: no sweep looked in time
NOBODY = "nobody who armed or set it may pull a panic on its desk any more"


def fire(
    *, guard_id: int, number: int, beat_no: int, silence_s: float, unlooked_s: float = math.inf
) -> bool:
    """Fire an armed guard, if this silence of this arming still lasts; whether it fired.

    One that was told to ask first, and ran out while no sweep looked, asks; ``unlooked_s``: for how
    long none did, before its time was seen to be over. So does one of a database that is older than
    its checkpoints: what it knows of beats is old.
    """
    now = timezone.now()
    is_behind = restored_copy.is_behind(now)
    with transaction.atomic():
        armed = Guard.objects.armed().filter(pk=guard_id, arming=number, beat_no=beat_no)
        guard = armed.select_related("desk", "account__desk", "armed_by", "set_by").first()
        if guard is None:
            return False
        is_late = guard.asks_first and min(silence_s - guard.ttl_s, unlooked_s) > OVERDUE_S
        if is_behind or is_late:
            return _ask(guard, now, silence_s)
        if not armed.update(status=GuardStatus.FIRED):
            return False
        _record(guard, _actor(guard), now, silence_s)
    with logs.bound(guard=guard.pk):
        logger.warning("A guard fired after %.1f s without a beat.", silence_s)
    return True


def fire_now(*, user: "User", actor: log.Actor, guard_id: int) -> str:
    """A person's word to a guard that asks: fire. It is this person's panic. `NotAllowed`."""
    guard, now = arming.permitted(user, actor, guard_id, "fire"), timezone.now()
    if not Desk.objects.allowing(user, Right.PANIC).filter(pk=guard.desk_id).exists():
        refuse(actor=actor, what=f"fire guard {guard_id}", said=decision.NO_DESK)
    with transaction.atomic():
        asking = Guard.objects.filter(pk=guard.pk, arming=guard.arming, status=GuardStatus.ASKING)
        if not asking.update(status=GuardStatus.FIRED):
            return f"{guard.name} does not ask any more."
        guard.refresh_from_db()
        job = _record(guard, actor, now, None, user)
    return f"Recorded: {job.scope}." if job else f"{guard.name} could not empty anything."


def _ask(guard: Guard, now: datetime, silence_s: float) -> bool:
    """Let the guard ask a person; never a firing."""
    same = Guard.objects.armed().filter(pk=guard.pk, beat_no=guard.beat_no)
    if same.update(status=GuardStatus.ASKING):
        silence: dict[str, Any] = {"silence_s": round(silence_s, 1), "ttl_s": guard.ttl_s}
        log.append(facts.fact(Event.GUARD_ASKED, guard, _actor(guard), now, **silence))
    return False


def _record(
    guard: Guard,
    actor: log.Actor,
    now: datetime,
    silence_s: float | None,
    user: "User | None" = None,
) -> CancelJob | None:
    """Record what the guard does and that it fired; None where it can do nothing, and says so."""
    job, why_not = None, ""
    try:
        with transaction.atomic():
            job = _panic(guard, user or _person(guard, actor), actor, silence_s)
    except (CannotAsk, NotAllowed) as error:
        why_not = str(error)
    silence_ms = None if silence_s is None else round(silence_s * 1000)
    ended: dict[str, Any] = {"job": job, "silence_ms": silence_ms, "reason": why_not[:300]}
    arming.end_arming(guard, ArmingEnd.FIRED, actor, now, **ended)
    told = {"ttl_s": guard.ttl_s, "is_drill": guard.is_drill, "why_not": why_not}
    told["silence_s"] = None if silence_s is None else round(silence_s, 2)
    log.append(facts.fact(Event.GUARD_FIRED, guard, actor, now, job=job, **told))
    return job


def _panic(guard: Guard, user: "User", actor: log.Actor, silence_s: float | None) -> CancelJob:
    since = "" if silence_s is None else f" no beat for {silence_s:.1f} s"
    return decision.record_panic(
        user=user,
        actor=actor,
        desk_id=guard.desk_id,
        account_ids=[guard.account_id] if guard.account_id else [],
        keep_reduce_only=guard.keep_reduce_only,
        keep_stops=guard.keep_stops,
        reason=f"Guard {guard.name} fired:{since or ' a person said so'}.",
        is_drill=guard.is_drill,
        request_key=arming.firing_key(guard),
    )


def _person(guard: Guard, actor: log.Actor) -> "User":
    """Return in whose name it fires. Raises `CannotAsk` where nobody may."""
    for person in (guard.armed_by, guard.set_by):
        if person is not None and person.pk == actor.operator_id:
            return person
    raise CannotAsk(NOBODY)


def _actor(guard: Guard) -> log.Actor:
    """Return in whose name the guard fires: who armed it, else who set it, if they still may."""
    armed = guard.armed_by
    if armed is not None and may_panic(armed, guard):
        name, session, where = guard.armed_by_name, guard.session_hash, guard.address
        about = {"token_name": guard.token_name, "guard_name": guard.name}
        return log.Actor(armed.pk, name, session, where, **about)
    if may_panic(guard.set_by, guard):
        return log.Actor(guard.set_by_id, guard.set_by.get_username(), guard_name=guard.name)
    return log.Actor(guard_name=guard.name)


def may_panic(person: "User", guard: Guard) -> bool:
    """Whether this person may pull a panic on the guard's desk now."""
    return Desk.objects.allowing(person, Right.PANIC).filter(pk=guard.desk_id).exists()
