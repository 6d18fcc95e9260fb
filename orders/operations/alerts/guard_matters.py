"""What there is to tell of guards, schedules and latches, from beside the senders."""

from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from orders.models import (
    Account,
    AlertKind,
    Desk,
    Guard,
    GuardPulse,
    GuardStatus,
    Latch,
    Matter,
    Right,
    Schedule,
)
from orders.models.guards import NOBODY, PULSE_FRESH_FOR, idle, levels_up_to
from orders.models.prepared import Prepared

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Key = tuple[str, str]  # kind, and what of that kind it is about
UNWATCHED = "No sweep looks at guards: {} armed, and none would fire. Start a sweep."
CANNOT = "Guard {}: {}; it could do nothing."
NOBODY_MAY = "who armed it and who set it may pull no panic any more"
APPEARED = (
    "{} is latched, and orders appeared after its halt{}. Stop what places them: the exchange "
    "cannot keep new orders out."
)
POWERLESS = (
    f"{{}} is latched, and {NOBODY}: what appears there is not cancelled. Cancel it by hand, or "
    "have somebody pull a panic anew."
)


_warned = Prepared(lambda: Guard.objects.armed().filter(warned__gt=0).select_related("desk"))
_at_work = Prepared(
    lambda: Guard.objects.filter(status__in=[GuardStatus.FIRED, GuardStatus.ASKING]).select_related(
        "desk"
    )
)
_armed = Prepared(
    lambda: Guard.objects.armed().select_related("desk", "account", "armed_by", "set_by")
)
_active = Prepared(
    lambda: Account.objects.filter(
        is_active=True, desk__in=Guard.objects.armed().order_by().values("desk")
    ).only("desk", "is_drill")
)
_holding = Prepared(
    lambda: Latch.objects.holding().select_related("account__desk", "job__operator")
)
_late = Prepared(
    lambda: Schedule.objects.filter(is_missed=True, is_active=True).select_related("desk")
)


def matters() -> dict[Key, Matter]:
    """Return what there is to tell of now."""
    return _low() | _fired() | _unwatched() | _latched() | _missed()


def _low() -> dict[Key, Matter]:
    """Return the guards of whose time half is over; the sweep raises it at once."""
    return {
        (AlertKind.GUARD_LOW.value, f"guard {guard.pk}"): Matter(
            guard.desk.name,
            f"Guard {guard.name}: no beat for {guard.warned} % of its {guard.ttl_s} s.",
            levels_up_to(guard.warned),
        )
        for guard in _warned()
    }


def _fired() -> dict[Key, Matter]:
    """Return the guards that fired or ask, until a person disarms or arms them."""
    said = {
        GuardStatus.FIRED: "fired: what it cancels is on its page. Arm it again, or disarm it.",
        GuardStatus.ASKING: "ran out while no sweep looked, and asks whether to fire.",
    }
    return {
        (AlertKind.GUARD_FIRED.value, f"guard {guard.pk}"): Matter(
            guard.desk.name,
            f"Guard {guard.name} {said[GuardStatus(guard.status)]}",
        )
        for guard in _at_work()
    }


def _unwatched() -> dict[Key, Matter]:
    """Return what keeps armed guards from firing: no sweep, nobody who may, nothing to empty."""
    found: dict[Key, Matter] = {}
    armed = _armed()
    if armed and not is_watched():
        said = UNWATCHED.format(f"{len(armed)} {'is' if len(armed) == 1 else 'are'}")
        found[AlertKind.GUARD_UNWATCHED.value, ""] = Matter("", said)
    people = {each for guard in armed for each in _behind(guard)}
    desks = {each: set(_desks_to_panic_on(each)) for each in people}
    active = _active() if armed else []
    for guard in armed:
        is_anybodys = any(guard.desk_id in desks[each] for each in _behind(guard))
        why_not = _without_scope(guard, active) or ("" if is_anybodys else NOBODY_MAY)
        if why_not:
            about = (AlertKind.GUARD_UNWATCHED.value, f"guard {guard.pk}")
            found[about] = Matter(guard.desk.name, CANNOT.format(guard.name, why_not))
    return found


def _behind(guard: Guard) -> "list[User]":
    """Return who armed it and who set it: in their names it fires."""
    return [each for each in (guard.armed_by, guard.set_by) if each]


def _without_scope(guard: Guard, active: Collection[Account]) -> str:
    """Say why none of the active accounts is one that it could empty; empty where one is."""
    for row in (guard.desk, guard.account):
        if row is not None and not row.is_active:
            return f"{row} is deactivated"
    own = [each for each in active if each.desk_id == guard.desk_id]
    named = [each for each in own if guard.account_id in (None, each.pk)]
    if any(each.is_drill or not guard.is_drill for each in named):
        return ""
    what = "drill account" if guard.is_drill else "active account"
    return f"{guard.desk} has no {what} in this scope"


def _desks_to_panic_on(person: "User") -> QuerySet[Desk, int]:
    return Desk.objects.allowing(person, Right.PANIC).values_list("pk", flat=True)


def is_watched() -> bool:
    """Whether any sweep looked at guards lately, by the database's clock."""
    lately = Q(at__gte=Now() - PULSE_FRESH_FOR, at__lte=Now() + timedelta(minutes=1))
    return GuardPulse.objects.filter(lately).exists()


def _latched() -> dict[Key, Matter]:
    """Return the latches after whose halt orders appeared, and those that are to cancel and have
    nobody behind them who may."""
    holding = _holding()
    why = idle(holding)
    found: dict[Key, Matter] = {}
    for latch in holding:
        desk_name = latch.account.desk.name
        if latch.appeared:
            said = APPEARED.format(latch.where, _what_befalls(latch, why.get(latch.pk, "")))
            about = f"latch {latch.pk}" if latch.symbol else f"account {latch.account_id}"
            found[AlertKind.LATCHED.value, about] = Matter(desk_name, said)
        if why.get(latch.pk) == NOBODY:
            about = f"nobody behind latch {latch.pk}"
            found[AlertKind.LATCHED.value, about] = Matter(desk_name, POWERLESS.format(latch.where))
    return found


def _what_befalls(latch: Latch, why_not: str) -> str:
    """Say what befalls the orders that appeared."""
    if why_not:
        return f"; they are not cancelled: {why_not}"
    return "; they are being cancelled" if latch.is_cancelling else ""


def _missed() -> dict[Key, Matter]:
    """Return the schedules whose last time could not be done."""
    return {
        (AlertKind.SCHEDULE.value, f"schedule {row.pk}"): Matter(
            row.desk.name,
            f"Schedule {row.name}: {row.last_said}"[:400],
        )
        for row in _late()
    }
