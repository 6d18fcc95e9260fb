"""How far the exchange's clock is from ours, as its answers show."""

from datetime import datetime, timedelta

from django.db import models

FRESH_FOR = timedelta(minutes=10)
WARN_ABOVE_MS = 1000
MAY_DIFFER = timedelta(minutes=1)  # the clocks of our own machines, at the worst


def has_come(column: str, now: datetime, longest: timedelta) -> models.Q:
    """Where this moment, written at most ``longest`` before it, has come; a `Q`.

    One further ahead was written before a clock was set back, and must not hold things up till
    that clock has caught up with itself.
    """
    beyond = models.Q(**{f"{column}__gt": now + longest + MAY_DIFFER})
    return models.Q(**{f"{column}__lte": now}) | beyond


def is_ahead(moment: datetime | None, now: datetime, longest: timedelta = timedelta(0)) -> bool:
    """The same of a moment at hand: whether it was written before a clock was set back."""
    return moment is not None and moment > now + longest + MAY_DIFFER


class ExchangeClock(models.Model):
    """One row: the exchange's clock minus ours, smoothed over answers.

    One answer is good to half a second, for ``Date`` has whole seconds; many are better.
    """

    offset_ms = models.IntegerField()
    measured_at = models.DateTimeField()
    answers = models.PositiveIntegerField(default=1)  # how many it is smoothed over

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="clock_one_row")]

    def __str__(self) -> str:
        return f"{self.offset_ms} ms"

    @property
    def is_off(self) -> bool:
        """Whether people must be told: a request signed by a wrong clock is refused as expired."""
        return abs(self.offset_ms) > WARN_ABOVE_MS

    def in_words(self) -> str:
        """*This machine's clock is 40 s behind the exchange's.*"""
        side = "behind" if self.offset_ms > 0 else "ahead of"
        return f"This machine's clock is {abs(self.offset_ms) / 1000:.1f} s {side} the exchange's."
