"""Copies of the signed checkpoints, so that every host can bring its own file up to date."""

from django.db import models


class AuditCheckpoint(models.Model):
    """One checkpoint of the log. The file outside the database is what counts; this is a copy.

    ``line``: the exact text of the checkpoint's line in the file, without the line break.
    """

    number = models.BigAutoField(primary_key=True)  # given out by `orders.evidence.checkpoints`
    at = models.DateTimeField()
    count = models.BigIntegerField(db_index=True)
    line = models.TextField()
    # When it came here from the file, after an older copy of the database was accepted: what it
    # signed is not in this database.
    lost_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-number"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"Checkpoint {self.number}"
