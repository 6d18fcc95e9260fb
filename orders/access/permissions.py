"""Django's permission questions, answered from memberships."""

from typing import TYPE_CHECKING

from orders.models import Desk, Membership, Right, Role
from orders.models.desks import (
    RIGHTS,
    OfDesksQuerySet,
    is_active_person,
    roles_with,
    sees_everything,
)
from orders.models.prepared import Prepared, any_of

if TYPE_CHECKING:
    from orders.models.desks import Person


class NotAllowed(Exception):
    """The person may not do this here. The text is safe to show to them."""


_roles = Prepared(
    lambda user_id: Membership.objects.filter(user_id=user_id, desk__is_active=True).values_list(
        "role", flat=True
    ),
    user_id=(1, 2),
)


def rights_of(user: "Person") -> set[Right]:
    """Return the union of what a person may do on any of their desks; nothing for a stranger."""
    if user.pk is None:
        return set()
    rights = {Right.VIEW} if sees_everything(user) else set()
    for role in set(_roles(user_id=user.pk)):
        rights |= RIGHTS[Role(role)]
    return rights


_held = {
    right: Prepared(
        lambda user_id, desk_id, right=right: (
            Desk.objects.held_by(user_id, right).filter(pk=desk_id).values_list("pk", flat=True)
        ),
        user_id=(1, 2),
        desk_id=(3, 4),
    )
    for right in Right
}


_anywhere = {
    right: Prepared(
        lambda user_id, right=right: any_of(Desk.objects.held_by(user_id, right)), user_id=(1, 2)
    )
    for right in Right
}


def has_permission(user: "Person", right: Right, *, desk: Desk | None = None) -> bool:
    """Whether the person holds the right on this desk, or on any if none is named."""
    if not is_active_person(user):
        return False
    if desk is None:
        return bool(_anywhere[right](user_id=user.pk))
    return bool(_held[right](user_id=user.pk, desk_id=desk.pk))


def memberships_with(right: Right, *, account_id: int) -> OfDesksQuerySet[Membership]:
    """Return the memberships by which active people hold this right over an account.

    They are those of the desk that has the account now; none where account or desk is inactive. The
    caller narrows them to one person.
    """
    here = Membership.objects.filter(desk__accounts=account_id, desk__accounts__is_active=True)
    roles = roles_with(right)
    return here.filter(user__is_active=True, desk__is_active=True, role__in=roles)
