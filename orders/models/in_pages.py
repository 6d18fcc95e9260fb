"""Read many rows a page at a time, in constant memory.

Not with `QuerySet.iterator`: on PostgreSQL it leaves a cursor open until it is read to its end. One
that is given up half-way is closed when it is collected, in whatever transaction runs then; there
the server knows no such cursor, and that transaction fails.
"""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet


def in_pages(rows: "QuerySet[Any, Any]", key: str, at_once: int = 1000) -> Iterator[Any]:
    """Yield each row in the order of its unique key; rows are models or named tuples."""
    rows = left = rows.order_by(key)
    while page := list(left[:at_once]):
        yield from page
        if len(page) < at_once:
            return
        left = rows.filter(**{f"{key}__gt": getattr(page[-1], key)})
