"""Find records by what people ask for: one query, in the words of the log's own page.

A log of millions is read along one index, from its newest record backwards. Which one is decided
here and not left to the database: each condition is counted, no further than `Limits.many`, and
the rarest leads; the others are only checked on the rows it leads to. `docs/audit-log.md` shows the
plans.

Times become positions first, for records are appended in the order of their times, but for the
seconds a transaction takes and the clocks of several hosts (`LATENESS`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, TypeVar

from django.contrib.auth import get_user_model
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Exists, Func, Max, Min, OuterRef, Q, QuerySet
from django.db.models.lookups import Exact, GreaterThanOrEqual, In, LessThan, Lookup
from django.db.models.sql.compiler import SQLCompiler
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware

from orders.models import Account, AuditRecord, AuditRecordOrder, Desk
from orders.models.audit import OfRecordsQuerySet
from orders.models.desks import OfDesksQuerySet
from orders.models.lookups import number

LATENESS = timedelta(hours=1)  # no record is older by more than one that was appended before it

Span = dict[str, int]  # positions by lookup: gt, lt
Condition: TypeAlias = "Q | Exists | Lookup[Any]"
Rows = TypeVar("Rows", bound="QuerySet[Any]")


@dataclass(frozen=True)
class Limits:
    """What decides how a query is answered; never which records fit. All count records."""

    many: int = 20_000  # what has fewer is rare
    few: int = 1_000  # so few are named one by one, which no planner can mistake
    several: int = 100  # asked for where one would do, for a clock may have been wrong


LIMITS = Limits()


class BadQuery(ValueError):
    """The query cannot be read; the text says which part."""


class Unindexed(Func):
    """A column that SQLite's planner looks up by no index; PostgreSQL's knows the values' shares.

    SQLite: a unary plus (sqlite.org/optoverview.html, "Disqualifying WHERE-clause terms").
    """

    template = "%(expressions)s"

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        """Write the column with a plus before it."""
        return self.as_sql(compiler, connection, template="+%(expressions)s", **context)


@dataclass(frozen=True)
class Part:
    """One condition, written so that an index leads to its rows, and so that none is tried.

    ``rows``: what to count. ``is_ordered``: whether the index gives records in order of position,
    however many they are.
    """

    leads: Q
    checks: Condition
    rows: OfDesksQuerySet[AuditRecord] | OfRecordsQuerySet
    is_ordered: bool

    def positions(self) -> list[int]:
        """Return the positions of the records it leads to."""
        column = "position" if self.rows.model is AuditRecord else "record_id"
        return list(self.rows.order_by().values_list(column, flat=True))


def matching(query: dict[str, Any], *, limits: Limits = LIMITS) -> OfDesksQuerySet[AuditRecord]:
    """Return the records that fit every part of the query.

    ``query``: any of operator (name), desk, account, job (ids), symbol, order (order id or client
    order id), event, outcome, address, from, to (ISO 8601, UTC where it is not said; *to* a day
    includes that day), and desks (a list of ids that bounds everything). Raises `BadQuery`.
    """
    query = {name: value for name, value in query.items() if value not in ("", None)}
    for name, value in query.items():
        if name not in ASKED:
            raise BadQuery(f"{name}: the log cannot be searched by that.")
        if "\0" in str(value):
            raise BadQuery(f"{name}: no text holds NUL.")
    span = positions_between(query, limits=limits)
    parts = [part(query[name], span) for name, part in PARTS.items() if name in query]
    if {"event", "outcome"} <= query.keys():  # one index holds both
        parts.append(_equal(span, event=query["event"], outcome=query["outcome"]))
    conditions = [*_led(parts, limits), *_times(query)]
    return _within(AuditRecord.objects.all(), "position", span).filter(*conditions)


def _led(parts: list[Part], limits: Limits) -> list[Condition]:
    """Return the conditions; the rarest leads, or none where walking all is better."""
    if len(parts) == 1 and parts[0].is_ordered:
        return [parts[0].leads]
    counted = [
        (part.rows.order_by()[: limits.many].count(), not part.is_ordered, place)
        for place, part in enumerate(parts)
    ]
    count, is_unordered, place = min(counted, default=(limits.many, True, 0))
    conditions = [part.checks for part in parts]
    if count < limits.few:
        conditions[place] = Q(pk__in=parts[place].positions())
    elif count < limits.many or not is_unordered:
        conditions[place] = parts[place].leads
    return conditions


def _times(query: dict[str, Any]) -> Iterator[Condition]:
    """Yield what a span of time asks of each record."""
    if "from" in query:
        yield GreaterThanOrEqual(Unindexed("at"), _moment(query["from"]))
    if "to" in query:
        yield LessThan(Unindexed("at"), _end(query["to"]))


def positions_between(query: dict[str, Any], *, limits: Limits = LIMITS) -> Span:
    """Return positions beyond which nothing between *from* and *to* can stand, by lookup."""
    span: dict[str, int | None] = {}
    if "from" in query:
        older = AuditRecord.objects.filter(at__lt=_moment(query["from"]) - LATENESS)
        older = older.order_by("-at")[: limits.several]
        span["gt"] = older.aggregate(first=Min("position"))["first"]
    if "to" in query:
        newer = AuditRecord.objects.filter(at__gte=_end(query["to"]) + LATENESS)
        newer = newer.order_by("at")[: limits.several]
        span["lt"] = newer.aggregate(last=Max("position"))["last"]
    return {lookup: position for lookup, position in span.items() if position is not None}


def _within(rows: Rows, column: str, span: Span) -> Rows:
    return rows.filter(**{f"{column}__{lookup}": position for lookup, position in span.items()})


def in_words(query: dict[str, Any]) -> str:
    """Return *operator olivia, symbol BTC*; *every record* where nothing narrows it."""
    parts = [f"{name} {_named(name, value)}" for name, value in query.items() if value]
    return ", ".join(parts) or "every record"


def _named(name: str, value: Any) -> str:
    if name == "desks":
        return " or ".join(Desk.objects.filter(pk__in=value).values_list("name", flat=True))
    if name == "desk":
        return str(Desk.objects.filter(pk=_number(value)).first() or value)
    if name == "account":
        return str(Account.objects.filter(pk=_number(value)).first() or value)
    return str(value)


def named(term: str) -> OfRecordsQuerySet:
    """Return order rows that name an order by exactly this order id or client order id."""
    wanted = Q(client_order_id=term) | Q(client_order_id=term.lower())
    if (order_id := number(term)) is not None:
        wanted |= Q(order_id=order_id)
    return AuditRecordOrder.objects.filter(wanted)


Search = Callable[[Any, Span], Part]  # from what is searched for, and where


def _by(column: str, of: Callable[[Any], int | str] = str) -> Search:
    return lambda value, span: _equal(span, **{column: of(value)})


def _equal(span: Span, **values: int | str) -> Part:
    rows = _within(AuditRecord.objects.filter(**values), "position", span)
    checks = Q(*(Exact(Unindexed(column), value) for column, value in values.items()))
    return Part(Q(**values), checks, rows, is_ordered=True)


def _operator(value: str, span: Span) -> Part:
    """Search by the person who bears the name now, whatever their name was when they acted.

    What a namesake did is not theirs. Where nobody bears the name, search by the name alone.
    """
    person = get_user_model().objects.filter(username=value).values_list("pk", flat=True).first()
    if person is None:
        return _equal(span, operator_name=str(value))
    return _equal(span, operator_id=person)


def _number(value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise BadQuery(f"{value!r} is no number.") from None
    if not 0 <= number < 2**63:
        raise BadQuery(f"{value!r} is no row's number.")
    return number


def _moment(value: str) -> datetime:
    try:
        moment = parse_datetime(str(value))
    except ValueError:
        moment = None
    if moment is None or not 1900 < moment.year < 9000:
        raise BadQuery(f"{value!r} is no date and time.")
    return make_aware(moment, UTC) if is_naive(moment) else moment


def _end(value: str) -> datetime:
    """When a span ends: at the moment named, or with the day where it is a day."""
    is_day = len(str(value).strip()) == len("2026-11-28")
    return _moment(str(value).strip()) + timedelta(days=is_day)


def _symbol(value: str, span: Span) -> Part:
    return _of_rows(AuditRecordOrder.objects.filter(symbol=value), span)


def _order(value: str, span: Span) -> Part:
    return _of_rows(named(str(value).strip()), span)


def _of_rows(rows: OfRecordsQuerySet, span: Span) -> Part:
    rows = rows.order_by()
    checks, within = Exists(rows.filter(record=OuterRef("pk"))), _within(rows, "record_id", span)
    return Part(Q(pk__in=within.values("record")), checks, within, is_ordered=False)


def _desks(value: list[int], span: Span) -> Part:
    ids = [_number(each) for each in value]
    rows = _within(AuditRecord.objects.filter(desk__in=ids), "position", span)
    return Part(Q(desk__in=ids), In(Unindexed("desk"), ids), rows, is_ordered=len(ids) == 1)


# Those that tend to be narrow come first: among equally common ones the first leads.
PARTS: dict[str, Search] = {
    "order": _order,
    "job": _by("job_id", _number),
    "address": _by("address"),
    "account": _by("account_id", _number),
    "operator": _operator,
    "event": _by("event"),
    "outcome": _by("outcome"),
    "symbol": _symbol,
    "desk": _by("desk_id", _number),
    "desks": _desks,
}
ASKED = {*PARTS, "from", "to"}
