"""Append to the audit log, and verify it."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import connection, transaction
from django.utils.timezone import now as clock

from orders.models import AuditPayload, AuditRecord, AuditRecordOrder

KEPT_BYTES = 64 * 1024
FIRST_HASH = "0" * 64
CHAIN_LOCK = 0x50414349  # any constant of our own, for PostgreSQL's advisory lock
CANONICAL_VERSION = 1


@dataclass(frozen=True)
class Actor:
    """Who acted and from where, taken once at the door; the session only as a keyed hash."""

    operator_id: int | None = None
    operator_name: str = ""
    session_hash: str = ""
    address: str = ""


@dataclass(frozen=True)
class OrderLine:
    """One order that a fact speaks of. ``data``: the exchange's row word for word, if any."""

    account_id: int
    symbol: str = ""
    order_id: int | None = None
    client_order_id: str | None = None
    cancel_id: int | None = None
    outcome: str = ""
    data: str = ""


@dataclass(frozen=True)
class Fact:
    """Something that happened. ``body``: exact bytes sent or received; ``data``: plain JSON values.

    ``whole_length`` and ``whole_sha256`` say what ``body`` was cut from, where it was cut before
    it came here.
    """

    event: str
    actor: Actor = Actor()
    at: datetime | None = None
    outcome: str = ""
    desk: object = None
    account: object = None
    job: object = None
    data: dict = field(default_factory=dict)
    body: bytes | None = None
    whole_length: int | None = None
    whole_sha256: str = ""
    lines: tuple = ()


def actor_of(job) -> Actor:
    """The operator behind a job, as they were when they acted."""
    return Actor(job.operator_id, job.operator_name, job.session_hash, job.address)


def line_of(cancel, outcome="", data="") -> OrderLine:
    """The order row with which the log names a cancel's order."""
    return OrderLine(
        account_id=cancel.account_id,
        symbol=cancel.symbol,
        order_id=cancel.order_id,
        client_order_id=cancel.client_order_id,
        cancel_id=cancel.pk,
        outcome=outcome,
        data=data,
    )


def described(answer) -> dict:
    """What the log keeps of an answer beside its bytes. Times in UTC, durations in ms."""
    return {
        "status": answer.status,
        "headers": answer.headers,
        "is_whole": answer.is_whole,
        "url": answer.url,
        "sent_at": answer.sent_at,
        "first_byte_at": answer.first_byte_at,
        "answered_at": answer.answered_at,
        "elapsed_ms": answer.elapsed_ms,
        "clock_offset_ms": answer.clock_offset_ms,
    }


class OutsideTransaction(RuntimeError):
    """A fact must be recorded in the transaction that makes it true."""


def append(*facts: Fact) -> list[AuditRecord]:
    """Add facts to the chain. Call it last in a short transaction: it holds the chain's lock.

    Raises `OutsideTransaction` where no transaction is open.
    """
    if not connection.in_atomic_block:
        raise OutsideTransaction
    if not facts:
        return []
    position, head = _locked_tip()
    records, lines, payloads = [], [], []
    for fact in facts:
        position += 1
        record = _record(fact, position, head)
        rows = [_line(line, row) for row, line in enumerate(fact.lines)]
        head = record.hash = digest(record, rows)
        records.append(record)
        lines += [(record, row) for row in rows]
        if fact.body is not None:
            payloads.append(AuditPayload(record=record, body=fact.body[:KEPT_BYTES]))
    _insert(records, lines, payloads)
    return records


def digest(record, rows) -> str:
    """SHA-256, as hex, of the record's canonical text."""
    return hashlib.sha256(canonical(record, rows).encode("ascii")).hexdigest()


def canonical(record, rows) -> str:
    """The text a record's hash covers: every column but the id, and its order rows in order."""
    return _compact(
        {
            "version": CANONICAL_VERSION,
            "position": record.position,
            "at": record.at.astimezone(UTC).isoformat(timespec="microseconds"),
            **{name: getattr(record, name) for name in COVERED},
            "orders": [[getattr(row, name) for name in COVERED_OF_ROW] for row in rows],
        }
    )


