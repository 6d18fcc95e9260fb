"""Where the exchange's books and ours had come apart."""

from typing import Self

from django.conf import settings
from django.db import models

from orders.models.desks import OfAccountsQuerySet


class DriftKind(models.TextChoices):
    """What did not agree."""

    GONE = "gone", "Believed open, and gone"
    REAPPEARED = "reappeared", "Believed gone, and open"
    FOREIGN_CANCEL = "foreign_cancel", "Cancelled, and not by us"


class DriftQuerySet(OfAccountsQuerySet["Drift"]):
    """Drifts, by whether anybody has looked at them."""

    def open(self) -> Self:
        """Those that nobody has acknowledged yet."""
        return self.filter(acknowledged_at__isnull=True)


class Drift(models.Model):
    """One order on which the exchange's book and ours had come apart."""

    account = models.ForeignKey("Account", on_delete=models.PROTECT, related_name="drifts")
    order = models.ForeignKey("Order", on_delete=models.PROTECT, related_name="drifts")
    kind = models.CharField(max_length=16, choices=DriftKind)
    said = models.CharField(max_length=300)  # in words
    seen_at = models.DateTimeField(db_index=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    objects = DriftQuerySet.as_manager()

    class Meta:
        verbose_name = "discrepancy"
        verbose_name_plural = "discrepancies"
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=DriftKind.values), name="drift_kind"
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
