"""Is the log whole, and does it show what it says? One walk over all of it, in constant memory."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol

from django.db import DatabaseError

from orders.audit import reader
from orders.audit.hashing import FIRST_HASH, chained, content_hash
from orders.audit.reader import Broken, Fault
from orders.evidence.checkpoint_line import Checkpoint
from orders.evidence.checkpoint_trail import Trail
from orders.evidence.notes import Cosigned
from orders.evidence.outcome_checks import Answered, Proven
from orders.evidence.request_checks import Signed
from orders.evidence.time_stamps import Stamps
from orders.evidence.tree import Tree

HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Limits:
    """What a walk keeps and how often it says how far it is."""

    named: int = 1000  # faults kept in a report; all of them are counted
    says_every: int = 500  # records


LIMITS = Limits()


@dataclass
class Report:
    """What a walk found. ``faults``: the first thousand; ``fault_count``: all of them."""

    records: int = 0
    signatures: int = 0
    head: str = FIRST_HASH
    checkpoints: int = 0
    covered: int = 0  # records up to the newest checkpoint
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing at all is wrong."""
        return self.fault_count == 0

    def tell(self, fault: Fault, most: int, on_fault: Callable[[Fault], object] | None) -> None:
        """Count a fault, keep it among the first ``most``, and pass it on."""
        self.fault_count += 1
        if len(self.faults) < most:
            self.faults.append(fault)
        if on_fault is not None:
            on_fault(fault)

    def as_json(self) -> dict[str, Any]:
        """Return the same as plain values."""
        plain = {name: getattr(self, name) for name in PLAIN}
        return plain | {
            "is_whole": self.is_whole,
            "faults": [vars(fault) for fault in self.faults],
        }


class Check(Protocol):
    """One check of every record, told of them in order."""

    def look(self, entry: reader.Entry) -> Iterator[Fault]:
        """Yield the faults of one record."""

    def end(self) -> Iterable[Fault]:
        """Return the faults that show only once all records were seen."""


PLAIN = ("records", "signatures", "head", "checkpoints", "covered", "fault_count", "notes")


Progress = Callable[[int, int], object]  # hears the position reached, and the last one


def verify(
    *,
    until: int | None = None,
    on_fault: Callable[[Fault], object] | None = None,
    on_progress: Progress | None = None,
    limits: Limits = LIMITS,
) -> Report:
    """Walk the log up to ``until`` (its newest record) and report everything that is wrong.

    ``on_fault(fault)`` hears each as it is found, ``on_progress(position, until)`` how far it is.
    """
    tip = reader.tip()
    until = tip if until is None else until
    report, trail, signed = Report(), Trail(), Signed()
    outside = Stamps(), Cosigned()
    checks: list[Check] = [Chain(trail), signed, Proven(), Answered(is_part=until < tip)]
    for fault in _faults(checks, until, report, on_progress, limits.says_every):
        report.tell(fault, limits.named, on_fault)
    for fault in chain.from_iterable(each.faults() for each in outside):
        report.tell(fault, limits.named, on_fault)
    report.signatures, report.checkpoints, report.notes = signed.count, trail.number, trail.notes
    report.notes += [note for each in outside for note in each.notes]
    report.covered = min(trail.newest.count, until) if trail.newest else 0
    return report


def _faults(
    checks: Sequence[Check],
    until: int,
    report: Report,
    on_progress: Progress | None,
    says_every: int,
) -> Iterator[Fault]:
    for entry in reader.entries(until=until):
        if isinstance(entry, Broken):
            yield Fault(entry.position, entry.what)
            continue
        report.records += 1
        report.head = entry.values["hash"]
        for check in checks:
            yield from _looked(check, entry)
        if on_progress is not None and report.records % says_every == 0:
            on_progress(entry.position, until)
    newest = max(until, reader.tip())  # rows of what was appended meanwhile belong to records
    yield from (Fault(stray.position, stray.what) for stray in reader.strays(newest))
    for check in checks:
        yield from check.end()


