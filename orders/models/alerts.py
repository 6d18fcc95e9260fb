"""Matters that people are told of outside the pages, each once, and once more when it is over."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from django.db import models

from orders.models.clocks import has_come

MAX_PAUSE = timedelta(minutes=15)  # between tries to tell
RAISED, OVER, HEARD = "raised", "over", "heard"  # what a way told; heard: when it was less


class Matter(NamedTuple):
    """What there is to tell of. ``parts``: what it may become more of while it stands, each named.

    A matter of which more comes to stand is told again.
    """

    desk_name: str  # or empty
    said: str
    parts: tuple[str, ...] = ()

    @property
    def covers(self) -> str:
        """Its parts as they are kept; empty where it has none."""
        return json.dumps(sorted(set(self.parts))) if self.parts else ""


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
        self,
        *,
        kind: str,
        about: str,
        desk_name: str,
        said: str,
        now: datetime,
        parts: Iterable[str] = (),
    ) -> None:
        """Raise a matter that does not stand yet, or that has become more since it was told.

        Another sender may be first.
        """
        covers = Matter(desk_name, said, tuple(parts)).covers
        alert = Alert(kind=kind, about=about, desk_name=desk_name, said=said[:400], covers=covers)
        alert.raised_at = alert.next_tell_at = now
        self.bulk_create([alert], ignore_conflicts=True)
        for standing in self.current().filter(kind=kind, about=about).exclude(covers=covers):
            standing.become(alert)

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
    covers = models.TextField(blank=True, default="")  # the parts of its matter, as JSON
    raised_at = models.DateTimeField()
    next_tell_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    told_ways = models.JSONField(default=list)  # "raised KEY", "over KEY" of each way so far
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

    def become(self, newer: "Alert") -> None:
        """Cover what the newer one covers, and be told again by every way where that is more."""
        again: dict[str, Any] = {}
        if not self._has_told(newer):
            ways = [way.partition(" ")[2] for way in self.told_ways]
            again = {"told_at": None, "told_ways": [f"{HEARD} {way}" for way in ways]}
            again |= {"next_tell_at": newer.next_tell_at, "failures": 0}
        same = Alert.objects.current().filter(pk=self.pk, covers=self.covers)
        same.update(covers=newer.covers, said=newer.said, **again)

    def _has_told(self, newer: "Alert") -> bool:
        """Whether it told of all that the newer one covers; one of an older release has words."""
        parts = set(json.loads(newer.covers or "[]"))
        if not self.covers:
            return self.said == newer.said or all(part in self.said for part in parts)
        return parts <= set(json.loads(self.covers))
