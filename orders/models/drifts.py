"""Where the exchange's books and ours had come apart."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models

from orders.models.desks import OfAccountsQuerySet


class DriftKind(models.TextChoices):
    """What did not agree."""

    GONE = "gone", "Believed open, and gone"
    REAPPEARED = "reappeared", "Believed gone, and open"
    FOREIGN_CANCEL = "foreign_cancel", "Cancelled, and not by us"


class DriftCause(models.TextChoices):
    """What explains it, as far as was known when it was found."""

    NONE = "none", "Not explained"
    PANIC = "panic", "A panic"
    JOB = "job", "A cancel of ours"
    RESTORED = "restored", "A restored copy"
    OUTAGE = "outage", "A time without news"
    FOREIGN_WALLET = "foreign_wallet", "Perhaps a foreign agent wallet"


#: These need a person who finds out.
UNEXPLAINED = (DriftCause.NONE, DriftCause.FOREIGN_WALLET)
#: What the drifts of one group have in common: the account, what did not agree, what explains it.
GROUPED_BY = ("account_id", "kind", "cause", "cause_job_id", "cause_at")


class DriftQuerySet(OfAccountsQuerySet["Drift"]):
    """Drifts, by whether anybody has looked at them, and by group."""

    def open(self) -> Self:
        """Those that nobody has acknowledged yet."""
        return self.filter(acknowledged_at__isnull=True)

    def unexplained(self) -> Self:
        """Those that no act of ours and no known fact explains."""
        return self.filter(cause__in=UNEXPLAINED)

    def newest_of_groups(self) -> Self:
        """One of each group, the newest, which stands for it."""
        newest = self.order_by().values(*GROUPED_BY).annotate(newest=models.Max("pk"))
        return self.filter(pk__in=newest.values("newest"))


class Drift(models.Model):
    """One order on which the exchange's book and ours had come apart."""

    account = models.ForeignKey("Account", on_delete=models.PROTECT, related_name="drifts")
    order = models.ForeignKey("Order", on_delete=models.PROTECT, related_name="drifts")
    kind = models.CharField(max_length=16, choices=DriftKind)
    said = models.CharField(max_length=300)  # in words
    cause = models.CharField(max_length=16, choices=DriftCause, default=DriftCause.NONE)
    cause_job = models.ForeignKey(
        "CancelJob", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    cause_at = models.DateTimeField(null=True)  # when it was sent, found or noticed
    seen_at = models.DateTimeField(db_index=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    if TYPE_CHECKING:  # what screens attach to the rows that they show
        group_count: int
        group_since: datetime
        may_acknowledge: bool

    objects = DriftQuerySet.as_manager()

    class Meta:
        verbose_name = "discrepancy"
        verbose_name_plural = "discrepancies"
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=DriftKind.values), name="drift_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(cause__in=DriftCause.values), name="drift_cause"
            ),
            models.UniqueConstraint(
                fields=["order", "kind"],
                condition=models.Q(acknowledged_at__isnull=True),
                name="drift_open_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "kind"],
                condition=models.Q(acknowledged_at__isnull=True),
                name="drift_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.order}"

    @property
    def group(self) -> dict[str, Any]:
        """What picks the drifts of its group, as a filter."""
        return {name: getattr(self, name) for name in GROUPED_BY}

    @property
    def is_explained(self) -> bool:
        """Whether an act of ours or a known fact explains it."""
        return self.cause not in UNEXPLAINED
