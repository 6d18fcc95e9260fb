"""Acts that wait for a second person, and what became of each."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models

from orders.models.clocks import MAY_DIFFER
from orders.models.desks import Desk, Right, sees_everything

if TYPE_CHECKING:
    from orders.models.desks import Person

MAX_REASON = 300


class ProposalKind(models.TextChoices):
    """What may have to wait: acts that raise a risk, and never a cancel or a panic."""

    AGENT_WALLET = "agent_wallet", "Agent wallet that may sign"
    API_CONFIG_KEY = "api_config_key", "API config key"
    ROLE = "role", "Role that acts"
    ADMINISTRATOR = "administrator", "Administrator"
    SECOND_FACTOR_OFF = "second_factor_off", "Second factor turned off"
    RESTORED = "restored", "Restored database accepted"
    FOUR_EYES_OFF = "four_eyes_off", "Second person no longer asked"
    GUARD = "guard", "Slower or weaker guard"


class ProposalStatus(models.TextChoices):
    """What became of it."""

    WAITING = "waiting", "Waiting for a second person"
    APPROVED = "approved", "Approved"
    DECLINED = "declined", "Declined"
    EXPIRED = "expired", "Expired"
    VOID = "void", "Void: what it would change has changed"
    BROKEN = "broken", "Done by one person alone"


class ProposalQuerySet(models.QuerySet["Proposal"]):
    """Proposals, by who may know of them and by what is left to do."""

    def visible_to(self, user: "Person") -> Self:
        """Those of desks whose heads the person is among; all, for administrators."""
        if sees_everything(user):
            return self
        return self.filter(desk__in=Desk.objects.allowing(user, Right.AGENTS).values("pk"))

    def waiting(self) -> Self:
        """Those that nobody decided, and that did not end by themselves."""
        return self.filter(status=ProposalStatus.WAITING)

    def over(self, now: datetime) -> Self:
        """Those waiting whose time is over, or that a clock set back since has written."""
        longest = now + settings.FOUR_EYES_LASTS + MAY_DIFFER
        return self.waiting().filter(
            models.Q(expires_at__lte=now) | models.Q(expires_at__gt=longest)
        )

    def to_review(self) -> Self:
        """Those that one person did alone, and that nobody else has reviewed."""
        return self.filter(status=ProposalStatus.BROKEN, reviewed_at=None)


class Proposal(models.Model):
    """One act that waits for a second person. See `orders.access.four_eyes`.

    ``about``: the thing that it changes; one proposal of a kind waits about a thing. ``content``:
    what exactly would be done, as JSON without secrets. ``content_sha256`` covers kind, desk,
    thing, content, words and sealed secret; ``state_sha256`` the thing as it stood when this was
    asked.
    """

    kind = models.CharField(max_length=20, choices=ProposalKind)
    desk = models.ForeignKey("Desk", on_delete=models.PROTECT, null=True, related_name="proposals")
    about = models.CharField(max_length=120)
    content = models.TextField()
    words = models.CharField(max_length=600)  # what would change, for people
    content_sha256 = models.CharField(max_length=64)
    state_sha256 = models.CharField(max_length=64)
    status = models.CharField(max_length=10, choices=ProposalStatus, default=ProposalStatus.WAITING)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(  # null where it ended by itself
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=MAX_REASON, blank=True)  # why it was decided so
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True)
    review = models.CharField(max_length=MAX_REASON, blank=True)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "acts that wait"
        ordering = ["-pk"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=ProposalKind.values), name="proposal_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=ProposalStatus.values), name="proposal_status"
            ),
            models.CheckConstraint(
                condition=models.Q(decided_at__isnull=True, status=ProposalStatus.WAITING)
                | models.Q(decided_at__isnull=False) & ~models.Q(status=ProposalStatus.WAITING),
                name="proposal_decided_once",
            ),
            models.CheckConstraint(
                condition=~models.Q(status=ProposalStatus.APPROVED)
                | models.Q(decided_by__isnull=False) & ~models.Q(decided_by=models.F("asked_by")),
                name="proposal_second_person",
            ),
            models.CheckConstraint(
                condition=models.Q(reviewed_by__isnull=True)
                | ~models.Q(reviewed_by=models.F("decided_by")),
                name="proposal_reviewed_by_another",
            ),
            models.UniqueConstraint(
                fields=["kind", "about"],
                condition=models.Q(status=ProposalStatus.WAITING),
                name="proposal_one_waits",
            ),
        ]
        indexes = [models.Index(fields=["status", "expires_at"], name="proposal_waiting")]

    def __str__(self) -> str:
        return self.words


class SealedProposal(models.Model):
    """A secret that waits with its proposal, sealed as an agent key is. No admin registers it.

    It is deleted as soon as the proposal is decided.
    """

    proposal = models.OneToOneField(
        Proposal, on_delete=models.PROTECT, related_name="sealed_secret", primary_key=True
    )
    sealed_with = models.CharField(max_length=40)
    sealed = models.BinaryField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return "sealed"
