"""What every page tells of the guards of one's desks: armed, fired, asking; and of latches."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils import timezone

from orders.models import Guard, GuardStatus, Latch
from orders.models.for_person import ForPerson
from orders.panic.guard import lookout

if TYPE_CHECKING:
    from orders.models.desks import Person

SHOWN = 4  # guards, those with least left first; latches, those with new orders first
LOW, WARN = 0.2, 0.5  # parts of the time to live


@dataclass(frozen=True)
class GuardOnStrip:
    """One guard as the strip shows it. ``until_ms``: when it fires, by the site's clock."""

    guard: Guard
    left_s: float
    until_ms: int
    tone: str

    @property
    def half_ms(self) -> int:
        """Half of its time to live: with less left, a page looks whether a beat came."""
        return self.guard.ttl_s * 500

    @property
    def is_large(self) -> bool:
        """Whether it is shown large: little is left, or it fired."""
        return self.tone == "alarm"


@dataclass(frozen=True)
class Strip:
    """The guards and the latches shown, and of each how many more there are."""

    guards: list[GuardOnStrip]
    further: int
    latched: list[Latch]
    further_latched: int
    version: str  # another one wherever the strip would be, though the log did not go on


_at_work = ForPerson(lambda seen: seen(Guard.objects.at_work()).with_clock().select_related("desk"))
_holding = ForPerson(lambda seen: seen(Latch.objects.holding()).select_related("account__desk"))


def strip_for(user: "Person") -> Strip:
    """Return the strip for a person; two queries."""
    now_ms = int(timezone.now().timestamp() * 1000)
    rows = [_on_strip(guard, now_ms) for guard in _at_work(user)]
    rows.sort(key=lambda one: one.left_s)
    held = sorted(_holding(user), key=lambda latch: (-latch.appeared, latch.pk))
    marks = [(one.guard.pk, one.guard.status, one.guard.beat_no, one.tone) for one in rows]
    appeared = [(latch.pk, latch.appeared) for latch in held]
    version = hashlib.sha256(str((marks, appeared)).encode()).hexdigest()[:16]
    further = len(rows[SHOWN:]), len(held[SHOWN:])
    return Strip(rows[:SHOWN], further[0], held[:SHOWN], further[1], version)


def _on_strip(guard: Guard, now_ms: int) -> GuardOnStrip:
    if guard.status != GuardStatus.ARMED:
        return GuardOnStrip(guard, -1, 0, "alarm")
    left_s = lookout.left_s(guard)
    part = left_s / guard.ttl_s
    tone = "alarm" if part <= LOW else "warn" if part <= WARN else "good"
    return GuardOnStrip(guard, left_s, now_ms + int(left_s * 1000), tone)