def _looked(check: Check, entry: reader.Entry) -> Iterator[Fault]:
    """Yield the faults of one record. A check that itself fails is a fault; the walk goes on."""
    try:
        yield from check.look(entry)
    except DatabaseError:
        raise
    except Exception as error:
        yield Fault(entry.position, f"it cannot be checked: {type(error).__name__}")


class Chain:
    """Every record follows the one before it, is what its hash says, and is under the checkpoints.

    ``trail``: the checkpoints, a `checkpoint_trail.Trail`.
    """

    def __init__(self, trail: Trail) -> None:
        self._head, self._next = FIRST_HASH, 1
        self._trail = trail
        self._first: str | None = None
        self._agreed, self._is_rebuilt = 0, False
        self._tree = Tree()

    def look(self, entry: reader.Entry) -> Iterator[Fault]:
        """Yield the faults of one record's place in the chain."""
        values = entry.values
        position, hash_ = values["position"], values["hash"]
        if position > self._next:
            yield _missing(self._next, position - 1)
        elif position < self._next:
            yield Fault(position, "it stands where no record can stand")
        if values["previous_hash"] != self._head and position == self._next:
            yield Fault(position, "it does not follow the record before it")
        yield from _of_content(entry)
        self._first = self._first or hash_
        yield from self._signed_up_to(position, hash_)
        self._tree.add(hash_ if HASH.fullmatch(hash_) else "")
        self._head, self._next = hash_, position + 1

    def end(self) -> Iterator[Fault]:
        """Yield what the checkpoints cover and the log no longer has.

        A checkpoint signed while the walk went on, or past its end, is about newer records: they
        are there.
        """
        last = self._next - 1
        for found in self._trail.up_to(float("inf")):
            if isinstance(found, Fault):
                yield found
            elif not reader.stands(found.count, found.head):
                last = found.count
        if last >= self._next:
            yield _missing(self._next, last)

    def _signed_up_to(self, position: int, hash_: str) -> Iterator[Fault]:
        for found in self._trail.up_to(position):
            if isinstance(found, Fault):
                yield found
            elif (found.count, found.head, found.first) == (position, hash_, self._first):
                self._agreed = position
                yield from self._of_tree(found)
            elif not self._is_rebuilt:
                self._is_rebuilt = True  # every later checkpoint then disagrees as well
                what = f"this is not the chain that checkpoint {found.number} signed"
                yield Fault(self._agreed + 1, what, until=found.count)

    def _of_tree(self, found: Checkpoint) -> Iterator[Fault]:
        """Yield a fault where a checkpoint's note is of another tree than the records before it."""
        peaks = [base64.b64encode(peak).decode() for peak in self._tree.peaks]
        if found.tree not in (None, peaks):
            yield Fault(0, f"checkpoint {found.number}: its tree is not the one over these records")


def _missing(first: int, last: int) -> Fault:
    return Fault(first, "missing", until=last if last > first else None)


def _of_content(entry: reader.Entry) -> Iterator[Fault]:
    values, position = entry.values, entry.values["position"]
    try:
        is_same = bool(content_hash(values, entry.rows) == values["content_hash"])
    except (AttributeError, TypeError, ValueError):
        is_same = False
    if not is_same:
        yield Fault(position, "it was changed: its content is not what its hash covers")
    if chained(values["previous_hash"], values["content_hash"]) != values["hash"]:
        yield Fault(position, "its hash is not that of its content and the record before it")
    if not _is_kept(values, entry.body):
        yield Fault(position, "its payload was changed, added or removed")


def _is_kept(values: dict[str, Any], body: bytes | None) -> bool:
    """Whether the kept bytes are those the record speaks of."""
    if body is None:
        return bool(values["kept_sha256"] == "")
    own = hashlib.sha256(body).hexdigest()
    is_cut = values["body_length"] != len(body)
    return bool(own == values["kept_sha256"] and (is_cut or own == values["body_sha256"]))
