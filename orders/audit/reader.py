"""Read the log in order of position, whole records at a time, in constant memory."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import DatabaseError
from django.db.models import QuerySet

from orders.audit.hashing import COVERED_OF_ROW
from orders.models import AuditPayload, AuditRecord, AuditRecordOrder
from orders.models.audit import OfRecordsQuerySet
from orders.models.desks import OfDesksQuerySet

CHUNK = 1000
COLUMNS = tuple(field.attname for field in AuditRecord._meta.concrete_fields)
ROW_COLUMNS = ("record_id", *COVERED_OF_ROW)


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

    values: dict
    rows: list
    body: bytes | None

    @property
    def position(self) -> int:
        """Its place in the log."""
        return self.values["position"]

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


def tip() -> int:
    """Position of the newest record, 0 where there is none."""
    return AuditRecord.objects.order_by("-position").values_list("pk", flat=True).first() or 0


def stands(position: int, hash_: str) -> bool:
    """Whether the record at this position has this hash now."""
    return AuditRecord.objects.filter(position=position, hash=hash_).exists()


def entries(*, after: int = 0, until: int | None = None, queryset=None) -> Iterator[Entry]:
    """Every `Entry` past ``after`` up to ``until``, in order; `Broken` for what is none.

    ``queryset``: only these records; then rows that belong to no record are not looked for.
    """
    until = tip() if until is None else until
    is_whole = queryset is None
    records = AuditRecord.objects.all() if is_whole else queryset
    while after < until:
        chunk = records.filter(position__gt=after, position__lte=until).order_by("position")
        found, broken = _readable(chunk.values_list(*COLUMNS)[:CHUNK])
        if not found:
            after = broken[-1].position if broken else until
            yield from broken
            continue
        last = found[-1]["position"]
        span = (after, last) if is_whole else [one["position"] for one in found]
        yield from _complete(found, span, broken, is_whole)
        after = max(last, *(one.position for one in broken)) if broken else last


def entry_at(position: int) -> Entry:
    """The `Entry` at one position, a `Broken`, or None where nothing stands."""
    return next(iter(entries(after=position - 1, until=position)), None)


def _complete(
    found: list[dict[str, Any]], span: tuple[int, int], broken: list[Any], is_whole: bool
) -> Iterator[Entry]:
    rows = _grouped(AuditRecordOrder, ROW_COLUMNS, span)
    bodies = dict(_within(AuditPayload, span).values_list("record_id", "body"))
    known = {one["position"] for one in found} | {one.position for one in broken}
    if is_whole:
        for position in sorted((set(rows) | set(bodies)) - known):
            yield Broken(position, "order rows or a payload stand there without a record")
    waiting = sorted(broken, key=lambda one: one.position)
    for values in found:
        position = values["position"]
        while waiting and waiting[0].position < position:
            yield waiting.pop(0)
        body = bodies.get(position)
        yield Entry(values, rows.get(position, []), None if body is None else bytes(body))
    yield from waiting


def _readable(chunk: OfDesksQuerySet) -> tuple[list[dict[str, Any]], list[Any]]:
    """Rows as dicts, and what the database could not even hand out."""
    try:
        return [dict(zip(COLUMNS, row, strict=True)) for row in chunk], []
    except (DatabaseError, ValueError, TypeError, AttributeError):
        return _one_by_one(chunk)


def _one_by_one(chunk):
    found, broken = [], []
    for position in chunk.values_list("position", flat=True):
        try:
            (row,) = AuditRecord.objects.filter(pk=position).values_list(*COLUMNS)
            found.append(dict(zip(COLUMNS, row, strict=True)))
        except (DatabaseError, ValueError, TypeError, AttributeError):
            broken.append(Broken(position, "a column of it cannot be read"))
    return found, broken


def _within(
    model: type[AuditPayload] | type[AuditRecordOrder], span: list[int] | tuple[int, int]
) -> QuerySet[AuditPayload] | OfRecordsQuerySet:
    if isinstance(span, tuple):
        return model.objects.filter(record_id__gt=span[0], record_id__lte=span[1])
    return model.objects.filter(record_id__in=span)


def _grouped(
    model: type[AuditRecordOrder], columns: tuple[str, ...], span: list[int] | tuple[int, int]
) -> dict[int, list[tuple[int | str | None, ...]]]:
    groups = {}
    for row in _within(model, span).order_by("record_id", "row").values_list(*columns):
        groups.setdefault(row[0], []).append(row[1:])
    return groups


def strays(until: int) -> Iterator[None]:
    """Rows and payloads past the newest record; appends made meanwhile are none."""
    known = AuditRecord.objects.filter(position__gt=until).order_by()
    for model in (AuditRecordOrder, AuditPayload):
        found = model.objects.filter(record_id__gt=until).exclude(record__in=known)
        for position in sorted(set(found.values_list("record_id", flat=True)[:CHUNK])):
            yield Broken(position, "order rows or a payload stand there without a record")
