"""Insert many rows at once, past the models: thousands in one act must not take seconds."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, Model

Row = Sequence[Any]  # plain values, one for each column


@dataclass(frozen=True)
class Limits:
    """How many rows go in together. Both count rows."""

    copy_threshold: int = 3  # a COPY of no more gains nothing
    at_once: int = 250  # of one statement, where the library takes that many values


LIMITS = Limits()


def insert(
    model: type[Model],
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    limits: Limits = LIMITS,
    skips_taken: bool = False,
) -> None:
    """Insert rows of plain values, ten times faster than through model instances.

    ``skips_taken``: leave out, for good, a row whose unique values another one has.

    PostgreSQL takes many at once by COPY. SQLite keeps, for each statement, a copy of every page
    that it changes, so there a statement takes many rows; past Django's cursor, which would search
    the long statement for marks of its own.
    """
    if not rows:
        return
    into = f"{model._meta.db_table} ({', '.join(columns)})"
    is_many = len(rows) > limits.copy_threshold
    if connection.vendor == "postgresql" and is_many and not skips_taken:  # COPY skips nothing
        with connection.cursor() as cursor, connection.wrap_database_errors:
            _copy(cursor, into, rows)
        return
    times = [at for at, name in enumerate(columns) if _is_time(model, name)]
    rows = _adapted(rows, times) if times else rows
    for some in _portions(rows, len(columns), limits.at_once):
        values = list(itertools.chain.from_iterable(some))
        ending = " ON CONFLICT DO NOTHING" if skips_taken else ""
        if connection.vendor == "sqlite":
            connection.ensure_connection()
            with connection.wrap_database_errors:
                connection.connection.execute(_statement(into, "?", columns, some) + ending, values)
        else:
            with connection.cursor() as cursor:
                cursor.execute(_statement(into, "%s", columns, some) + ending, values)


def new_ids(model: type[Model], count: int) -> list[int]:
    """Take so many ids from PostgreSQL's sequence, rising; SQLite gives them with the rows."""
    if connection.vendor != "postgresql":
        return []
    sequence = f"pg_get_serial_sequence('{model._meta.db_table}', 'id')"
    with connection.cursor() as cursor:
        sql = f"SELECT nextval({sequence}) FROM generate_series(1, %s)"  # noqa: S608 names of our own
        cursor.execute(sql, [count])
        return sorted([pk for (pk,) in cursor.fetchall()])


def _copy(cursor: Any, into: str, rows: Sequence[Row]) -> None:
    with cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _statement(into: str, mark: str, columns: Sequence[str], rows: Sequence[Row]) -> str:
    marks = ", ".join([f"({', '.join([mark] * len(columns))})"] * len(rows))
    return f"INSERT INTO {into} VALUES {marks}"  # noqa: S608 names of our own


def _portions(rows: Sequence[Row], width: int, at_once: int) -> Iterator[Sequence[Row]]:
    most = connection.features.max_query_params or at_once * width
    at_once = min(at_once, most // width)
    return (rows[at : at + at_once] for at in range(0, len(rows), at_once))


def _is_time(model: type[Model], name: str) -> bool:
    return isinstance(model._meta.get_field(name), DateTimeField)


def _adapted(rows: Sequence[Row], times: Sequence[int]) -> list[list[Any]]:
    """The rows with their times as the database takes them; mostly they share one moment."""
    known: dict[Any, Any] = {None: None}
    adapted = [list(row) for row in rows]
    for row in adapted:
        for at in times:
            moment = row[at]
            if moment not in known:
                known[moment] = connection.ops.adapt_datetimefield_value(moment)
            row[at] = known[moment]
    return adapted
