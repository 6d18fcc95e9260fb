"""Roles that come from the provider's groups: given, changed and taken away as the file says.

A desk that the file names has its members from groups, as far as they sign in by the provider. A
desk that it does not name, and people who sign in by password, are left alone.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import transaction

from desk.single_sign_on import ROLES, SingleSignOn
from orders.access import four_eyes, second_factor
from orders.accounts import provisioning, waiting_acts
from orders.audit import log
from orders.models import Desk, Membership, Role
from orders.models.desks import RIGHTS

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def wanted(groups: Sequence[str], provider: SingleSignOn) -> dict[str, str]:
    """Return the role on each desk that these groups give. Of two, the first of `ROLES` counts."""
    given: dict[str, str] = {}
    for group in groups:
        for desk, role in provider.roles.get(group, {}).items():
            given[desk] = min(given.get(desk, role), role, key=ROLES.index)
    return given


def unknown_desks(provider: SingleSignOn) -> list[str]:
    """Return the desks that the file names and that are not there."""
    names = set(Desk.objects.filter(name__in=provider.desks).values_list("name", flat=True))
    return sorted(provider.desks - names)


def apply(
    *, person: "User", groups: Sequence[str], provider: SingleSignOn, actor: log.Actor
) -> list[str]:
    """Make a person's roles what the groups say; return what was done or waits, as sentences.

    A role that has to wait for a second person is asked for in the person's own name. What the held
    role allows beyond it is taken away at once.
    """
    roles, said = wanted(groups, provider), []
    waiting: list[tuple[Desk, str]] = []
    with transaction.atomic():
        second_factor.lock(person)  # else two browsers of theirs would give the same role twice
        held = _held(person, provider)
        for desk in Desk.objects.filter(name__in=provider.desks):
            membership, role = held.get(desk.pk), roles.get(desk.name, "")
            if role == (membership.role if membership else ""):
                continue
            if _waits(desk, role, membership):
                waiting.append((desk, role))
                role = _meanwhile(role, membership)
            said += _given(person, desk, role, membership, actor)
    return said + [_asked(person, desk, role, actor) for desk, role in waiting]


def _asked(person: "User", desk: Desk, role: str, actor: log.Actor) -> str:
    try:
        proposal = waiting_acts.ask_role(
            person, desk, role, user=person, actor=actor, is_by_group=True
        )
    except four_eyes.NoLonger as no:  # the same person signs in twice at this moment
        return str(no)
    return f"waits for a second person: {proposal.words}"


def preview(
    *, person: "User", groups: Sequence[str], provider: SingleSignOn, actor: log.Actor
) -> list[str]:
    """Return what `apply` would do, and do nothing."""
    with transaction.atomic():
        said = apply(person=person, groups=groups, provider=provider, actor=actor)
        transaction.set_rollback(True)
    return said


def _held(person: "User", provider: SingleSignOn) -> dict[int, Membership]:
    """Return the person's memberships on desks that the file names, locked."""
    named = Membership.objects.filter(user=person, desk__name__in=provider.desks)
    locked = named.select_for_update(no_key=True, of=("self",)).select_related("desk", "user")
    return {membership.desk_id: membership for membership in locked}


def _waits(desk: Desk, role: str, membership: Membership | None) -> bool:
    before = membership.role if membership else None
    return bool(role) and waiting_acts.is_raised(role, before) and four_eyes.is_needed(desk)


def _meanwhile(role: str, membership: Membership | None) -> str:
    """Return the role until a second person approved: what is held, if it is no more than that."""
    if membership is None:
        return ""
    is_less = RIGHTS[Role(membership.role)] <= RIGHTS[Role(role)]
    return membership.role if is_less else Role.VIEWER.value


def _given(
    person: "User", desk: Desk, role: str, membership: Membership | None, actor: log.Actor
) -> list[str]:
    """Give the role, or take it away where there is none; return what was done."""
    if role == (membership.role if membership else ""):
        return []
    if not role and membership:
        fact = provisioning.membership_fact(membership, actor, is_removed=True)
        membership.delete()
        log.append(fact)
        return [f"{person} is no more on {desk}"]
    if membership is None:
        membership = Membership(user=person, desk=desk)
    membership.role = role
    membership.save()
    log.append(provisioning.membership_fact(membership, actor))
    return [str(membership)]
