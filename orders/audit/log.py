"""Append to the audit log: facts, chained in the transaction that makes them true."""

import hashlib
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from django.db import connection, transaction
from django.utils import timezone

from orders.audit import reader, told
from orders.audit.hashing import COVERED_OF_ROW, FIRST_HASH, Content, Row, chained, compact, moment
from orders.models import (
    Account,
    AuditPayload,
    AuditRecord,
    AuditRecordOrder,
    CancelJob,
    Desk,
    PanicLine,
    advisory_lock,
)
from orders.models.bulk_insert import insert
from orders.pacifica.transport import Answer

KEPT_BYTES = 64 * 1024
NAMES_COMPARED = "names_compared"  # in an answer's data: it was held against what was asked
PROGRAM = "token"  # in a record's data: the name of the API token by which its person acted
GUARD = "guard"  # in a record's data: the name of the guard that acted in its person's name
BY_ITSELF = ("token_name", "guard_name")  # what acted, where no person did at that moment
CHAIN_LOCK = 0x50414349  # any constant of our own, for PostgreSQL's advisory lock


@dataclass(frozen=True)
class Actor:
    """Who acted and from where, taken once at the door; the session only as a keyed hash.

    ``token_name``: of the API token by which a program acted in the person's name;
    ``guard_name``: of the guard or schedule that did so by itself.
    """

    operator_id: int | None = None
    operator_name: str = ""
    session_hash: str = ""
    address: str = ""
    token_name: str = ""
    guard_name: str = ""

    def columns(self) -> dict[str, Any]:
        """Return the person and where from as columns of a row that one person asked for."""
        return {name: value for name, value in asdict(self).items() if name not in BY_ITSELF}

    def act_columns(self) -> dict[str, Any]:
        """Return the same, token and guard, as columns of a job or of a line of a panic."""
        return asdict(self)


