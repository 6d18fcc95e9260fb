"""How fast a token may ask: counted on its row, so that any number of web processes count as one.

A row holds up to when the pace is used up, in microseconds since 1970 (the generic cell rate
algorithm). One conditional UPDATE decides; two who come at once cannot both take the last place.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import BigIntegerField, F, Q, Value
from django.db.models.functions import Greatest, Least

from orders.models import ApiToken
from orders.models.clocks import MAY_DIFFER

MICRO = 1_000_000
NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Pace:
    """So many a second on average, and so many at once after a rest."""

    column: str
    per_s: int
    at_once: int

    @property
    def each(self) -> int:
        """How much of the pace one takes, in microseconds."""
        return MICRO // self.per_s

    @property
    def ahead(self) -> int:
        """How far ahead of now it may be used up when one more comes, in microseconds."""
        return self.each * (self.at_once - 1)


def requests() -> Pace:
    """Everything that is no act."""
    return Pace("requests_until", settings.API_REQUESTS_PER_S, 2 * settings.API_REQUESTS_PER_S)


def acts() -> Pace:
    """Cancels, previews' confirmations, stops."""
    return Pace("acts_until", settings.API_ACTS_PER_S, 2 * settings.API_ACTS_PER_S)


def panics() -> Pace:
    """Panics, which nothing else that the program asked for may hold up."""
    return Pace("panics_until", 1, 5)


def take(token: ApiToken, pace: Pace, *, address: str, now: datetime) -> int:
    """Count one more and note the use; return 0, or after how many seconds to come again."""
    now_us = int(now.timestamp() * MICRO)
    latest = now_us + pace.ahead
    used = Least(Greatest(F(pace.column), Value(now_us, _BIG)), Value(latest, _BIG))
    may = Q(**{f"{pace.column}__lte": latest}) | _written_ahead(pace, latest)
    row = ApiToken.objects.filter(pk=token.pk)
    seen = {"last_used_at": now, "last_used_from": address[:45]}
    if row.filter(may).update(**{pace.column: used + pace.each}, **seen):
        return 0
    until: int = row.values_list(pace.column, flat=True)[0]
    return max(1, math.ceil((until - latest) / MICRO))


def note(token: ApiToken, *, address: str, now: datetime) -> None:
    """Note the use of a token whose pace is not counted, once a minute."""
    last = token.last_used_at
    if last is None or not timedelta(0) <= now - last < NOTED_EVERY:
        seen = {"last_used_at": now, "last_used_from": address[:45]}
        ApiToken.objects.filter(pk=token.pk).update(**seen)


def _written_ahead(pace: Pace, latest: int) -> Q:
    """What only a clock that was set back since can have written: it keeps nobody waiting."""
    differ = MAY_DIFFER // timedelta(microseconds=1)
    return Q(**{f"{pace.column}__gt": latest + pace.each + differ})


_BIG = BigIntegerField()
