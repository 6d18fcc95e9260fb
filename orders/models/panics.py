"""Panics: one line for each account whose book is to be emptied."""

from django.db import models

from orders.models.desks import OfAccountsQuerySet


class PanicStatus(models.TextChoices):
    """The life of one account's line."""

    WAITING = "waiting", "Waiting for a sender"
    SENDING = "sending", "Cancel-all being sent"
    FINISHING = "finishing", "Reading back and finishing"
    EMPTY = "empty", "Seen empty"
    NEEDS_YOU = "needs_you", "Not seen empty: needs you"


UNFINISHED = [
    PanicStatus.WAITING.value,
    PanicStatus.SENDING.value,
    PanicStatus.FINISHING.value,
]


class PanicLineQuerySet(OfAccountsQuerySet):
    """Lines, by desk and by what is due."""

    def unfinished(self):
        """Lines whose book was neither seen empty nor given up on."""
        return self.filter(status__in=UNFINISHED)

    def free(self, now):
        """Unfinished lines that no living sender holds."""
        unheld = models.Q(lease_until__isnull=True) | models.Q(lease_until__lt=now)
        return self.unfinished().filter(unheld)


class PanicLine(models.Model):
    """One account of a panic: what was sent, what came back, when its book was seen empty."""

    job = models.ForeignKey("CancelJob", on_delete=models.PROTECT, related_name="panic_lines")
    account = models.ForeignKey("Account", on_delete=models.PROTECT, related_name="panic_lines")
    symbol = models.CharField(max_length=64, blank=True)  # empty: every symbol
    keep_reduce_only = models.BooleanField(default=False)
    status = models.CharField(max_length=16, choices=PanicStatus, default=PanicStatus.WAITING)
    claim_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    cancel_alls = models.PositiveIntegerField(default=0)  # how many were sent, each by a person
    sent_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    cancelled_count = models.PositiveIntegerField(null=True)  # as the exchange counted
    last_sent_at = models.DateTimeField(null=True)  # of any request of this line
    left_open = models.PositiveIntegerField(null=True)  # by the last read
    seen_empty_at = models.DateTimeField(null=True)
    explanation = models.CharField(max_length=400, blank=True)

    objects = PanicLineQuerySet.as_manager()

    class Meta:
        ordering = ["job", "account__name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=PanicStatus.values), name="panic_line_status"
            ),
            models.UniqueConstraint(
                fields=["job", "account", "symbol"], name="panic_line_once_per_account"
            ),
        ]
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=models.Q(status__in=UNFINISHED),
                name="panic_line_due",
            )
        ]

    def __str__(self):
        return f"{self.account} {self.symbol}".strip()
