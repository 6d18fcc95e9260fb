"""A program's guards: arm, beat, disarm, look. A bot that falls silent empties its own book."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Path, Router, Schema

from orders.access import token_pace
from orders.api import acts
from orders.api.callers import Bearer, Caller, caller_of
from orders.api.problems import Refused, not_found
from orders.api.shapes import RowId
from orders.models import Guard, GuardStatus, TokenRight
from orders.models.guards import GuardQuerySet
from orders.panic.guard import arming, lookout

reading = Router(auth=Bearer(TokenRight.GUARD, TokenRight.READ), tags=["guards"])
may_beat = Bearer(TokenRight.GUARD, pace=None)
beating = Router(auth=may_beat, tags=["guards"])
arm_router = Router(auth=Bearer(TokenRight.GUARD, pace=token_pace.acts), tags=["guards"])
Status = Literal["disarmed", "armed", "fired", "asking"]


class GuardTold(Schema):
    """A guard as it stands."""

    id: int
    name: str
    account_id: int | None = Field(description="Null: every active account of the desk.")
    ttl_s: int = Field(
        description="It fires after so many seconds without a beat, or what counts as one."
    )
    keep_reduce_only: bool
    keep_stops: bool
    status: Status
    is_drill: bool = Field(description="Armed for a drill: it fires on drill accounts alone.")
    left_s: float | None = Field(description="Until it fires; null unless it is armed.")
    armed_by: str
    last_beat_at: datetime | None
    job_id: int | None = Field(description="What its last firing recorded.")


class GuardsTold(Schema):
    """The desk's guards."""

    guards: list[GuardTold]


class BeatTold(Schema):
    """A beat that was heard."""

    status: Status
    said: str
    left_s: float


class DisarmGiven(acts.Given):
    """Why it is disarmed."""

    reason: acts.Reason


class ArmGiven(acts.Given):
    """Nothing, or that it is a drill."""

    is_drill: bool = Field(False, description="It fires on drill accounts alone.")


@reading.get("/guards", response=GuardsTold)
def guards(request: HttpRequest) -> dict[str, Any]:
    """List the desk's guards and how long each has left."""
    rows = _own(caller_of(request)).with_clock().order_by("pk")
    return {"guards": [_told(row) for row in rows]}


@reading.get("/guards/{guard_id}", response=GuardTold)
def guard(request: HttpRequest, guard_id: Path[RowId]) -> dict[str, Any]:
    """Tell how a guard stands."""
    row = _own(caller_of(request)).with_clock().filter(pk=guard_id).first()
    if row is None:
        raise not_found()
    return _told(row)


@arm_router.post("/guards/{guard_id}/arm", response={202: acts.Recorded})
def arm(request: HttpRequest, guard_id: Path[RowId], given: ArmGiven, key: acts.Key) -> acts.Told:
    """Arm a guard: from now on a silence longer than its time to live fires it."""
    caller = caller_of(request)
    _known(caller, guard_id)
    act = acts.begin(caller, key, f"arm {guard_id}", given)

    def do() -> dict[str, Any]:
        return acts.of_job(_arm(caller, guard_id, given), None)

    return acts.told(request, acts.once_together(act, do), 0)


@beating.post("/guards/{guard_id}/beat", response=BeatTold)
def beat(request: HttpRequest, guard_id: Path[RowId]) -> dict[str, Any]:
    """Say that the bot lives. 409 where the guard is not armed, or has fired: stop quoting."""
    return told(arming.beat(desk_id=caller_of(request).desk.pk, guard_id=guard_id))


def told(heard: arming.Heard | None) -> dict[str, Any]:
    """Return what a beat is answered. Raises `Refused` where nobody heard it."""
    if heard is None:
        raise not_found()
    if heard.status != GuardStatus.ARMED:
        raise Refused(409, heard.said)
    return {"status": heard.status.value, "said": heard.said, "left_s": heard.left_s}


@arm_router.post("/guards/{guard_id}/disarm", response={202: acts.Recorded})
def disarm(
    request: HttpRequest, guard_id: Path[RowId], given: DisarmGiven, key: acts.Key
) -> acts.Told:
    """Disarm a guard, with a reason: nothing fires by itself any more."""
    caller = caller_of(request)
    _known(caller, guard_id)
    act = acts.begin(caller, key, f"disarm {guard_id}", given)

    def do() -> dict[str, Any]:
        return acts.of_job(_disarm(caller, guard_id, given), None)

    return acts.told(request, acts.once_together(act, do), 0)


def _arm(caller: Caller, guard_id: int, given: ArmGiven) -> str:
    return arming.arm(
        user=caller.user, actor=caller.actor, guard_id=guard_id, is_drill=given.is_drill
    )


def _disarm(caller: Caller, guard_id: int, given: DisarmGiven) -> str:
    return arming.disarm(
        user=caller.user, actor=caller.actor, guard_id=guard_id, reason=given.reason
    )


def _own(caller: Caller) -> GuardQuerySet:
    return Guard.objects.filter(desk=caller.desk)


def _known(caller: Caller, guard_id: int) -> None:
    """Raise `Refused` where this is no guard of the caller's desk."""
    if not _own(caller).filter(pk=guard_id).exists():
        raise not_found()


def _told(row: Guard) -> dict[str, Any]:
    is_armed = row.status == GuardStatus.ARMED
    fired = row.armings.filter(job__isnull=False).order_by("-number").first()
    names = ("id", "name", "account_id", "ttl_s", "keep_reduce_only", "keep_stops", "status")
    return {name: getattr(row, name) for name in names} | {
        "is_drill": row.is_drill and row.status != GuardStatus.DISARMED,
        "left_s": round(lookout.left_s(row), 3) if is_armed else None,
        "armed_by": row.armed_by_name,
        "last_beat_at": row.beat_at,
        "job_id": fired.job_id if fired else None,
    }
