"""Time stamps of checkpoints by authorities outside the firm, and how each authority does."""

from django.db import models


class TimeStamp(models.Model):
    """One token. ``line``: its exact line in the file beside the checkpoints, without its break.

    ``number``: the checkpoint's; ``at``: the authority's own time in the token.
    """

    number = models.BigIntegerField()
    authority = models.CharField(max_length=200)
    at = models.DateTimeField()
    line = models.TextField()

    class Meta:
        ordering = ["pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["number", "authority"], name="time_stamp_once")
        ]

    def __str__(self) -> str:
        return f"Time stamp of checkpoint {self.number} by {self.authority}"


class TimeStampAuthority(models.Model):
    """How one authority does. Asking is claimed by moving ``next_ask_at``, so that one asks."""

    name = models.CharField(max_length=200, unique=True)  # host and port: an address may be secret
    next_ask_at = models.DateTimeField()
    stamped_at = models.DateTimeField(null=True)  # last, by our clock
    failing_since = models.DateTimeField(null=True)
    said = models.CharField(max_length=200, blank=True)  # why it failed last, without any secret

    class Meta:
        ordering = ["name"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
