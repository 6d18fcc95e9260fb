"""Cancels, and the life of each."""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models

from orders.models import lookups  # noqa: F401 ``pk__any``
from orders.models.cancel_jobs import CancelJob, JobStatus
from orders.models.clocks import has_come
from orders.models.desks import OfAccountsQuerySet

LEASE = timedelta(seconds=30)  # of a sender on what it claimed
READ_LAG = timedelta(seconds=30)  # what a read may be behind what is known; seen up to 25 s
MARGIN = timedelta(seconds=2)  # past a signature's end: the Date header has whole seconds
MAX_LIFE = timedelta(milliseconds=settings.PACIFICA_EXPIRY_WINDOW_MS) + MARGIN  # a request's
MAX_WAIT = timedelta(seconds=60)  # before a cancel is sent again
SLOWEST_PACE = timedelta(minutes=5)  # of checks
MAX_CHECK_PAUSE = SLOWEST_PACE + timedelta(milliseconds=settings.PACIFICA_DEADLINE_MS)


class CancelKind(models.TextChoices):
    """Which route takes the cancel."""

    ORDER = "order", "Order"
    STOP = "stop", "Stop order"
    TWAP = "twap", "TWAP order"


class CancelStatus(models.TextChoices):
    """The life of a cancel."""

    #: It is recorded and will be sent.
    QUEUED = "queued", "Waiting to be sent"
    #: A sender has it.
    SENDING = "sending", "Sending"
    #: No clear answer came; the exchange is being asked.
    UNKNOWN = "unknown", "Unknown"
    #: The answer alone proves no end; the order history is being asked.
    SETTLING = "settling", "Confirming"
    #: The exchange said so.
    CANCELLED = "cancelled", "Cancelled"
    #: The order traded before the cancel came.
    FILLED = "filled", "Filled first"
    #: Somebody or something else closed the order.
    GONE = "gone", "Already gone"
    #: The exchange does not know the order, or not as this account's.
    NOT_FOUND = "not_found", "Not found"
    #: The exchange refused the request itself.
    REFUSED = "refused", "Refused"
    #: A person stopped it before it was sent.
    STOPPED = "stopped", "Stopped"
    #: It could not leave in time; the order may be open.
    EXPIRED = "expired", "Expired, never sent"
    #: A named person closed the question.
    CLOSED_BY_OPERATOR = "closed_by_operator", "Closed by operator"


LIVE = [
    CancelStatus.QUEUED.value,
    CancelStatus.SENDING.value,
    CancelStatus.UNKNOWN.value,
    CancelStatus.SETTLING.value,
]
AT_REST = [status for status in CancelStatus.values if status not in LIVE]
OPEN_QUESTIONS = [CancelStatus.UNKNOWN.value, CancelStatus.SETTLING.value]


class Proof(models.IntegerChoices):
    """What shows an outcome. Evidence only rises."""

    NONE = 0, "nothing yet"
    TRANSPORT = 1, "what the connection showed"
    ANSWER = 2, "the exchange's answer"
    BOOK = 3, "its absence from the open orders"
    HISTORY = 4, "the exchange's order history"
    STREAM = 5, "the exchange's stream"


class CancelQuerySet(OfAccountsQuerySet["Cancel"]):
    """Cancels, by desk, by life and by what is due."""

    def live(self) -> Self:
        """Cancels that are not at rest."""
        return self.filter(status__in=LIVE)

    def ready(self, now: datetime) -> Self:
        """Queued cancels that may be sent now, urgent ones first, then the oldest."""
        may = models.Q(not_before_at__isnull=True) | has_come("not_before_at", now, MAX_WAIT)
        return self.filter(may, status=CancelStatus.QUEUED, job__status=JobStatus.RUNNING).order_by(
            "-is_urgent", "pk"
        )

    def held(self, token: uuid.UUID, pks: Collection[int]) -> Self:
        """Of these cancels, a set of ids, those that still carry this claim's token and are being
        sent."""
        return self.filter(pk__any=pks, claim_token=token, status=CancelStatus.SENDING)

    def abandoned(self, now: datetime) -> Self:
        """Cancels whose sender died with them in hand."""
        held = self.filter(has_come("lease_until", now, LEASE), status=CancelStatus.SENDING)
        return held.order_by("lease_until")

    def open_questions(self) -> Self:
        """Cancels whose outcome is being asked; each has a next check, which the index is over."""
        return self.filter(status__in=OPEN_QUESTIONS, next_check_at__isnull=False)

    def has_left_open(self, since: datetime, now: datetime) -> bool:
        """Whether something sent before ``since`` was not asked about: questions, and claims of
        dead senders that will become such."""
        before = self.filter(sent_at__lt=since)
        return before.open_questions().filter(checks=0).exists() or before.abandoned(now).exists()

    def due(self, now: datetime) -> Self:
        """Open questions whose next check has come."""
        due = self.open_questions().filter(has_come("next_check_at", now, MAX_CHECK_PAUSE))
        return due.order_by("next_check_at")


