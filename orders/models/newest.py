"""The newest rows of many owners: no more is read of a table than is shown, however long it grew.

An index holds the rows of one owner, an account or a desk, by age. A database that is asked for
those of several at once reads all their rows and sorts them, or walks those of everybody. So each
owner is asked about by itself, named by its id, and what they answer is merged.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from django.db import connection
from django.db.models import QuerySet

NEWEST_FIRST = ("-created_at", "-pk")


def newest(rows: QuerySet[Any], *, link: str, owners: Sequence[int], many: int) -> list[int]:
    """Return the ids of the first ``many`` rows, the newest first, as the database would sort them.

    ``link``: the column that names a row's owner; ``owners``: their ids, each once.
    """
    found = (
        _of(rows, link, owner).values_list("created_at", "pk")[:many]  # as many may be of one
        for owner in owners
    )
    return [pk for _, pk in sorted(chain.from_iterable(found), key=_age, reverse=True)[:many]]


def count_up_to(rows: QuerySet[Any], *, link: str, owners: Sequence[int], many: int) -> int:
    """Return how many rows there are, or ``many`` where there are more."""
    counted = 0
    for owner in owners:
        if counted < many:
            counted += _of(rows, link, owner)[: many - counted].count()
    return counted


def _of(rows: QuerySet[Any], link: str, owner: int) -> QuerySet[Any]:
    """Rows of one owner; sorted even where they are counted, so that its index is walked."""
    return rows.filter(**{link: owner}).select_related(None).order_by(*NEWEST_FIRST)


def _age(row: tuple[datetime | None, int]) -> tuple[bool, datetime | bool, int]:
    """What rows are sorted by: those without a date stand where this database puts them."""
    at, pk = row
    is_undated_first = bool(connection.features.nulls_order_largest)
    return (at is None) == is_undated_first, at or False, pk
