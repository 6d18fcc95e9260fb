"""Matters that people are told of outside the pages, each once, and once more when it is over."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models

from orders.models.clocks import has_come

MAX_PAUSE = timedelta(minutes=15)  # between tries to tell


class AlertKind(models.TextChoices):
    """What people are told of."""

    UNRESOLVED = "unresolved", "Unresolved cancels"
    STUCK_JOB = "stuck_job", "Stuck job"
    NO_SENDER = "no_sender", "No sender alive"
    CLOCK = "clock", "Clock off"
    CONTRADICTION = "contradiction", "Contradiction"
    NOT_OURS = "not_ours", "Agent wallet that is not ours"
    PANIC_WAITING = "panic_waiting", "Panic not sent"
    PANIC_NEEDS_YOU = "panic_needs_you", "Panic that needs somebody"
    FOREIGN_ANSWER = "foreign_answer", "Answer to another question"
    RESTORED = "restored", "Database older than its checkpoints"
    GUARD_LOW = "guard_low", "Guard running out"
    GUARD_FIRED = "guard_fired", "Guard fired"
    GUARD_UNWATCHED = "guard_unwatched", "Guard that cannot fire"
    LATCHED = "latched", "Orders after a halt"
    SCHEDULE = "schedule", "Schedule not done"
    NOT_FOLLOWED = "not_followed", "Account not followed"
    TIME_STAMP = "time_stamp", "No time stamps"
    ONE_PERSON = "one_person", "Done by one person alone"
    EMERGENCY = "emergency", "Emergency password used"
    COPIED_PASSKEY = "copied_passkey", "Passkey that may be copied"


class AlertQuerySet(models.QuerySet["Alert"]):
    """Alerts, by what is still to be done about them."""

    def raise_once(
        self, *, kind: str, about: str, desk_name: str, said: str, now: datetime
    ) -> None:
        """Raise a matter that does not stand yet; another sender may be first."""
        alert = Alert(kind=kind, about=about, desk_name=desk_name, said=said[:400])
        alert.raised_at = alert.next_tell_at = now
        self.bulk_create([alert], ignore_conflicts=True)

    def current(self) -> Self:
        """Those whose matter is not over."""
        return self.filter(over_at__isnull=True)

    def to_tell(self, now: datetime) -> Self:
        """Those whose beginning or end somebody has still to hear of, and whose turn it is.

        The end of what nobody heard of is told to nobody.
        """
        beginning = models.Q(told_at__isnull=True, over_at__isnull=True)
        heard_of = models.Q(told_at__isnull=False) | ~models.Q(told_ways=[])
        end = heard_of & models.Q(over_at__isnull=False, told_over_at__isnull=True)
        return self.filter(beginning | end, has_come("next_tell_at", now, MAX_PAUSE))


class Alert(models.Model):
    """One matter. ``about``: which job, or empty; together with the kind it is one while it lasts.

    Telling is claimed by moving ``next_tell_at``, so that of several senders one tells.
    """

    kind = models.CharField(max_length=16, choices=AlertKind)
    about = models.CharField(max_length=80, blank=True)
    desk_name = models.CharField(max_length=80, blank=True)
    said = models.CharField(max_length=400)  # in words, without any secret
    raised_at = models.DateTimeField()
    next_tell_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    told_ways = models.JSONField(default=list)  # "raised KEY" or "over KEY" of each way so far
    over_at = models.DateTimeField(null=True)
    told_over_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)  # to tell; the next try comes later

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["-raised_at"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=AlertKind.values), name="alert_kind"
            ),
            models.UniqueConstraint(
                fields=["kind", "about"],
                condition=models.Q(over_at__isnull=True),
                name="alert_one_per_matter",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.about}".strip()
