"""Cancel jobs: one act of one operator on one desk."""

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models

from orders.models.api_tokens import acting_token
from orders.models.desks import OfDesksQuerySet
from orders.models.guards import acting_guard

MAX_SCOPE, MAX_REASON = 200, 300  # characters


class JobStatus(models.TextChoices):
    """The life of a job."""

    RUNNING = "running", "Running"
    STOPPING = "stopping", "Stopping"
    STOPPED = "stopped", "Stopped"
    DONE = "done", "Done"


class CancelJobQuerySet(OfDesksQuerySet["CancelJob"]):
    """Jobs, by desk and status."""

    def running(self) -> Self:
        """Jobs whose cancels may be sent."""
        return self.filter(status=JobStatus.RUNNING)

    def idle_since(self, moment: datetime) -> Self:
        """Jobs that sent nothing since then though they could have."""
        idle = models.Q(idle_since_at__lt=moment)
        return self.filter(idle | models.Q(idle_since_at__isnull=True, created_at__lt=moment))


class CancelJob(models.Model):
    """One act of an operator on one desk: its cancels, reason and progress."""

    # In indexes below.
    desk = models.ForeignKey("Desk", on_delete=models.PROTECT, related_name="jobs", db_index=False)
    operator = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="cancel_jobs",
        db_index=False,
    )
    operator_name = models.CharField(max_length=150)  # as it was when they acted
    session_hash = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=45, blank=True)  # where the operator acted from
    token_name = acting_token()
    guard_name = acting_guard()
    # One act, one job, however often the browser sends it.
    request_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    scope = models.CharField(max_length=MAX_SCOPE)  # what was asked, in words
    retry_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="retries"
    )
    preview = models.ForeignKey(  # the frozen set that was confirmed, for a bulk cancel
        "Preview", on_delete=models.PROTECT, null=True, related_name="jobs"
    )
    preview_sha256 = models.CharField(max_length=64, blank=True)  # hash of the frozen set
    reason = models.CharField(max_length=MAX_REASON, blank=True)
    is_urgent = models.BooleanField(default=True)
    is_panic = models.BooleanField(default=False)
    is_drill = models.BooleanField(default=False)
    status = models.CharField(max_length=16, choices=JobStatus, default=JobStatus.RUNNING)
    created_at = models.DateTimeField(db_index=True)
    # Since when it could have sent and did not; waiting for credits does not count.
    idle_since_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    if TYPE_CHECKING:  # what screens attach to the rows that they show
        tally: Any  # an `orders.admin.jobs.tally.Tally`
        badge: Any  # an `orders.admin.jobs.tally.Badge`
        needs_somebody: bool  # some line of a panic
        last_sent_at: datetime | None  # of a panic's accounts, as the next three
        empty_at: datetime | None
        n_lines: int
        n_empty: int
        to_sent: str  # how long a panic took to its last request, in words
        to_empty: str  # and until its last account was seen empty

    objects = CancelJobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=JobStatus.values), name="job_status"
            )
        ]
        indexes = [
            models.Index(fields=["status", "desk"], name="job_under_way"),
            models.Index(fields=["desk", "-created_at"], name="job_desk_created"),
            models.Index(fields=["desk", "operator", "-created_at"], name="job_operator_created"),
            models.Index(  # hardly any is one
                fields=["desk", "-created_at"],
                condition=models.Q(is_drill=True),
                name="job_drills",
            ),
        ]

    def __str__(self) -> str:
        return f"Job {self.pk}"
