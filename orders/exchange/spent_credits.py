"""What a pool spent within the last minute, second by second."""

import json
from datetime import datetime
from decimal import Decimal

from orders.models.clocks import MAY_DIFFER

WINDOW_S = 60  # docs.pacifica.fi rate-limits page


class SpentCredits:
    """Credits by second of the epoch: all of them, and of those what routine syncs took.

    ``text``: what `as_text` wrote; what was spent outside the window is left out.
    """

    def __init__(self, text: str, now: datetime) -> None:
        oldest = second_of(now) - WINDOW_S - 1  # the last credits of a second leave with it
        newest = second_of(now + MAY_DIFFER)  # later ones were spent before a clock was set back
        every = {int(second): both for second, both in json.loads(text).items()}
        self._both = {
            second: [Decimal(number) for number in both]
            for second, both in every.items()
            if oldest < second <= newest
        }

    def __contains__(self, second: int) -> bool:
        return second in self._both

    def total(self) -> Decimal:
        """Sum all of it."""
        return sum((both[0] for both in self._both.values()), Decimal(0))

    def of_syncs(self) -> Decimal:
        """Sum what routine syncs took."""
        return sum((both[1] for both in self._both.values()), Decimal(0))

    def since(self, second: int) -> Decimal:
        """Sum what was spent in this second and later."""
        return sum((both[0] for at, both in self._both.items() if at >= second), Decimal(0))

    def add(self, second: int, credits: Decimal, is_sync: bool = False) -> None:
        """Count credits in a second; negative ones are taken back."""
        both = self._both.setdefault(second, [Decimal(0), Decimal(0)])
        both[0] += credits
        both[1] += credits if is_sync else 0

    def forget(self, credits: Decimal) -> None:
        """Take so many off what leaves the window first: the exchange let those go already."""
        for second in sorted(self._both):
            part = max(Decimal(0), min(credits, self._both[second][0]))
            self.add(second, -part)
            credits -= part

    def until_freed(self, now: datetime) -> float:
        """Return the seconds until the oldest spending leaves the window."""
        return max(0.0, min(self._both, default=0) + WINDOW_S + 1 - now.timestamp())

    def as_text(self) -> str:
        """Write it as a pool's row keeps it."""
        return json.dumps({str(s): [str(n) for n in both] for s, both in self._both.items()})


def second_of(now: datetime) -> int:
    """Return the second of the epoch that a time is in."""
    return int(now.timestamp())
