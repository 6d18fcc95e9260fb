"""The newest rows of many owners: no more is read of a table than is shown, however long it grew.

An index holds the rows of one owner, an account or a desk, by age. A database that is asked for
those of several at once reads all their rows and sorts them, or walks those of everybody. So each
part is asked for by itself, its owner named by its id, and what is found is merged.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from django.db import connection
from django.db.models import QuerySet

NEWEST_FIRST = ("-created_at", "-pk")
Parts = Sequence[Mapping[str, int | str]]  # columns of an index and their values; after them: age


def newest(rows: QuerySet[Any], *, parts: Parts, many: int) -> list[int]:
    """Return the ids of the first ``many`` rows, the newest first, as the database would sort them.

    ``parts``: what rows are asked for apart. No row may be in two.
    """
    found = (
        _of(rows, part).values_list("created_at", "pk")[:many]  # as many may be of one
        for part in parts
    )
    return [pk for _, pk in sorted(chain.from_iterable(found), key=_age, reverse=True)[:many]]


def count_up_to(rows: QuerySet[Any], *, parts: Parts, many: int) -> int:
    """Return how many rows there are, or ``many`` where there are more."""
    counted = 0
    for part in parts:
        if counted < many:
            counted += _of(rows, part)[: many - counted].count()
    return counted


def _of(rows: QuerySet[Any], part: Mapping[str, int | str]) -> QuerySet[Any]:
    """Rows of one part; sorted even where they are counted, so that its index is walked."""
    return rows.filter(**part).select_related(None).order_by(*NEWEST_FIRST)


def _age(row: tuple[datetime | None, int]) -> tuple[bool, datetime | bool, int]:
    """What rows are sorted by: those without a date stand where this database puts them."""
    at, pk = row
    is_undated_first = bool(connection.features.nulls_order_largest)
    return (at is None) == is_undated_first, at or False, pk
