"""How the exchange's stream of each account stands, and which process reads it."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models

from orders.models.clocks import MAY_DIFFER, has_come

LEASE = timedelta(seconds=12)  # renewed every few seconds; so long a dead process holds an account
HEALTHY_FOR = timedelta(seconds=20)  # after the last frame or pong: a stall is noticed sooner


class AccountStreamQuerySet(models.QuerySet["AccountStream"]):
    """Streams, by who may take them and how they stand."""

    def free(self, now: datetime) -> Self:
        """Those that no living process reads."""
        return self.filter(
            models.Q(token="") | models.Q(leased_until=None) | has_come("leased_until", now, LEASE)
        )

    def healthy(self, now: datetime) -> Self:
        """Those of which `AccountStream.is_healthy` is true."""
        return self.exclude(token="").filter(
            caught_up_at__isnull=False,
            leased_until__gt=now,
            leased_until__lte=now + LEASE + MAY_DIFFER,
            healthy_at__gt=now - HEALTHY_FOR,
            healthy_at__lte=now + MAY_DIFFER,
        )


class AccountStream(models.Model):
    """One account's stream. A process has it while its token stands here and the lease lasts.

    Moments are by our clock. What is null has not happened since the stream was last lost.
    """

    account = models.OneToOneField(
        "Account", on_delete=models.PROTECT, related_name="stream", primary_key=True
    )
    token = models.CharField(max_length=32, blank=True)  # random, of the process that reads it
    leased_until = models.DateTimeField(null=True)
    connected_at = models.DateTimeField(null=True)
    subscribed_at = models.DateTimeField(null=True)  # every subscription acknowledged
    caught_up_at = models.DateTimeField(null=True)  # by a read of the open orders since then
    # Up to when all is written here: when something was last heard while it was caught up, or when
    # the oldest change came that still waits to be written. It stays when the stream is lost.
    healthy_at = models.DateTimeField(null=True)
    # Since when orders may have come and gone that the history was not asked about yet.
    gap_began_at = models.DateTimeField(null=True)
    last_frame_at = models.DateTimeField(null=True)  # with a change of an order
    lag_ms = models.IntegerField(null=True)  # from the exchange's time of a change to our commit
    frames_per_minute = models.PositiveIntegerField(default=0)
    reconnects = models.PositiveIntegerField(default=0)
    trouble = models.CharField(max_length=300, blank=True)  # in words

    objects = AccountStreamQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"stream of account {self.account_id}"

    def is_leased(self, now: datetime) -> bool:
        """Whether a living process reads it."""
        until = self.leased_until
        return bool(self.token) and until is not None and now < until <= now + LEASE + MAY_DIFFER

    def is_healthy(self, now: datetime) -> bool:
        """Whether it may be relied on: read, acknowledged, caught up, and heard lately."""
        heard = self.healthy_at
        if not self.is_leased(now) or self.caught_up_at is None or heard is None:
            return False
        return now - HEALTHY_FOR < heard <= now + MAY_DIFFER
