"""Make guards and change them: heads of the desk alone, each change on the record."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from orders.access import four_eyes
from orders.access.denials import refuse
from orders.audit import log
from orders.lifecycle.targets import CannotAsk
from orders.models import Account, Desk, Event, Guard, GuardStatus, ProposalKind, Right
from orders.models.guards import MAX_TTL_S, MIN_TTL_S
from orders.panic import spared
from orders.panic.guard import facts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from orders.models.desks import Person

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
NO_DESK = "There is no such desk, or its guards are not yours to set."
HELD = [GuardStatus.ARMED.value, GuardStatus.ASKING.value]
ARMED = "Disarm it first: an armed guard is not changed under its bot."


@dataclass(frozen=True)
class Setting:
    """What a guard waits for and does. ``account_id``: None means the whole desk."""

    account_id: int | None
    ttl_s: int
    keep_reduce_only: bool = False
    keep_stops: bool = False
    asks_first: bool = False
    hears_orders: bool = False

    def columns(self) -> dict[str, Any]:
        """Return it as columns of the guard."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def make(*, user: "User", actor: log.Actor, desk_id: int, name: str, setting: Setting) -> Guard:
    """Make a guard, disarmed. Raises `NotAllowed`, or `CannotAsk` with a sentence."""
    desk = desk_to_set(user, actor, desk_id, "make a guard")
    name, now = checked_name(name), timezone.now()
    _check(desk, setting)
    guard = Guard(desk=desk, name=name, set_by=user, set_at=now, **setting.columns())
    try:
        with transaction.atomic():
            guard.save()
            log.append(facts.fact(Event.GUARD_CHANGED, guard, actor, now, added=in_words(guard)))
    except IntegrityError:
        said = "This desk has a guard of that name: take another."
        raise CannotAsk(said, field="name") from None
    return guard


def change(*, user: "User", actor: log.Actor, guard_id: int, setting: Setting) -> str:
    """Change a guard that is not armed; to be slower or to do less may need a second person.

    Raises `NotAllowed`, `CannotAsk` with a sentence, or `four_eyes.Waits`.
    """
    guard = guard_to_set(user, actor, guard_id)
    _check(guard.desk, setting)
    if guard.status in HELD:
        raise CannotAsk(ARMED)
    if is_weaker(guard, setting):
        wanted = in_words(Guard(desk=guard.desk, **setting.columns()))
        four_eyes.wait_if_needed(
            kind=ProposalKind.GUARD,
            desk=guard.desk,
            about=f"guard {guard.pk}",
            content={"guard": guard.pk, "setting": setting.columns()},
            words=f"Guard {guard.name} of {guard.desk}: {wanted}, where it was: {in_words(guard)}",
            user=user,
            actor=actor,
        )
    return write(guard, setting, user_id=user.pk, actor=actor)


def write(guard: Guard, setting: Setting, *, user_id: int, actor: log.Actor) -> str:
    """Write and record a change that was permitted. Raises `CannotAsk` where it is armed."""
    before, now = _told(guard), timezone.now()
    with transaction.atomic():
        free = Guard.objects.filter(pk=guard.pk, set_at=guard.set_at).exclude(status__in=HELD)
        if not free.update(**setting.columns(), set_by_id=user_id, set_at=now):
            raise CannotAsk(ARMED)
        guard = Guard.objects.select_related("desk", "account").get(pk=guard.pk)
        after = _told(guard)
        changed = {name: [old, after[name]] for name, old in before.items() if old != after[name]}
        if changed:
            log.append(facts.fact(Event.GUARD_CHANGED, guard, actor, now, changed=changed))
    return f"{guard.name} is changed: {in_words(guard)}."


def is_weaker(guard: Guard, setting: Setting) -> bool:
    """Whether it would wait longer, cancel less, hear more, or ask where it did not."""
    spares = ("keep_reduce_only", "keep_stops", "asks_first", "hears_orders")
    is_narrower = setting.account_id is not None and setting.account_id != guard.account_id
    more = any(getattr(setting, name) and not getattr(guard, name) for name in spares)
    return setting.ttl_s > guard.ttl_s or is_narrower or more


def in_words(guard: Guard) -> str:
    """*after 10 s without a beat, cancel on Alpha, sparing stops*."""
    kept = spared.clause(reduce_only=guard.keep_reduce_only, stops=guard.keep_stops)
    first = "; asks first where no sweep looked" if guard.asks_first else ""
    said = f"after {guard.ttl_s} s without {guard.sign_of_life}, cancel on {guard.where}"
    return f"{said}{kept}{first}"


def desk_to_set(user: "Person", actor: log.Actor, desk_id: int, act: str) -> Desk:
    """Return the desk, if this person is its head; else it is recorded. Raises `NotAllowed`."""
    desk = Desk.objects.allowing(user, Right.SET_GUARDS).filter(pk=desk_id).first()
    if desk is None:
        refuse(actor=actor, what=f"{act} on desk {desk_id}", said=NO_DESK)
    return desk


def guard_to_set(user: "Person", actor: log.Actor, guard_id: int) -> Guard:
    """Return the guard, if this person may change it; else it is recorded. Raises `NotAllowed`."""
    found = Guard.objects.allowing(user, Right.SET_GUARDS).filter(pk=guard_id)
    guard = found.select_related("desk", "account").first()
    if guard is None:
        refuse(actor=actor, what=f"change guard {guard_id}", said=facts.NO_GUARD)
    return guard


def checked_name(name: str) -> str:
    """Return a name as it is kept. Raises `CannotAsk`."""
    if NAME.fullmatch(name.strip()) is None:
        said = "A name has 1 to 60 letters, digits, dots, dashes or underscores, such as quoter-1."
        raise CannotAsk(said, field="name")
    return name.strip()


def check_account(desk: Desk, account_id: int | None) -> None:
    """Raise `CannotAsk` where this is no active account of the desk."""
    if account_id is None:
        return
    if not Account.objects.filter(pk=account_id, desk=desk, is_active=True).exists():
        raise CannotAsk(f"{desk} has no such active account.", field="account")


def _check(desk: Desk, setting: Setting) -> None:
    check_account(desk, setting.account_id)
    if not MIN_TTL_S <= setting.ttl_s <= MAX_TTL_S:
        said = f"It waits {MIN_TTL_S} to {MAX_TTL_S} seconds."
        raise CannotAsk(said, field="ttl_s")


def _told(guard: Guard) -> dict[str, Any]:
    """Return what a guard does as its record tells it."""
    names = ("ttl_s", "keep_reduce_only", "keep_stops", "asks_first", "hears_orders")
    told: dict[str, Any] = {"where": guard.where}
    for name in names:
        value = getattr(guard, name)
        told[name] = str(value)
    return told