class OrderLine(NamedTuple):
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
    desk: Desk | None = None
    account: Account | None = None
    job: CancelJob | None = None
    data: dict[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    whole_length: int | None = None
    whole_sha256: str = ""
    lines: tuple[OrderLine, ...] = ()


def actor_of(job: CancelJob | PanicLine) -> Actor:
    """Return the operator behind a job, as they were when they acted."""
    who = (job.operator_id, job.operator_name, job.session_hash, job.address)
    return Actor(*who, token_name=job.token_name, guard_name=job.guard_name)


class OfCancel(Protocol):
    """A cancel, as a row or as a sender holds it: which order it is about."""

    @property
    def pk(self) -> int: ...

    @property
    def account_id(self) -> int: ...

    @property
    def symbol(self) -> str: ...

    @property
    def order_id(self) -> int | None: ...

    @property
    def client_order_id(self) -> str | None: ...


def line_of(cancel: OfCancel, outcome: str = "", data: str = "") -> OrderLine:
    """Return the order row with which the log names a cancel's order."""
    return OrderLine(
        account_id=cancel.account_id,
        symbol=cancel.symbol,
        order_id=cancel.order_id,
        client_order_id=cancel.client_order_id,
        cancel_id=cancel.pk,
        outcome=outcome,
        data=data,
    )


def described(answer: Answer) -> dict[str, Any]:
    """Return what the log keeps of an answer beside its bytes. Times in UTC, durations in ms."""
    return {
        "status": answer.status,
        "headers": answer.headers,
        "is_whole": answer.is_whole,
        "url": answer.url,
        "sent_at": moment(answer.sent_at),
        "first_byte_at": moment(answer.first_byte_at),
        "answered_at": moment(answer.answered_at),
        "elapsed_ms": answer.elapsed_ms,
        "clock_offset_ms": answer.clock_offset_ms,
    }


class OutsideTransaction(RuntimeError):
    """A fact must be recorded in the transaction that makes it true."""


class Draft(NamedTuple):
    """A fact whose record is ready, all but its place in the chain.

    ``values``: the record's columns by name; ``rows``: its order rows; ``content``: its hash.
    """

    values: dict[str, Any]
    rows: list[Row]
    body: bytes | None
    content: Content


def draft(fact: Fact) -> Draft:
    """Make all of a fact's record that can be made before the chain is locked."""
    rows = [_line(line, row) for row, line in enumerate(fact.lines)]
    values = _values(fact)
    return Draft(values, rows, fact.body, Content(values, rows))


def append(*facts: Fact | Draft) -> list[int]:
    """Add facts to the chain; return their positions. Call it last in a short transaction.

    It holds the chain's lock until that transaction ends. Raises `OutsideTransaction` where none
    is open.
    """
    if not connection.in_atomic_block:
        raise OutsideTransaction
    if not facts:
        return []
    drafts = [fact if isinstance(fact, Draft) else draft(fact) for fact in facts]
    position, head = _locked_tip()
    records, lines, payloads = [], [], []
    for values, rows, body, content in drafts:
        position += 1
        own = content.hash_at(position)
        place = {"position": position, "content_hash": own, "previous_hash": head}
        head = place["hash"] = chained(head, own)
        place |= values
        records.append([place[name] for name in RECORD_COLUMNS])
        lines += [(position, *row) for row in rows]
        if body is not None:
            payloads.append((position, body[:KEPT_BYTES]))
    insert(AuditRecord, RECORD_COLUMNS, records)
    insert(AuditRecordOrder, ("record_id", *COVERED_OF_ROW), lines)
    insert(AuditPayload, ("record_id", "body"), payloads)
    positions = list(range(position - len(facts) + 1, position + 1))
    told.after_commit(
        [
            (one, drafted.values, drafted.rows)
            for one, drafted in zip(positions, drafts, strict=True)
        ]
    )
    return positions


def record(*facts: Fact) -> list[int]:
    """Append facts that stand alone, in a transaction of their own; return their positions."""
    with transaction.atomic():
        return append(*facts)


RECORD_COLUMNS = tuple(field.attname for field in AuditRecord._meta.concrete_fields)


def _locked_tip() -> tuple[int, str]:
    """Return position and hash of the newest record, under the lock of the next writer."""
    advisory_lock.hold(CHAIN_LOCK)
    return reader.newest() or (0, FIRST_HASH)


def _values(fact: Fact) -> dict[str, Any]:
    """Return the record's columns by name, all but its place in the chain."""
    actor, account, body = fact.actor, fact.account, fact.body
    desk = fact.desk or (account.desk if account else None)
    values: dict[str, Any] = {
        "at": fact.at or timezone.now(),
        "event": str(fact.event),
        "outcome": str(fact.outcome),
        "operator_id": actor.operator_id,
        "operator_name": actor.operator_name,
        "session_hash": actor.session_hash,
        "address": actor.address,
        "desk_id": desk.pk if desk else None,
        "desk_name": desk.name if desk else "",
        "account_id": account.pk if account else None,
        "account_name": account.name if account else "",
        "account_address": account.address if account else "",
        "job_id": fact.job.pk if fact.job else None,
        "data": compact(fact.data | _by_itself(actor)),
        "salt": os.urandom(16).hex(),
    }
    return values | (NO_BODY if body is None else _sums(fact, body))


def _by_itself(actor: Actor) -> dict[str, str]:
    """Return what acted, beside the person; nothing that is empty, as old records have it."""
    named = {PROGRAM: actor.token_name, GUARD: actor.guard_name}
    return {name: value for name, value in named.items() if value}


NO_BODY: dict[str, Any] = {"body_length": None, "body_sha256": "", "kept_sha256": ""}


def _sums(fact: Fact, body: bytes) -> dict[str, Any]:
    """Return length and hash of the whole payload, and the hash of what is kept of it."""
    kept = hashlib.sha256(body[:KEPT_BYTES]).hexdigest()
    is_whole = len(body) <= KEPT_BYTES
    own = kept if is_whole else hashlib.sha256(body).hexdigest()
    return {
        "body_length": fact.whole_length or len(body),
        "body_sha256": fact.whole_sha256 or own,
        "kept_sha256": kept,
    }


def _line(line: OrderLine, row: int) -> Row:
    """Return an order row in the order of `COVERED_OF_ROW`."""
    return (
        row,
        line.cancel_id,
        line.account_id,
        line.symbol,
        line.order_id,
        line.client_order_id,
        str(line.outcome),
        line.data,
    )
