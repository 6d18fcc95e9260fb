"""What the exchange last said of each market, and whether somebody looks at orders now."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models

from orders.models.clocks import MAY_DIFFER, has_come

NEEDED_FOR = timedelta(seconds=30)  # after a page asked last
MAX_REST = timedelta(hours=1)  # the longest that a read is put off


class Market(models.Model):
    """One market by its symbol, case kept. Prices in USD, all numbers in the exchange's own text.

    ``mark`` is empty, and ``marked_at`` null, where its mark was never read; ``tick_size`` (of
    prices) and ``lot_size`` (of amounts) are empty where the exchange did not say them readably.
    """

    symbol = models.CharField(max_length=64, unique=True)
    mark = models.CharField(max_length=64, blank=True)
    marked_at = models.DateTimeField(null=True)  # when it was asked for, by our clock
    tick_size = models.CharField(max_length=64, blank=True)
    lot_size = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["symbol"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.symbol


class MarketWatchQuerySet(models.QuerySet["MarketWatch"]):
    """The one row, where something is due."""

    def needed(self, now: datetime) -> Self:
        """Return it where a page asked within the last half minute."""
        return self.filter(needed_at__gt=now - NEEDED_FOR, needed_at__lt=now + MAY_DIFFER)

    def due(self, column: str, now: datetime) -> Self:
        """Return it where a page asked lately and this read's turn has come."""
        return self.needed(now).filter(has_come(column, now, MAX_REST))


class MarketWatch(models.Model):
    """One row: when a page last asked for marks, and when each read may be made again.

    A sender makes the row. It claims a read by moving its moment, so that of several one asks.
    """

    needed_at = models.DateTimeField(null=True)
    next_prices_at = models.DateTimeField()
    next_decimals_at = models.DateTimeField()

    objects = MarketWatchQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="market_watch_one")]

    def __str__(self) -> str:
        return f"asked for at {self.needed_at}"
