"""Wait for a job's end, in a few places of each process: the rest of its threads serve others."""

import threading
import time
from collections.abc import Callable

from orders.models import CancelJob, JobStatus

LONGEST_S = 30
PLACES = 2  # of the web's eight threads
PAUSE_S = 0.1
OVER = [JobStatus.DONE.value, JobStatus.STOPPED.value]

_places = threading.BoundedSemaphore(PLACES)


def is_over(
    job_id: int,
    wait_s: int,
    *,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Return whether the job has ended, by the end of the wait at the latest.

    Where every place is taken it does not wait: a program may ask for the job again.
    """
    if _has_ended(job_id) or not wait_s or not _places.acquire(blocking=False):
        return _has_ended(job_id)
    try:
        ends_at = clock() + wait_s
        while not _has_ended(job_id) and clock() < ends_at:
            pause(PAUSE_S)
    finally:
        _places.release()
    return _has_ended(job_id)


def _has_ended(job_id: int) -> bool:
    return CancelJob.objects.filter(pk=job_id, status__in=OVER).exists()
