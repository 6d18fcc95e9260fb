"""The host's own clock that nobody can set: seconds since it started, and which start that was."""

import functools
import socket
import time
from pathlib import Path
from typing import Any

from django.db.models import F
from django.db.models.functions import Now

from orders.models.guards import MAX_BOOT

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def seconds() -> float:
    """Return seconds since the host started, those of a sleep with them where it tells."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@functools.cache
def boot() -> str:
    """Return which start of which host this is: seconds of two starts do not compare."""
    try:
        started = BOOT_ID.read_text().strip()
    except OSError:
        started = str(round(time.time() - seconds(), -1))
    return f"{socket.gethostname()} {started}"[:MAX_BOOT]


def beat(stamp: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a beat now, by the database's clock and by the host's ``stamp``."""
    return {"beat_no": F("beat_no") + 1, "beat_at": Now(), "warned": 0, **stamp}


def stamp() -> dict[str, Any]:
    """Return this moment by the host's clock, as columns of a guard's beat."""
    return {"beat_boot": boot(), "beat_boot_s": seconds()}
