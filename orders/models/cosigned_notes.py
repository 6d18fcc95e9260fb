"""Copies of the notes of checkpoints that witnesses outside the firm cosigned."""

from django.db import models


class CosignedNote(models.Model):
    """One note. ``line``: its exact line in the file beside the checkpoints, without its break.

    ``number``: the checkpoint's.
    """

    number = models.BigIntegerField()
    line = models.TextField()

    class Meta:
        ordering = ["pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"Cosigned note of checkpoint {self.number}"
