"""When this database was found older than its checkpoints, and who accepted it as it is."""

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models

SLACK = timedelta(seconds=2)  # what may remain between two clocks once both were compared


class RestoreQuerySet(models.QuerySet["Restore"]):
    """Restored copies, by whether somebody accepted them."""

    def waiting(self) -> Self:
        """The one that nobody has accepted yet, if any: nothing is sent."""
        return self.filter(is_waiting=True)

    def unsigned(self) -> Self:
        """Those accepted that no checkpoint tells of yet."""
        return self.filter(is_waiting=False, checkpoint=None)

    def may_hide(self, moment: datetime) -> bool:
        """Whether what this app did at this moment may be lost with a restored copy."""
        begun = models.Q(lost_from__isnull=True) | models.Q(lost_from__lte=moment + SLACK)
        return self.filter(begun, found_at__gte=moment - SLACK).exists()


class Restore(models.Model):
    """One finding: the checkpoint file tells of records that this database does not hold.

    ``number``, ``count``, ``line_hash``, ``signed_at``: the file's newest checkpoint, its records,
    its line's hash, its time. ``shared``: records that stand under a checkpoint of the file, and
    here; ``tip``: the newest here when it was found. ``lost_from``: from when on what was done may
    be lost, None if everything may be. ``is_other``: not even the first record is the same.
    """

    is_waiting = models.BooleanField(default=True)  # nobody has accepted it yet
    number = models.BigIntegerField()
    count = models.BigIntegerField()
    line_hash = models.CharField(max_length=64)
    signed_at = models.CharField(max_length=40)
    shared = models.BigIntegerField()
    tip = models.BigIntegerField()
    lost_from = models.DateTimeField(null=True)
    is_other = models.BooleanField(default=False)
    found_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    operator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    operator_name = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    checkpoint = models.BigIntegerField(null=True)  # the one that tells of it, once it is signed

    objects = RestoreQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["is_waiting"],
                condition=models.Q(is_waiting=True),
                name="restore_one_waits",
            )
        ]

    def __str__(self) -> str:
        return f"Restored copy {self.pk}"
