"""Panics: one line for each account whose book is to be emptied."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models

from orders.models.api_tokens import acting_token
from orders.models.cancels import LEASE
from orders.models.clocks import has_come
from orders.models.desks import OfAccountsQuerySet
from orders.models.guards import MAX_SYMBOL, acting_guard

if TYPE_CHECKING:
    from orders.models.desks import Desk


class PanicStatus(models.TextChoices):
    """The life of one account's line."""

    #: It is recorded; a sweep will take it at once.
    WAITING = "waiting", "Waiting to be sent"
    #: A sender cancels the strategies and sends cancel-all.
    SENDING = "sending", "Cancel-all being sent"
    #: The open orders are read back, and what is left is cancelled one by one.
    FINISHING = "finishing", "Reading back and finishing"
    #: A read showed no order, stop, TWAP or strategy that the panic meant.
    EMPTY = "empty", "Seen empty"
    #: The app gave up; a person must look, send again or close.
    NEEDS_YOU = "needs_you", "Not seen empty: needs you"
    #: It was taken back before cancel-all was sent.
    WITHDRAWN = "withdrawn", "Withdrawn, never sent"
    #: A named person said that somebody has seen to it.
    CLOSED = "closed", "Not seen empty: closed by operator"


UNFINISHED = [
    PanicStatus.WAITING.value,
    PanicStatus.SENDING.value,
    PanicStatus.FINISHING.value,
]
UNTAKEN_AFTER = timedelta(seconds=5)  # a sweep looks for panics twenty times a second


class PanicLineQuerySet(OfAccountsQuerySet["PanicLine"]):
    """Lines, by desk and by what is due."""

    def unfinished(self) -> Self:
        """Lines whose book was neither seen empty nor given up on."""
        return self.filter(status__in=UNFINISHED)

    def free(self, now: datetime) -> Self:
        """Unfinished lines that no living sender holds."""
        unheld = models.Q(lease_until__isnull=True) | has_come("lease_until", now, LEASE)
        return self.unfinished().filter(unheld)

    def waiting_long(self, now: datetime) -> Self:
        """Lines that were asked for more than a moment ago, and whose cancel-all waits."""
        long_ago = has_come("asked_at", now - UNTAKEN_AFTER, UNTAKEN_AFTER)
        return self.filter(long_ago, status=PanicStatus.WAITING)

    def untaken(self, now: datetime) -> Self:
        """Those of them that nobody holds: no sweep is at work."""
        return self.waiting_long(now).free(now)

    def needing_somebody(self) -> Self:
        """Lines that were given up on, until a person acts on them."""
        return self.filter(status=PanicStatus.NEEDS_YOU)


class PanicLine(models.Model):
    """One account of a panic: what was sent, what came back, when its book was seen empty."""

    job = models.ForeignKey("CancelJob", on_delete=models.PROTECT, related_name="panic_lines")
    account = models.ForeignKey("Account", on_delete=models.PROTECT, related_name="panic_lines")
    symbol = models.CharField(max_length=MAX_SYMBOL, blank=True)  # empty: every symbol
    keep_reduce_only = models.BooleanField(default=False)
    keep_stops = models.BooleanField(default=False)  # then no cancel-all: it takes them too
    status = models.CharField(max_length=16, choices=PanicStatus, default=PanicStatus.WAITING)
    # Who asked for it last, as they were when they acted: sent under this name and these rights.
    operator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    operator_name = models.CharField(max_length=150, blank=True)
    session_hash = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=45, blank=True)
    token_name = acting_token()
    guard_name = acting_guard()
    asked_at = models.DateTimeField(null=True)
    claim_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    takes = models.PositiveIntegerField(default=0)  # claims since a person asked or it was let go
    has_open_request = models.BooleanField(default=False)  # recorded, and its end is not yet
    # How many were sent that may have done something, each by a person's word.
    cancel_alls = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    cancelled_count = models.PositiveIntegerField(null=True)  # as the exchange counted
    last_sent_at = models.DateTimeField(null=True)  # of any request of this line
    left_open = models.PositiveIntegerField(null=True)  # by the last read
    seen_empty_at = models.DateTimeField(null=True)
    restored_at = models.DateTimeField(null=True)  # it waited in a copy that was put back by then
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

    def __str__(self) -> str:
        return f"{self.account} {self.symbol}".strip()

    @property
    def desk(self) -> "Desk":
        """The desk whose rights count."""
        return self.job.desk

    @property
    def last_asked_at(self) -> datetime:
        """When somebody asked for it last; with its job, where nothing later is kept."""
        return self.asked_at or self.job.created_at
