"""Queries of the hot paths: built and compiled once for each process, then only filled in.

Django takes 0.3 to 1.2 ms to resolve, clone and compile a query that its database answers in 0.05.
Nothing is written by hand: the query is the ORM's own, and a test holds that each prepared one says
what the plain one says. `prepare_all` compiles before the first person waits for it.
"""

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.sql import Query, UpdateQuery

from orders.models.lookups import listed

Row = TypeVar("Row")
Value = int | float | str | datetime | UUID | set[int]
Sql = tuple[str, tuple[Any, ...]]  # with its parameters
SAMPLE_DAY = datetime(2000, 1, 1, tzinfo=UTC)
MOMENTS = SAMPLE_DAY, SAMPLE_DAY + timedelta(days=1)  # two samples


#: For the test that holds them against the plain ones.
ALL: "list[Prepared[Any] | PreparedUpdate]" = []


class Prepared(Generic[Row]):
    """A query of which only some values differ from call to call.

    ``build``: makes the queryset from values, given by name. ``samples``: two different values for
    each name; the parameters that differ between the two queries are those that are filled in, and
    each must be one value as it was given, or a moment moved by a fixed time. A set is filled in
    where a column is asked for with ``__any``.
    """

    is_for_server = True  # PostgreSQL prepares it too, and so plans it without its values

    def __init__(self, build: Callable[..., QuerySet[Any, Row]], **samples: tuple[Value, Value]):
        self.build, self.samples = build, samples
        self._compiled: dict[str, _Compiled[Row]] = {}  # by kind of database
        self._local = threading.local()
        ALL.append(self)

    def __call__(self, **values: Value) -> list[Row]:
        """Return the rows: what the plain queryset would give, as a list."""
        own = connections[DEFAULT_DB_ALIAS]
        here: _Here[Row] | None = getattr(self._local, "here", None)
        if here is None or here.of is not own:
            here = self._local.here = _Here(self.prepare(), own, self.is_for_server)
        return here.rows(values)

    def prepare(self) -> "_Compiled[Row]":
        """Return it as it was compiled, once for all threads."""
        compiled = self._compiled.get(connection.vendor)
        if compiled is None:
            compiled = self._compiled[connection.vendor] = _Compiled(self.build, self.samples)
        return compiled

    def statement(self, **values: Value) -> Sql:
        """Return what the database is asked, and with which parameters."""
        return self.prepare().filling.with_values(values)

    def plain(self, **values: Value) -> Sql:
        """Return what it would be asked without preparing."""
        return _sql_of(self.build(**values).query)


class Searching(Prepared[Row]):
    """One that PostgreSQL plans by its values each time, because they decide where it looks."""

    is_for_server = False


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
        self._fillings: dict[str, _Filling] = {}  # by kind of database
        ALL.append(self)

    def __call__(self, **values: Value) -> int:
        """Update; return how many rows."""
        sql, params = self.statement(**values)
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return int(cursor.rowcount)

    def statement(self, **values: Value) -> Sql:
        """Return what the database is told, and with which parameters."""
        return self.prepare().with_values(values)

    def prepare(self) -> "_Filling":
        """Return it as it was compiled, once for all threads."""
        filling = self._fillings.get(connection.vendor)
        if filling is None:
            plain = [self.plain(**each) for each in _each(self.samples)]
            filling = self._fillings[connection.vendor] = _Filling(self.samples, *plain)
        return filling

    def plain(self, **values: Value) -> Sql:
        """Return what it would be told without preparing: as `QuerySet.update` says it."""
        queryset, columns = self.build(**values)
        query = cast(UpdateQuery, queryset.query.chain(UpdateQuery))
        query.add_update_values(columns)
        return _sql_of(query)


def prepare_all() -> None:
    """Compile whatever this process has imported, as it starts. Raises `django.db.Error`."""
    locks = connection.features.has_select_for_update  # what locks compiles in transactions alone
    with transaction.atomic() if locks else nullcontext():
        for each in ALL:
            each.prepare()


def plan_all() -> None:
    """Have PostgreSQL plan on this thread's connection what it is to prepare; nothing is done.

    A connection's first plan of each table reads what the server knows of it. SQLite has no such
    thing to read.
    """
    if connection.vendor == "sqlite":
        return
    with connection.cursor() as cursor:
        for each in ALL:
            if isinstance(each, PreparedUpdate) or each.is_for_server:
                sql, params = each.statement(**_each(each.samples)[0])
                cursor.execute(f"EXPLAIN {sql}", params)


def any_of(queryset: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    """Return what tells whether there is a row at all, to be prepared: the id of one."""
    return queryset.order_by().values_list("pk", flat=True)[:1]


class _Filling:
    """A statement, and which of its parameters are filled in with what."""

    def __init__(self, samples: dict[str, tuple[Value, Value]], one: Sql, two: Sql) -> None:
        (self._sql, self._params), (sql, other) = one, two
        if sql != self._sql:
            raise TypeError("The values change the query itself: it cannot be prepared.")
        first, second = _each(samples)
        self._places = [
            (place, *_origin(one, two, first, second))
            for place, (one, two) in enumerate(zip(self._params, other, strict=True))
            if one != two
        ]
        if {name for _, name, *_ in self._places} != set(samples):
            raise TypeError("A value is not among the query's parameters.")

    def with_values(self, values: dict[str, Value]) -> Sql:
        """Return the statement, filled in."""
        params = list(self._params)
        for place, name, kind, later in self._places:
            params[place] = _adapted(values[name], kind, later)
        return self._sql, tuple(params)


class _Compiled(Generic[Row]):
    """A query as one thread compiled it, for all of them."""

    def __init__(
        self, build: Callable[..., QuerySet[Any, Row]], samples: dict[str, tuple[Value, Value]]
    ) -> None:
        connection.ensure_connection()
        first, second = _each(samples)
        self.queryset = build(**first)
        self.compiler = self.queryset.query.get_compiler(connection=connection)
        one, two = self.compiler.as_sql(), _sql_of(build(**second).query)
        self.filling = _Filling(samples, (one[0], tuple(one[1])), two)


class _Here(Generic[Row]):
    """A compiled query as one thread asks it, by a connection of its own."""

    def __init__(
        self, compiled: _Compiled[Row], own: BaseDatabaseWrapper, is_for_server: bool
    ) -> None:
        self.of, self._filling = own, compiled.filling
        self._preparing = _preparing(own) if is_for_server else nullcontext
        self._queryset = compiled.queryset.all()
        query = self._queryset.query
        compiler = copy(compiled.compiler)
        compiler.connection, compiler.query = own, query
        columns = [column[0] for column in compiler.select[: compiler.col_count]]
        converters = compiler.get_converters(columns)
        vars(compiler)["as_sql"] = lambda *args, **kwargs: self._filled
        vars(compiler)["get_converters"] = lambda expressions: converters
        vars(query)["get_compiler"] = lambda *args, **kwargs: compiler

    def rows(self, values: dict[str, Value]) -> list[Row]:
        """Ask, and return what was found."""
        self._filled = self._filling.with_values(values)
        rows: Iterable[Row] = self._queryset._iterable_class(self._queryset)  # type: ignore[arg-type, assignment]
        with self._preparing():
            return list(rows)


def _preparing(own: BaseDatabaseWrapper) -> Callable[[], AbstractContextManager[None]]:
    """Return the context in which PostgreSQL prepares what it is asked, or an empty one."""
    return getattr(own, "preparing", nullcontext)


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
