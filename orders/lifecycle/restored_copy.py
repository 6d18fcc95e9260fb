"""Notice that an older copy of the database was put back, and hold back all that waited in it.

Senders compare the database with the newest checkpoint of this host's file before they claim
anything. Checkpoints are committed to the database before they are written there: a file that
tells of a record which is not here shows that the database lost it. What waited in the copy may
have been sent since, so from then on only a person's word sends any of it.
"""

import itertools
import logging
from collections.abc import Callable, Iterator
from datetime import datetime

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from orders.audit import log, reader
from orders.evidence import checkpoint_file, checkpoint_line, checkpoints
from orders.evidence.checkpoint_line import Checkpoint
from orders.lifecycle.held_back import hold_back_cancels, hold_back_lines
from orders.models import (
    AuditCheckpoint,
    AuditRecord,
    Event,
    Restore,
    advisory_lock,
)
from orders.models.clocks import is_ahead

logger = logging.getLogger(__name__)


class Behind(Exception):
    """This database is older than its checkpoints: the text says so, and what to do."""


RESTORE_LOCK = 0x50414352  # any constant of our own, for PostgreSQL's advisory lock
MAX_TRIED = 10_000  # checkpoints, back from the newest, to find one that stands here
FIRST = "an older copy of the database was put back, and no administrator has accepted it yet."
QUESTION = """
    SELECT (SELECT record.hash FROM orders_auditrecord record
            JOIN orders_auditcheckpoint copy ON copy.number = %s
            WHERE record.position = %s),
        EXISTS (SELECT 1 FROM orders_restore WHERE is_waiting),
        (SELECT MAX(number) FROM orders_restore WHERE NOT is_waiting),
        EXISTS (SELECT 1 FROM orders_auditcheckpoint)
"""


def is_behind(now: datetime) -> bool:
    """Whether nothing may be sent, but for a panic that is newer than the copy put back.

    What is found for the first time is recorded, and what waited is held back, before it returns.
    """
    behind = look(now)
    if behind is None:
        return False
    if behind.pk is None:
        _find(behind, now)
    return True


def look(now: datetime) -> Restore | None:
    """Return the finding that nobody accepted, from the database or this host's file.

    One from the file is not saved yet: this function writes nothing.
    """
    return state(now)[0]


def state(now: datetime) -> tuple[Restore | None, bool]:
    """Return the finding, and whether any checkpoint was ever signed.

    Without a checkpoint no restored copy could be noticed.
    """
    signed = newest_signed()
    with connection.cursor() as cursor:
        cursor.execute(QUESTION, [signed.number, signed.count] if signed else [0, 0])
        head, is_waiting, accepted, is_guarded = cursor.fetchone()
    is_newer = signed and head != signed.head and signed.number > (accepted or 0)
    newer = signed if is_newer else None
    if is_waiting:
        waiting = Restore.objects.waiting().first()
        if not (newer and waiting and newer.number > waiting.number):
            return waiting, bool(is_guarded)
    return (_finding(newer, now) if newer else None), bool(is_guarded)


def words(behind: Restore) -> str:
    """Say why nothing is sent, and what to do."""
    at = f"{behind.signed_at[:19].replace('T', ' ')} UTC"
    signed = f"checkpoint {behind.number} of {at}, of {behind.count} records"
    if behind.is_other:
        what = f"This is not the database of the checkpoint file: {signed}, is of another log."
        why = "It was installed anew, or AUDIT_CHECKPOINT_FILE names another one's file."
    else:
        what = f"This database is older than its checkpoints: {signed}, is not in it."
        why = f"An older copy was put back: what was recorded after {behind.shared} may be lost."
    return f"{what} {why} Nothing is sent, but for a new panic, until an administrator accepts it."


def warning(now: datetime) -> str:
    """Say why nothing is sent, and how to go on; empty where the database is not behind."""
    if not is_behind(now):
        return ""
    behind = look(now)
    return f"{words(behind)} {HOW}" if behind else ""  # None: accepted in between


HOW = "Put the right database back, or run: manage.py accept_restored --operator NAME --reason TEXT"

# What told the file's last look, and the newest sound checkpoint then.
_kept: tuple[checkpoint_file.Mark | None, Checkpoint | None] = (None, None)
_told: set[str] = set()  # what this process has logged


def newest_signed() -> Checkpoint | None:
    """Return the newest sound checkpoint in this host's file; None where none counts."""
    global _kept
    try:
        mark = checkpoint_file.mark()
        if mark == _kept[0]:
            return _kept[1]
        newest = next(_newest_first(), None)
    except OSError as error:
        _tell(
            f"AUDIT_CHECKPOINT_FILE: cannot be read ({error.strerror}); a restored copy of the "
            "database would not be noticed here."
        )
        return None
    _kept = (mark, newest)
    return newest


