"""Queries of the hot paths: built and compiled once for each thread, then only filled in.

Django takes 0.3 to 1.2 ms to resolve, clone and compile a query that its database answers in 0.05.
Nothing is written by hand: the query is the ORM's own, and a test holds that each prepared one says
what the plain one says.
"""

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.db.models.sql import Query, UpdateQuery

from orders.models.lookups import listed

Row = TypeVar("Row")
Value = int | float | str | datetime | UUID | set[int]
Sql = tuple[str, tuple[Any, ...]]  # with its parameters
SAMPLE_DAY = datetime(2000, 1, 1, tzinfo=UTC)  # for samples of moments


#: For the test that holds them against the plain ones.
ALL: "list[Prepared[Any] | PreparedUpdate]" = []


class Prepared(Generic[Row]):
    """A query of which only some values differ from call to call.

    ``build``: makes the queryset from values, given by name. ``samples``: two different values for
    each name; the parameters that differ between the two queries are those that are filled in, and
    each must be one value as it was given, or a moment moved by a fixed time. A set is filled in
    where a column is asked for with ``__any``.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Row]], **samples: tuple[Value, Value]):
        self.build, self.samples = build, samples
        self._local = threading.local()
        ALL.append(self)

    def __call__(self, **values: Value) -> list[Row]:
        """Return the rows: what the plain queryset would give, as a list."""
        return self._compiled().rows(values)

    def statement(self, **values: Value) -> Sql:
        """Return what the database is asked, and with which parameters."""
        return self._compiled().with_values(values)

    def plain(self, **values: Value) -> Sql:
        """Return what it would be asked without preparing."""
        return _sql_of(self.build(**values).query)

    def _compiled(self) -> "_Compiled[Row]":
        compiled: _Compiled[Row] | None = getattr(self._local, "compiled", None)
        if compiled is None or compiled.of is not connection.connection:
            compiled = self._local.compiled = _Compiled(self.build, self.samples)
        return compiled


class PreparedUpdate:
    """An UPDATE of one table, prepared in the same way.

    ``build``: makes the queryset, and what its columns become, from values given by name.
    """

    def __init__(
        self,
        build: Callable[..., tuple[QuerySet[Any], dict[str, Any]]],
        **samples: tuple[Value, Value],
    ) -> None:
        self.build, self.samples = build, samples
        self._local = threading.local()
        ALL.append(self)

    def __call__(self, **values: Value) -> int:
        """Update; return how many rows."""
        sql, params = self.statement(**values)
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return int(cursor.rowcount)

    def statement(self, **values: Value) -> Sql:
        """Return what the database is told, and with which parameters."""
        connection.ensure_connection()
        filling: _Filling | None = getattr(self._local, "filling", None)
        if filling is None or filling.of is not connection.connection:
            plain = [self.plain(**each) for each in _each(self.samples)]
            filling = self._local.filling = _Filling(self.samples, *plain)
        return filling.with_values(values)

    def plain(self, **values: Value) -> Sql:
        """Return what it would be told without preparing: as `QuerySet.update` says it."""
        queryset, columns = self.build(**values)
        query = cast(UpdateQuery, queryset.query.chain(UpdateQuery))
        query.add_update_values(columns)
        return _sql_of(query)


class _Filling:
    """A statement of one connection, and which of its parameters are filled in with what."""

    def __init__(self, samples: dict[str, tuple[Value, Value]], one: Sql, two: Sql) -> None:
        self.of = connection.connection
        (self.sql, given), (sql, other) = one, two
        if sql != self.sql:
            raise TypeError("The values change the query itself: it cannot be prepared.")
        self._params = list(given)
        first, second = _each(samples)
        self._places = [
            (place, *_origin(one, two, first, second))
            for place, (one, two) in enumerate(zip(given, other, strict=True))
            if one != two
        ]
        if {name for _, name, *_ in self._places} != set(samples):
            raise TypeError("A value is not among the query's parameters.")

    def with_values(self, values: dict[str, Value]) -> Sql:
        """Return the statement, filled in."""
        for place, name, kind, later in self._places:
            self._params[place] = _adapted(values[name], kind, later)
        return self.sql, tuple(self._params)

    def last(self) -> Sql:
        """Return it as it was filled in last."""
        return self.sql, tuple(self._params)


class _Compiled(_Filling, Generic[Row]):
    """A query that one thread has compiled, for one connection: another may be of another."""

    def __init__(
        self, build: Callable[..., QuerySet[Any, Row]], samples: dict[str, tuple[Value, Value]]
    ) -> None:
        connection.ensure_connection()
        first, second = _each(samples)
        self._queryset = build(**first)
        query = self._queryset.query
        compiler = query.get_compiler(connection=connection)
        super().__init__(samples, compiler.as_sql(), _sql_of(build(**second).query))
        columns = [column[0] for column in compiler.select[: compiler.col_count]]
        converters = compiler.get_converters(columns)
        vars(compiler)["as_sql"] = lambda *args, **kwargs: self.last()
        vars(compiler)["get_converters"] = lambda expressions: converters
        vars(query)["get_compiler"] = lambda *args, **kwargs: compiler

    def rows(self, values: dict[str, Value]) -> list[Row]:
        self.with_values(values)
        rows: Iterable[Row] = self._queryset._iterable_class(self._queryset)  # type: ignore[arg-type, assignment]
        return list(rows)


def _sql_of(query: Query) -> Sql:
    sql, params = query.get_compiler(connection=connection).as_sql()
    return sql, tuple(params)


def _each(samples: dict[str, tuple[Value, Value]]) -> tuple[dict[str, Value], dict[str, Value]]:
    """Return the first value of each name, and the second."""
    first, second = ({name: pair[i] for name, pair in samples.items()} for i in (0, 1))
    return first, second


def _origin(
    one: object, two: object, first: dict[str, Value], second: dict[str, Value]
) -> tuple[str, type, timedelta]:
    """Say which value a parameter is, as what kind of number, and how much later for a moment."""
    for name, value in first.items():
        later = _moment(one) - value if isinstance(value, datetime) else timedelta(0)
        if (one, two) == tuple(_adapted(each[name], type(one), later) for each in (first, second)):
            return name, type(one), later
    raise TypeError(f"{one!r} is computed from a value: give it as a value of its own.")


def _moment(param: object) -> datetime:
    """Read a parameter that may be a moment; any other is one that fits none."""
    try:
        moment = param if isinstance(param, datetime) else datetime.fromisoformat(str(param))
    except ValueError:
        moment = datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _adapted(value: Value, kind: type, later: timedelta) -> object:
    """The value as this engine's driver takes it: as Django's own compiler would give it."""
    if isinstance(value, set):
        return listed(value, connection)
    if isinstance(value, UUID):
        return value if connection.features.has_native_uuid_field else value.hex
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value + later)
    return kind(value) if isinstance(value, int) and issubclass(kind, int) else value
