"""The senders' clock in a fault run: ahead or behind by what a small file says.

The run writes the file; each sender reads it through shared memory at every look at the clock.
"""

import mmap
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

SIZE = 8
JUMP_S = 3600
JUMPS = (-JUMP_S, JUMP_S)


class MovedClock:
    """Seconds by which the senders' clock is ahead, shared by a run and its processes."""

    def __init__(self, path):
        with Path(path).open("ab") as file:
            file.truncate(SIZE)
        with Path(path).open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), SIZE)

    def set(self, seconds):
        """From now on the clock is ahead by so much; 0 sets it right."""
        self._shared[:] = struct.pack("d", seconds)

    def now(self, tz=UTC):
        """What a sender's clock shows."""
        (seconds,) = struct.unpack("d", self._shared[:])
        return datetime.now(tz) + timedelta(seconds=seconds)


def wear(path):
    """Have all of this process go by the moved clock. Call it before the site is loaded."""
    from django.utils import timezone

    from orders.pacifica import client

    clock = MovedClock(path)

    class Moved(datetime):
        @classmethod
        def now(cls, tz=None):
            return clock.now(tz)

    timezone.now = lambda: clock.now(UTC)
    client.datetime = Moved


def nearest(at_ms, near_ms, jumps):
    """A moment as it would read without the jump of the clock that makes it fit best, in ms."""
    return min((at_ms - 1000 * jump for jump in (0, *jumps)), key=lambda one: abs(one - near_ms))
