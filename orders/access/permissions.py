"""Django's permission questions, answered from memberships."""

from typing import TYPE_CHECKING

from orders.models import Desk, Membership, Right
from orders.models.desks import RIGHTS, OfDesksQuerySet, roles_with, sees_everything

if TYPE_CHECKING:
    from orders.models.desks import Person


class NotAllowed(Exception):
    """The person may not do this here. The text is safe to show to them."""


def rights_of(user: "Person") -> set[Right]:
    """The union of what a person may do on any of their desks."""
    roles = Membership.objects.filter(user_id=user.pk, desk__is_active=True)
    rights = set().union(*(RIGHTS[role] for role in set(roles.values_list("role", flat=True))))
    return rights | ({Right.VIEW} if sees_everything(user) else set())


def has_permission(user: "Person", right: Right, *, desk: Desk | None = None) -> bool:
    """Whether the person holds the right on this desk, or on any if none is named."""
    desks = Desk.objects.allowing(user, right)
    return desks.exists() if desk is None else desks.filter(pk=desk.pk).exists()


def memberships_with(right: Right, *, account_id: int) -> OfDesksQuerySet:
    """The memberships by which active people hold this right where the account is by now, if it and
    its desk are active; to be narrowed to one person."""
    here = Membership.objects.filter(desk__accounts=account_id, desk__accounts__is_active=True)
    roles = roles_with(right)
    return here.filter(user__is_active=True, desk__is_active=True, role__in=roles)
