"""Let panics write first: orders as the exchange tells of them can wait, a cancel-all cannot.

A cancel-all of twenty accounts has the exchange tell of thousands of orders at once. SQLite lets
one transaction write at a time and those that wait in no order, so writing them all down would keep
the other accounts' cancel-alls waiting for seconds.

A process that gives way does not take in more meanwhile either (`is_giving_way`): taking it in
needs Python's one lock, and so do the panic's own threads where both live in one process.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.utils import timezone

from orders.models import PanicLine

FIRST_FOR = timedelta(seconds=3)  # after it was asked for; what takes longer waits for the exchange
LOOK_EVERY_S = 0.05

_counting = threading.Lock()
_waiting = 0  # threads of this process


def is_giving_way() -> bool:
    """Whether some thread of this process waits for a panic at this moment."""
    return _waiting > 0


def to_panics(
    *, clock: Callable[[], datetime] = timezone.now, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Wait while a panic that was just asked for is under way, and no longer than its first moment.

    However many panics come after another, this takes `FIRST_FOR` at most.
    """
    if not _is_under_way(clock()):
        return
    with _counted():
        for _ in range(round(FIRST_FOR.total_seconds() / LOOK_EVERY_S)):
            sleep(LOOK_EVERY_S)
            if not _is_under_way(clock()):
                return


def _is_under_way(now: datetime) -> bool:
    just_asked = PanicLine.objects.filter(asked_at__range=(now - FIRST_FOR, now + FIRST_FOR))
    return just_asked.unfinished().exists()


@contextmanager
def _counted() -> Iterator[None]:
    global _waiting
    with _counting:
        _waiting += 1
    try:
        yield
    finally:
        with _counting:
            _waiting -= 1
