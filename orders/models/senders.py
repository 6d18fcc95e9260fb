"""The processes that may open keys and send, as they report themselves."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models

from orders.models.clocks import MAY_DIFFER
from orders.models.prepared import MOMENTS, Prepared, any_of

FRESH_FOR = timedelta(seconds=15)


class SenderQuerySet(models.QuerySet["Sender"]):
    """Senders, by how lately they were heard."""

    def fresh(self, now: datetime) -> Self:
        """Those heard of within the last fifteen seconds."""
        return self.filter(seen_at__gte=now - FRESH_FOR, seen_at__lte=now + MAY_DIFFER)


class Sender(models.Model):
    """One sending process and when it last said that it is alive."""

    name = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=16)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)
    # As it says of itself, for a monitor outside.
    memory_kb = models.PositiveIntegerField(default=0)
    database_errors = models.PositiveIntegerField(default=0)  # since it started
    broker_errors = models.PositiveIntegerField(default=0)

    objects = SenderQuerySet.as_manager()

    class Meta:
        ordering = ["-seen_at"]

    def __str__(self) -> str:
        return self.name


_fresh = Prepared(lambda now: any_of(Sender.objects.fresh(now)), now=MOMENTS)


def is_any_alive(now: datetime) -> bool:
    """Whether any sender was heard of lately."""
    return bool(_fresh(now=now))
