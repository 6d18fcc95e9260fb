"""How many frames came within the last minute."""

from collections import deque

WINDOW_S = 60
STEP_S = 5


class Meter:
    """Counts in steps of five seconds, so that a busy account takes no more memory than a quiet."""

    def __init__(self) -> None:
        self._counts: deque[tuple[int, int]] = deque(maxlen=WINDOW_S // STEP_S + 1)

    def add(self, at_s: float) -> None:
        """Count one frame at this moment of a clock that only goes forward."""
        step = int(at_s // STEP_S)
        if self._counts and self._counts[-1][0] == step:
            self._counts[-1] = step, self._counts[-1][1] + 1
        else:
            self._counts.append((step, 1))

    def per_minute(self, at_s: float) -> int:
        """Return how many came within the minute before."""
        oldest = (at_s - WINDOW_S) // STEP_S
        return sum(count for step, count in self._counts if step > oldest)
