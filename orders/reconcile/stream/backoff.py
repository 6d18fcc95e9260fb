"""How long to wait before connecting again: longer each time, never all at the same moment."""

import random

from orders.reconcile.stream.timings import Timings


class Backoff:
    """The pauses of one connection. Whatever ended it, at least half a first pause is waited."""

    def __init__(self, timings: Timings) -> None:
        self._timings, self._failures = timings, 0

    def next_s(self, *, stood_s: float) -> float:
        """Return the pause after a connection that stood so long; 0 where it never did."""
        if stood_s >= self._timings.steady_after_s:
            self._failures = 0
        longest: float = self._timings.first_pause_s * 2 ** min(self._failures, 20)
        self._failures += 1
        return min(self._timings.max_pause_s, longest) * random.uniform(0.5, 1)  # noqa: S311
