"""What a process tells of itself: its memory, and how often database or broker failed it."""

import resource
import threading
from pathlib import Path

from django.db import Error as DatabaseError

STATM = Path("/proc/self/statm")  # sizes in pages; the second is what is resident
_lock = threading.Lock()
_counts = {"database_errors": 0, "broker_errors": 0}


def failed(error: BaseException) -> None:
    """Count an error that a duty or a task ended with, where it is the database's."""
    if isinstance(error, DatabaseError):
        _count("database_errors")


def broker_failed() -> None:
    """Count a message that the broker did not take."""
    _count("broker_errors")


def figures() -> dict[str, int]:
    """Return them as the columns of a sender's row."""
    with _lock:
        return {"memory_kb": _memory_kb(), **_counts}


def _count(name: str) -> None:
    with _lock:
        _counts[name] += 1


def _memory_kb() -> int:
    """Return what is resident; 0 on systems that do not tell."""
    try:
        pages = int(STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * resource.getpagesize() // 1024