class Cancel(models.Model):
    """An instruction to cancel one order. It names the order itself, known to us or not."""

    # Both are first in an index below.
    job = models.ForeignKey(
        CancelJob, on_delete=models.PROTECT, related_name="cancels", db_index=False
    )
    account = models.ForeignKey(
        "Account", on_delete=models.PROTECT, related_name="cancels", db_index=False
    )
    known_order = models.ForeignKey(
        "Order", on_delete=models.PROTECT, null=True, related_name="cancels"
    )
    symbol = models.CharField(max_length=64)
    kind = models.CharField(max_length=8, choices=CancelKind, default=CancelKind.ORDER)
    order_id = models.BigIntegerField(null=True)
    client_order_id = models.CharField(max_length=64, null=True)
    is_urgent = models.BooleanField(default=True)

    status = models.CharField(max_length=24, choices=CancelStatus, default=CancelStatus.QUEUED)
    proof = models.PositiveSmallIntegerField(choices=Proof, default=Proof.NONE)
    explanation = models.CharField(max_length=400, blank=True)  # for the operator
    filled_amount = models.CharField(max_length=64, blank=True)
    cancelled_amount = models.CharField(max_length=64, blank=True)
    amounts_due_at = models.DateTimeField(null=True)  # when the history is asked for these two

    attempt = models.PositiveIntegerField(default=0)  # the fence
    claim_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    not_before_at = models.DateTimeField(null=True)
    next_check_at = models.DateTimeField(null=True)
    checks = models.PositiveIntegerField(default=0)  # reads made to settle it
    send_alone = models.BooleanField(default=False)  # a batch that held it was refused whole
    has_unanswered = models.BooleanField(default=False)  # some request of ours got no clear answer
    # The exchange took a request of ours: a TWAP's, which proves nothing yet, or it said so late.
    was_taken = models.BooleanField(default=False)
    was_refused = models.BooleanField(default=False)  # after an unanswered attempt: being asked
    repeats = models.PositiveIntegerField(default=0)  # fresh attempts after one proved dead
    absent_since_at = models.DateTimeField(null=True)  # neither open nor ended since this read
    has_contradiction = models.BooleanField(default=False)  # later evidence spoke against it
    owner = models.ForeignKey(  # the person who minds the open question; mostly nobody
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )

    requested_at = models.DateTimeField()
    first_sent_at = models.DateTimeField(null=True)  # before the first byte of the first attempt
    # The exchange's clock minus ours at that moment, where it was known.
    clock_offset_ms = models.IntegerField(null=True)
    sent_at = models.DateTimeField(null=True)  # of the last attempt
    answered_at = models.DateTimeField(null=True)
    signature_ends_at = models.DateTimeField(null=True)  # after it no unanswered request can act
    concluded_at = models.DateTimeField(null=True)
    restored_at = models.DateTimeField(null=True)  # it waited in a copy that was put back by then

    objects = CancelQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=CancelStatus.values), name="cancel_status"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=CancelKind.values), name="cancel_kind"
            ),
            models.CheckConstraint(condition=models.Q(proof__in=Proof.values), name="cancel_proof"),
            models.CheckConstraint(
                condition=models.Q(order_id__isnull=False)
                | models.Q(client_order_id__isnull=False),
                name="cancel_names_an_order",
            ),
            models.CheckConstraint(
                condition=models.Q(order_id__isnull=True)
                | models.Q(order_id__gt=0, order_id__lte=2**53),
                name="cancel_order_id_bounds",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["unknown", "settling"], next_check_at__isnull=False)
                | ~models.Q(status__in=["unknown", "settling"]),
                name="cancel_open_question_is_looked_at",
            ),
            models.UniqueConstraint(
                fields=["account", "order_id"],
                condition=models.Q(status__in=LIVE),
                name="cancel_one_live_per_order_id",
            ),
            models.UniqueConstraint(
                fields=["account", "client_order_id"],
                condition=models.Q(status__in=LIVE, client_order_id__isnull=False),
                name="cancel_one_live_per_client_order_id",
            ),
        ]
        # None is partial by status: SQLite uses no such index for a status given as a parameter.
        indexes = [
            models.Index(
                fields=["account", "status", "-is_urgent", "id"], name="cancel_by_account"
            ),
            models.Index(fields=["job", "status"], name="cancel_by_job"),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(lease_until__isnull=False),
                name="cancel_leases",
            ),
            models.Index(
                fields=["next_check_at"],
                condition=models.Q(next_check_at__isnull=False),
                name="cancel_checks_due",
            ),
            models.Index(
                fields=["account", "next_check_at"],
                condition=models.Q(next_check_at__isnull=False),
                name="cancel_open_questions",
            ),
            models.Index(fields=["order_id"], name="cancel_order_id"),
            models.Index(
                fields=["account", "amounts_due_at"],
                condition=models.Q(amounts_due_at__isnull=False),
                name="cancel_amounts_due",
            ),
        ]

    def __str__(self) -> str:
        return f"Cancel {self.pk}"

    @property
    def amounts_note(self) -> str:
        """What is to be said of its amounts while they are on their way."""
        return "Amounts being read." if self.amounts_due_at else ""

    @property
    def was_accepted(self) -> bool:
        """True where the exchange said yes, if too late: with the order gone, that is enough."""
        return self.was_taken and self.kind != CancelKind.TWAP

    @property
    def is_for_a_person(self) -> bool:
        """True where nothing was sent for it since the copy it waited in was put back."""
        return self.restored_at is not None and (
            self.sent_at is None or self.sent_at <= self.restored_at
        )

    @property
    def is_at_rest(self) -> bool:
        """True once nothing more will happen to it by itself."""
        return self.status in AT_REST
