"""Desks, who belongs to them, and what each role may do there."""

import functools
from typing import TYPE_CHECKING, Any, Self, TypeGuard, TypeVar

from django.conf import settings
from django.db import models

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    Person = User | AnonymousUser

Row = TypeVar("Row", bound=models.Model, covariant=True)


class Right(models.TextChoices):
    """One thing a person may be allowed to do on one desk."""

    VIEW = "view", "see the desk's accounts, orders and records"
    CANCEL = "cancel", "cancel one order or selected orders"
    CANCEL_SCOPE = "cancel_scope", "cancel whatever matches a scope"
    PANIC = "panic", "pull a panic"
    CLOSE = "close", "close an open question with a reason"
    AGENTS = "agents", "add and disable agent wallets"
    TOKENS = "tokens", "make and end API tokens"
    GUARD = "guard", "arm and disarm guards"
    SET_GUARDS = "set_guards", "make guards and schedules, and release a latch"
    VERIFY = "verify", "verify and export the log"


class LatchMode(models.TextChoices):
    """What happens to orders that appear on an account after its halt."""

    OFF = "off", "nothing"
    ALARM = "alarm", "people are told"
    CANCEL = "cancel", "people are told, and they are cancelled at once"


class Role(models.TextChoices):
    """What a membership makes of a person on its desk."""

    VIEWER = "viewer", "Viewer"
    OPERATOR = "operator", "Operator"
    HEAD = "head", "Desk head"
    AUDITOR = "auditor", "Auditor"


RIGHTS = {
    Role.VIEWER: {Right.VIEW},
    Role.OPERATOR: {Right.VIEW, Right.CANCEL, Right.PANIC, Right.GUARD},
    Role.HEAD: {
        Right.VIEW,
        Right.CANCEL,
        Right.CANCEL_SCOPE,
        Right.PANIC,
        Right.CLOSE,
        Right.AGENTS,
        Right.TOKENS,
        Right.GUARD,
        Right.SET_GUARDS,
    },
    Role.AUDITOR: {Right.VIEW, Right.VERIFY},
}


def roles_with(right: Right) -> list[str]:
    """The roles that carry a right."""
    return [role.value for role, rights in RIGHTS.items() if right in rights]


def sees_everything(user: "Person") -> bool:
    """Administrators see every desk, so that they can run the app; they act on none by that."""
    return user.is_active and user.is_superuser


def is_active_person(user: "Person") -> TypeGuard["User"]:
    """Whether this is somebody with an account of theirs that stands: nobody else has rights."""
    return user.is_active and user.pk is not None


@functools.lru_cache(maxsize=1000)
def _held(user_id: int, right: Right) -> "models.QuerySet[Membership, Any]":
    """Return the question for the desks' ids where this person would hold this right.

    Kept is the question, which others take in and nobody asks: a page puts it twenty times, and
    Django takes 0.4 ms to build it. What it finds is asked anew each time.
    """
    held = Membership.objects.filter(user_id=user_id, role__in=roles_with(right))
    if right == Right.PANIC:
        held = held.filter(models.Q(role=Role.HEAD) | models.Q(desk__operators_may_panic=True))
    return held.values("desk_id")


@functools.lru_cache(maxsize=1000)
def _desks(user_id: int, right: Right) -> "models.QuerySet[Desk, Any]":
    """Return the same for the active ones of these desks."""
    return Desk.objects.held_by(user_id, right).values("pk")


class DeskQuerySet(models.QuerySet["Desk"]):
    """Desks, by who may do what."""

    def allowing(self, user: "Person", right: Right) -> Self:
        """The desks where this person holds this right through a membership."""
        return self.held_by(user.pk, right) if is_active_person(user) else self.none()

    def held_by(self, user_id: int, right: Right) -> Self:
        """The desks where this person would hold this right: whether active is not asked."""
        return self.filter(is_active=True, pk__in=_held(user_id, right))

    def visible_to(self, user: "Person") -> Self:
        """The desks this person may know of."""
        return self if sees_everything(user) else self.allowing(user, Right.VIEW)


class OfDesksQuerySet(models.QuerySet[Row]):
    """Rows that belong to a desk, by who may do what there. Every door goes through these two."""

    desk_path = "desk"

    def allowing(self, user: "Person", right: Right) -> Self:
        """The rows on desks where this person holds this right."""
        return self.held_by(user.pk, right) if is_active_person(user) else self.none()

    def held_by(self, user_id: int, right: Right) -> Self:
        """The rows on desks where this person would hold this right: active or not."""
        return self.filter(**{f"{self.desk_path}__in": _desks(user_id, right)})

    def visible_to(self, user: "Person") -> Self:
        """The rows this person may know of."""
        return self if sees_everything(user) else self.allowing(user, Right.VIEW)

    def managed_by(self, user: "Person") -> Self:
        """The rows on whose desk this person may add, test and disable agent wallets."""
        return self if sees_everything(user) else self.allowing(user, Right.AGENTS)


class OfAccountsQuerySet(OfDesksQuerySet[Row]):
    """Rows that belong to a desk through their account."""

    desk_path = "account__desk"

    def locked(self) -> "models.QuerySet[Row, int]":
        """Ids of these rows, locked one after the other, in the one order."""
        return self.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True)


class Desk(models.Model):
    """A team with its accounts; the unit of access."""

    name = models.CharField(max_length=80, unique=True)
    is_active = models.BooleanField(default=True)
    operators_may_panic = models.BooleanField(default=True)
    needs_reason = models.BooleanField(default=False)  # a bulk cancel must say why
    confirm_above = models.PositiveIntegerField(default=100)  # type the count to confirm more
    latch_mode = models.CharField(max_length=8, choices=LatchMode, default=LatchMode.OFF)
    # What raises a risk waits for a second person: see `orders.access.four_eyes`.
    needs_second_person = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    if TYPE_CHECKING:  # what the list of desks is annotated with
        n_accounts: int
        n_people: int

    objects = DeskQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(latch_mode__in=LatchMode.values), name="desk_latch_mode"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """Who may do what and where: one role of one person on one desk."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships"
    )
    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfDesksQuerySet.as_manager()

    class Meta:
        ordering = ["desk__name", "user__username"]
        constraints = [
            models.UniqueConstraint(fields=["user", "desk"], name="membership_one_role_per_desk"),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="membership_role"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.get_role_display().lower()} of {self.desk}"