COVERED = (
    "event",
    "outcome",
    "operator_id",
    "operator_name",
    "session_hash",
    "address",
    "desk_id",
    "desk_name",
    "account_id",
    "account_name",
    "account_address",
    "job_id",
    "data",
    "body_length",
    "body_sha256",
    "kept_sha256",
    "previous_hash",
)
COVERED_OF_ROW = (
    "row",
    "cancel_id",
    "account_id",
    "symbol",
    "order_id",
    "client_order_id",
    "outcome",
    "data",
)


@dataclass(frozen=True)
class Fault:
    """One thing wrong with the log, and where."""

    position: int
    what: str


def verify():
    """Walk the whole chain in constant memory; yield a `Fault` for everything that is wrong."""
    head, expected = FIRST_HASH, 1
    records = AuditRecord.objects.order_by("position").select_related("payload")
    for record in records.prefetch_related("order_rows").iterator(chunk_size=500):
        if record.position != expected:
            yield Fault(expected, f"missing: the next record found is {record.position}")
        if record.previous_hash != head:
            yield Fault(record.position, "does not follow the record before it")
        if digest(record, sorted(record.order_rows.all(), key=lambda row: row.row)) != record.hash:
            yield Fault(record.position, "was changed: its hash does not match")
        if _kept_hash(record) != record.kept_sha256:
            yield Fault(record.position, "its payload was changed or removed")
        head, expected = record.hash, record.position + 1


def _kept_hash(record):
    payload = getattr(record, "payload", None)
    return "" if payload is None else hashlib.sha256(bytes(payload.body)).hexdigest()


def _locked_tip():
    """Position and hash of the newest record, under the lock that makes us the next writer.

    On SQLite the open IMMEDIATE transaction is that lock.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHAIN_LOCK])
    newest = AuditRecord.objects.order_by("-position").values_list("position", "hash").first()
    return newest or (0, FIRST_HASH)


def _record(fact, position, head):
    desk = fact.desk or (fact.account and fact.account.desk)
    body = fact.body
    return AuditRecord(
        position=position,
        previous_hash=head,
        at=fact.at or clock(),
        event=fact.event,
        outcome=fact.outcome,
        operator_id=fact.actor.operator_id,
        operator_name=fact.actor.operator_name,
        session_hash=fact.actor.session_hash,
        address=fact.actor.address,
        desk=desk,
        desk_name=desk.name if desk else "",
        account=fact.account,
        account_name=fact.account.name if fact.account else "",
        account_address=fact.account.address if fact.account else "",
        job=fact.job,
        data=_compact(fact.data),
        body_length=None if body is None else fact.whole_length or len(body),
        body_sha256="" if body is None else fact.whole_sha256 or hashlib.sha256(body).hexdigest(),
        kept_sha256="" if body is None else hashlib.sha256(body[:KEPT_BYTES]).hexdigest(),
    )


def _line(line, row):
    return AuditRecordOrder(
        row=row,
        cancel_id=line.cancel_id,
        account_id=line.account_id,
        symbol=line.symbol,
        order_id=line.order_id,
        client_order_id=line.client_order_id,
        outcome=line.outcome,
        data=line.data,
    )


def _insert(records, lines, payloads):
    AuditRecord.objects.bulk_create(records)
    for record, row in lines:
        row.record = record
    AuditRecordOrder.objects.bulk_create([row for _, row in lines])
    AuditPayload.objects.bulk_create(payloads)


def _compact(value):
    """JSON as pure ASCII, so that NUL and lone surrogates survive any database's text column."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def record(*facts: Fact) -> list[AuditRecord]:
    """Append facts that stand alone, in a transaction of their own."""
    with transaction.atomic():
        return append(*facts)
