"""Try an act again that somebody else's came in between: a click, or a bulk of the same orders."""

from collections.abc import Callable
from typing import TypeVar

from django.db import IntegrityError, OperationalError

T = TypeVar("T")
TRIES = 5
DEADLOCK = "40P01"  # PostgreSQL's; the act that it chose was undone whole


def again_if_lost(act: Callable[[], T]) -> T:
    """Return what the act does; a lost one looks anew. It is a transaction of its own."""
    for _ in range(TRIES - 1):
        try:
            return act()
        except IntegrityError:
            continue
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != DEADLOCK:
                raise
    return act()
