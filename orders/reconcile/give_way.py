"""Let panics write first: orders as the exchange tells of them can wait, a cancel-all cannot.

A cancel-all of twenty accounts has the exchange tell of thousands of orders at once. SQLite lets
one transaction write at a time and those that wait in no order, so writing them all down would keep
the other accounts' cancel-alls waiting for seconds.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils import timezone

from orders.models import PanicLine

FIRST_FOR = timedelta(seconds=3)  # after it was asked for; what takes longer waits for the exchange
LOOK_EVERY_S = 0.05


def to_panics(
    *, clock: Callable[[], datetime] = timezone.now, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Wait while a panic that was just asked for is under way, and no longer than its first moment.

    However many panics come after another, this takes `FIRST_FOR` at most.
    """
    for _ in range(round(FIRST_FOR.total_seconds() / LOOK_EVERY_S)):
        now = clock()
        just_asked = PanicLine.objects.filter(asked_at__range=(now - FIRST_FOR, now + FIRST_FOR))
        if not just_asked.unfinished().exists():
            return
        sleep(LOOK_EVERY_S)