def _newest_first() -> Iterator[Checkpoint]:
    """Yield the sound checkpoints at the end of this host's file, the newest first.

    Where the end holds none, junk was written there: then those of the whole file. `OSError`.
    """
    at_end = _sound(checkpoint_file.tail())
    newest = next(at_end, None)
    if newest is None:
        yield from _newest_of_all()
        return
    yield newest
    yield from at_end


def _newest_of_all() -> Iterator[Checkpoint]:
    """Yield the newest `MAX_TRIED` sound checkpoints of the whole file, the newest first."""
    return itertools.islice(_sound(list(checkpoint_file.lines())), MAX_TRIED)


def _sound(lines: list[str]) -> Iterator[Checkpoint]:
    """Yield the checkpoints of this network that a trusted key signed, the newest first."""
    trusted = _trusted()
    for line in reversed(lines):
        try:
            checkpoint = checkpoint_line.read(line)
        except ValueError:
            continue
        if checkpoints.is_ours(checkpoint, trusted):
            yield checkpoint


def _trusted() -> set[str]:
    try:
        return checkpoints.trusted_keys()
    except checkpoints.CheckpointKeyWrong as error:
        _tell(str(error))
        return set()


def _tell(sentence: str) -> None:
    """Log a sentence, once a process."""
    if sentence not in _told:
        _told.add(sentence)
        logger.error(sentence)


def _finding(signed: Checkpoint, now: datetime) -> Restore:
    first = AuditRecord.objects.filter(position=1).values_list("hash", flat=True).first()
    is_other = first != signed.first
    shared = 0 if is_other else _shared()
    since = AuditRecord.objects.filter(position=shared).values_list("at", flat=True).first()
    if is_ahead(since, now):  # a clock was set back since: it tells nothing
        since = None
    return Restore(
        number=signed.number,
        count=signed.count,
        line_hash=signed.line_hash,
        signed_at=signed.at,
        shared=shared,
        tip=reader.tip(),
        lost_from=since,
        is_other=is_other,
        found_at=now,
    )


def _shared() -> int:
    """Count the records up to the newest checkpoint of the file that this database agrees with."""
    for checkpoint in _newest_of_all():
        is_stored = AuditCheckpoint.objects.filter(
            number=checkpoint.number, line=checkpoint.line
        ).exists()
        if is_stored and reader.stands(checkpoint.count, checkpoint.head):
            return checkpoint.count
    return 0


def _find(behind: Restore, now: datetime) -> None:
    """Keep the finding, and hold back what waited; one of several senders does, in one step."""
    try:
        with transaction.atomic():
            hold()
            if _is_accepted(behind):  # while this sender looked
                return
            if not _widen(behind):
                _begin(behind, now)
    except IntegrityError:  # another sender was quicker
        return
    _tell(f"{words(behind)} {HOW}")


def hold() -> None:
    """Let nobody else find or accept an older copy until the transaction ends."""
    advisory_lock.hold(RESTORE_LOCK)


def _is_accepted(behind: Restore) -> bool:
    return Restore.objects.filter(is_waiting=False, number__gte=behind.number).exists()


def _widen(behind: Restore) -> bool:
    """Take over what this host's file tells, where another's told of less; whether it had."""
    values = {name: getattr(behind, name) for name in ("number", "count", "line_hash", "signed_at")}
    return bool(Restore.objects.waiting().update(**values))


def _begin(behind: Restore, now: datetime) -> None:
    behind.save(force_insert=True)
    since = _newest_time()
    cancels, facts = hold_back_cancels(since, now)
    lines, more = hold_back_lines(since, now)
    names = ("number", "count", "signed_at", "shared", "tip", "is_other")
    data = {name: getattr(behind, name) for name in names} | {"cancels": cancels, "lines": lines}
    log.append(log.Fact(Event.DATABASE_BEHIND, at=now, data=data), *facts, *more)


def _newest_time() -> datetime:
    """Return the latest time of the file's newest checkpoints: what was in a copy is older."""
    return max(datetime.fromisoformat(checkpoint.at) for checkpoint in _newest_first())


def check(clock: Callable[[], datetime] = timezone.now) -> None:
    """Compare at the start of a sender: what is found is held back, and logged."""
    behind, is_guarded = state(clock())
    if said := warning(clock()):
        _tell(said)
    elif is_guarded and behind is None and newest_signed() is None:
        logger.warning(
            "AUDIT_CHECKPOINT_FILE: no checkpoint of this database on this host; an older copy, "
            "put back, is noticed only by a sender that has the file."
        )


def refuse_behind(clock: Callable[[], datetime] = timezone.now) -> None:
    """Raise `Behind` where nothing that is asked for now would be sent."""
    if said := warning(clock()):
        raise Behind(said)
