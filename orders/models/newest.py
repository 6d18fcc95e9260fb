"""The newest rows of many owners: no more is read of a table than is shown, however long it grew.

An index holds the rows of one owner, an account or a desk, by age. A database that is asked for
those of several reads all their rows and sorts them. So it is first asked how old the last row
shown can be: no older than the last of any one owner who has so many rows alone.
"""

from typing import Any, TypeVar

from django.db.models import Max, OuterRef, QuerySet, Subquery

Rows = TypeVar("Rows", bound=QuerySet[Any])

NEWEST_FIRST = ("-created_at", "-pk")


def newest(rows: Rows, *, owners: QuerySet[Any], link: str, many: int) -> Rows:
    """Return rows, newest first, to be cut: the first ``many`` are those of all ``rows``.

    ``owners``: those whose rows they are; ``link``: the column that names them. Rows without a date
    come last, and are left out where so many are dated.
    """
    dated = rows.filter(**{link: OuterRef("pk"), "created_at__isnull": False})
    last = dated.order_by("-created_at").values("created_at")[many - 1 : many]
    since = owners.order_by().aggregate(since=Max(Subquery(last)))["since"]
    if since is not None:  # by its owners, for the index to be walked is one for each of them
        rows = rows.filter(**{f"{link}__in": owners.order_by().values("pk")}, created_at__gte=since)
    return rows.order_by(*NEWEST_FIRST)
