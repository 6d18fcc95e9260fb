"""Read the log in order of position, whole records at a time, in constant memory."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from django.db import DatabaseError
from django.db.models import QuerySet

from orders.audit.hashing import COVERED_OF_ROW, Row
from orders.models import AuditPayload, AuditRecord, AuditRecordOrder
from orders.models.desks import OfDesksQuerySet
from orders.models.prepared import Prepared

CHUNK = 1000
COLUMNS = tuple(field.attname for field in AuditRecord._meta.concrete_fields)
ROW_COLUMNS = ("record_id", *COVERED_OF_ROW)

Span = tuple[int, int] | list[int]  # positions: all past the first up to the second; or just these
OfSpan = TypeVar("OfSpan", bound="QuerySet[Any]")


@dataclass(frozen=True)
class Fault:
    """One thing wrong with the log, and where: one position, or all up to ``until``.

    Position 0: the checkpoints themselves.
    """

    position: int
    what: str
    until: int | None = None

    def __str__(self) -> str:
        if not self.position:
            return f"{self.what.capitalize()}."  # of the checkpoints, not of one record
        if self.until is None:
            return f"Record {self.position}: {self.what}."
        return f"Records {self.position} to {self.until}: {self.what}."


@dataclass
class Entry:
    """One record with all that belongs to it.

    ``values``: its columns by name; ``rows``: its order rows, each in the order of
    `COVERED_OF_ROW`; ``body``: the kept payload bytes or None.
    """

    values: dict[str, Any]
    rows: list[Row]
    body: bytes | None

    @property
    def position(self) -> int:
        """Its place in the log."""
        position: int = self.values["position"]
        return position

    @cached_property
    def data(self) -> dict[str, Any]:
        """Its own facts; empty where they cannot be read."""
        try:
            data = json.loads(self.values["data"])
        except (ValueError, TypeError, RecursionError):
            return {}
        return data if isinstance(data, dict) else {}


@dataclass(frozen=True)
class Broken:
    """What stands in the log but is no record: unreadable, or rows that belong to none."""

    position: int
    what: str


_newest = Prepared(
    lambda: AuditRecord.objects.order_by("-position").values_list("position", "hash")[:1]
)


def newest() -> tuple[int, str] | None:
    """Return position and hash of the newest record; None where there is none."""
    return next(iter(_newest()), None)


def tip() -> int:
    """Return the position of the newest record, 0 where there is none."""
    position, _ = newest() or (0, "")
    return position


def stands(position: int, hash_: str) -> bool:
    """Whether the record at this position has this hash now."""
    return AuditRecord.objects.filter(position=position, hash=hash_).exists()


def entries(
    *,
    after: int = 0,
    until: int | None = None,
    queryset: OfDesksQuerySet[AuditRecord] | None = None,
) -> Iterator[Entry | Broken]:
    """Yield every `Entry` past ``after`` up to ``until``, in order; `Broken` for what is none.

    ``queryset``: only these records; then rows that belong to no record are not looked for.
    """
    until = tip() if until is None else until
    is_whole = queryset is None
    records = AuditRecord.objects.all() if queryset is None else queryset
    while after < until:
        chunk = records.filter(position__gt=after, position__lte=until).order_by("position")
        readable, broken = _readable(chunk.values_list(*COLUMNS)[:CHUNK])
        if not readable:
            after = broken[-1].position if broken else until
            yield from broken
            continue
        last = readable[-1]["position"]
        span: Span = (after, last) if is_whole else [values["position"] for values in readable]
        yield from _complete(readable, span, broken, is_whole)
        after = max(last, *(each.position for each in broken)) if broken else last


def entry_at(position: int) -> Entry | Broken | None:
    """Return the `Entry` at one position, a `Broken`, or None where nothing stands."""
    return next(iter(entries(after=position - 1, until=position)), None)


def _complete(
    readable: list[dict[str, Any]], span: Span, broken: list[Broken], is_whole: bool
) -> Iterator[Entry | Broken]:
    rows = _grouped(span)
    bodies = dict(_within(AuditPayload.objects.all(), span).values_list("record_id", "body"))
    known = {values["position"] for values in readable} | {each.position for each in broken}
    if is_whole:
        for position in sorted((set(rows) | set(bodies)) - known):
            yield Broken(position, "order rows or a payload stand there without a record")
    waiting = sorted(broken, key=lambda each: each.position)
    for values in readable:
        position = values["position"]
        while waiting and waiting[0].position < position:
            yield waiting.pop(0)
        body = bodies.get(position)
        yield Entry(values, rows.get(position, []), None if body is None else bytes(body))
    yield from waiting


def _readable(
    chunk: QuerySet[AuditRecord, tuple[Any, ...]],
) -> tuple[list[dict[str, Any]], list[Broken]]:
    """Return rows as dicts, and what the database could not even hand out."""
    try:
        return [dict(zip(COLUMNS, row, strict=True)) for row in chunk], []
    except (DatabaseError, ValueError, TypeError, AttributeError):
        return _one_by_one(chunk)


def _one_by_one(
    chunk: QuerySet[AuditRecord, tuple[Any, ...]],
) -> tuple[list[dict[str, Any]], list[Broken]]:
    readable: list[dict[str, Any]] = []
    broken: list[Broken] = []
    for position in chunk.values_list("position", flat=True):
        try:
            (row,) = AuditRecord.objects.filter(pk=position).values_list(*COLUMNS)
            readable.append(dict(zip(COLUMNS, row, strict=True)))
        except (DatabaseError, ValueError, TypeError, AttributeError):
            broken.append(Broken(position, "a column of it cannot be read"))
    return readable, broken


def _within(rows: OfSpan, span: Span) -> OfSpan:
    if isinstance(span, tuple):
        return rows.filter(record_id__gt=span[0], record_id__lte=span[1])
    return rows.filter(record_id__in=span)


def _grouped(span: Span) -> dict[int, list[Row]]:
    """Return the order rows by their record's position."""
    groups: dict[int, list[Row]] = {}
    rows = _within(AuditRecordOrder.objects.all(), span).order_by("record_id", "row")
    for row in rows.values_list(*ROW_COLUMNS):
        groups.setdefault(row[0], []).append(row[1:])
    return groups


def strays(until: int) -> Iterator[Broken]:
    """Yield rows and payloads past the newest record; appends made meanwhile are none."""
    known = AuditRecord.objects.filter(position__gt=until).order_by()
    for model in (AuditRecordOrder, AuditPayload):
        rows = model.objects.filter(record_id__gt=until).exclude(record__in=known)
        for position in sorted(set(rows.values_list("record_id", flat=True)[:CHUNK])):
            yield Broken(position, "order rows or a payload stand there without a record")
