"""What is done with the whole log in the background: exports and verifications."""

import json
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.conf import settings
from django.db import models

from orders.models.clocks import has_come
from orders.models.desks import Desk, Right, sees_everything

if TYPE_CHECKING:
    from orders.models.desks import Person

Work = TypeVar("Work", bound="Errand", covariant=True)


class ErrandStatus(models.TextChoices):
    """The life of an errand."""

    WAITING = "waiting", "Waiting for a sender"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


LEASE = timedelta(seconds=60)


class ErrandQuerySet(models.QuerySet[Work]):
    """Errands, by what is due."""

    def claim(self, now: datetime) -> Work | None:
        """The oldest that nobody works on, claimed for the caller alone; None where there is none.

        One conditional UPDATE decides between two who try.
        """
        token = uuid.uuid4()
        for pk in self.claimable(now).values_list("pk", flat=True)[:10]:
            claim = {"claim_token": token, "lease_until": now + LEASE}
            if self.claimable(now).filter(pk=pk).update(status=ErrandStatus.RUNNING, **claim):
                return self.get(pk=pk)
        return None

    def claimable(self, now: datetime) -> Self:
        """Those nobody works on: waiting, or left behind by a process that died."""
        left = has_come("lease_until", now, LEASE) & models.Q(status=ErrandStatus.RUNNING)
        return self.filter(models.Q(status=ErrandStatus.WAITING) | left).order_by("pk")

    def visible_to(self, user: "Person") -> Self:
        """One's own, and for administrators all."""
        return self if sees_everything(user) else self.filter(operator_id=user.pk)


class Errand(models.Model):
    """Work on the log that somebody asked for, done by one process at a time and taken up again.

    ``done`` and ``total`` count records.
    """

    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    operator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    operator_name = models.CharField(max_length=150)
    session_hash = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=45, blank=True)
    asked_at = models.DateTimeField()
    status = models.CharField(
        max_length=16, choices=ErrandStatus, default=ErrandStatus.WAITING, db_index=True
    )
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    claim_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    explanation = models.CharField(max_length=400, blank=True)  # for the person who asked

    objects = ErrandQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["-pk"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=ErrandStatus.values), name="%(class)s_status"
            )
        ]

    def __str__(self) -> str:
        return f"{str(self._meta.verbose_name).capitalize()} {self.pk}"

    def renew(self, now: datetime, **values: Any) -> bool:
        """Write how far it is and hold it longer; False where another process holds it by now."""
        for name, value in values.items():
            setattr(self, name, value)
        mine = type(self).objects.filter(pk=self.pk, claim_token=self.claim_token)
        return bool(mine.update(lease_until=now + LEASE, **values))

    def finish(self, now: datetime, status: str, **values: Any) -> bool:
        """End it, under its own claim."""
        rest = {"status": status, "finished_at": now, "claim_token": None}
        mine = type(self).objects.filter(pk=self.pk, claim_token=self.claim_token)
        return bool(mine.update(**rest, **values))

    @property
    def percent(self) -> int:
        """How far it is, 0 to 100."""
        if self.status == ErrandStatus.DONE:
            return 100
        return min(99, 100 * self.done // self.total) if self.total else 0


class Export(Errand):
    """Records of the log, for somebody who does not trust the app: a zip file and its manifest.

    ``query``: the filter as JSON, with the ids of the desks that it holds once it is being written;
    ``words``: the same for people. ``file_name`` is relative to the export folder.
    """

    query = models.TextField(default="{}")
    until = models.BigIntegerField()  # the newest record when it was asked for
    lengths = models.TextField(default="{}")  # bytes of each file that stand for ``done``
    words = models.CharField(max_length=300)
    record_count = models.BigIntegerField(null=True)
    file_name = models.CharField(max_length=120, blank=True)
    file_length = models.BigIntegerField(null=True)  # bytes
    file_sha256 = models.CharField(max_length=64, blank=True)

    def exportable_desks(self) -> list[int]:
        """Ids of the desks whose records its asker may still export."""
        assert self.operator is not None  # an export is asked for by somebody
        desks = Desk.objects.allowing(self.operator, Right.VERIFY)
        return sorted(desks.values_list("pk", flat=True))

    def holds_others(self) -> bool:
        """Whether it holds records of desks whose records its asker may no longer export.

        One of an earlier release does not say of which desks it is, and counts as one that does.
        """
        desks = json.loads(self.query).get("desks")
        return desks is None or not set(desks) <= set(self.exportable_desks())


class Verification(Errand):
    """One walk over the whole log. ``report``: what was found, as JSON."""

    fault_count = models.BigIntegerField(null=True)
    report = models.TextField(default="{}")
