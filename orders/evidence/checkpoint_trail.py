"""Check the checkpoints in order, as a walk over the log meets them.

After an older copy of the database was put back and accepted, the checkpoints signed between the
copy and that are still there, signed and in order, and speak of records that are not.
"""

import itertools
from collections.abc import Iterator

from django.conf import settings

from orders.audit.hashing import FIRST_HASH
from orders.audit.reader import Fault
from orders.evidence import checkpoint_file
from orders.evidence.checkpoint_line import OF_A_RESTORE, Checkpoint, read
from orders.evidence.checkpoints import accepted_at, is_ours, trusted_keys
from orders.models import AuditCheckpoint, Restore
from orders.models.in_pages import in_pages


class Trail:
    """The checkpoints in order, read and checked one after the other, in constant memory.

    ``number``: how many held so far; ``newest``: the last of them; ``notes``: what to tell people.
    """

    def __init__(self) -> None:
        self.number = 0
        self.newest: Checkpoint | None = None
        self.notes: list[str] = []
        self._trusted = trusted_keys()
        self._only_copies = 0
        self._restores = list(_restores(self._trusted))
        self._waiting = self._all()
        self._next = next(self._waiting, None)
        self._is_at_end = False

    def up_to(self, position: float) -> Iterator[Checkpoint | Fault]:
        """Yield what comes up to this many records: `Checkpoint`, or a `Fault` of the trail."""
        while self._next is not None and not (_count(self._next) > position):
            step, self._next = self._next, next(self._waiting, None)
            yield step
        if self._next is None and not self._is_at_end:
            self._is_at_end = True
            self.notes += self._final_notes()

    def _all(self) -> Iterator[Fault | Checkpoint]:
        pairs = itertools.zip_longest(checkpoint_file.lines(), _copies())
        for number, (line, copy) in enumerate(pairs, 1):
            if line is None:
                self._only_copies += 1
            elif copy is None:
                yield _fault(number, "the database's copy of it is missing")
            elif line != copy:
                yield _fault(number, "the database's copy of it was changed")
            step = self._checked(copy if line is None else line)
            if not self._is_lost(step):
                yield step

    def _is_lost(self, step: Fault | Checkpoint) -> bool:
        """Whether it speaks of records that were lost with a copy put back after it."""
        if not isinstance(step, Checkpoint):
            return False
        later = (each.shared for each in self._restores if each.number > step.number)
        return any(shared is not None and step.count > shared for shared in later)

    def _checked(self, line: str) -> Fault | Checkpoint:
        """Return the checkpoint on this line where it goes on from the last one, or a fault."""
        try:
            checkpoint = read(line)
        except ValueError as error:
            return _fault((self.newest.number if self.newest else 0) + 1, str(error))
        why_not = self._why_not(checkpoint)
        if why_not:
            return _fault(checkpoint.number, why_not)
        self.number, self.newest = self.number + 1, checkpoint
        return checkpoint

    def _why_not(self, one: Checkpoint) -> str:
        last = self.newest
        if self._trusted and one.public_key not in self._trusted:
            return "it is signed by a key that is not trusted here"
        if one.network != settings.PACIFICA_NETWORK:
            return f"it is of another network ({one.network})"
        follows = (last.number + 1, last.line_hash) if last else (1, FIRST_HASH)
        if (one.number, one.previous) != follows:
            return "it does not follow the checkpoint before it"
        if one.shared is not None:  # it is of a restore
            return "" if last and one.shared <= last.count else "it goes on from none before it"
        if last and (one.count <= last.count or one.first != last.first):
            return "it contradicts the one before it"
        return ""

    def _final_notes(self) -> Iterator[str]:
        if self.newest is None:
            yield (
                "No checkpoint covers any record: set AUDIT_CHECKPOINT_KEY for the sweep. Until "
                "then whoever owns the database can rewrite the log as a whole."
            )
            return
        yield from map(_told, self._restores)
        yield from map(_unsigned, Restore.objects.unsigned())
        if not self._trusted:
            yield (
                "AUDIT_CHECKPOINT_PUBLIC_KEYS: is not set, so the checkpoints' own key was "
                f"believed. Compare it with the one you were given: {self.newest.public_key}"
            )
        if self._only_copies:
            yield (
                f"The file of checkpoints on this host lacks the newest {self._only_copies}, so "
                "the database's copies were used: the sweep here has not run, or it was cut."
            )


def _copies() -> Iterator[str]:
    """Yield the database's copies of the lines that stand there now."""
    copies = AuditCheckpoint.objects.values_list("number", "line", named=True)
    last = copies.order_by("-number").first()
    if last is not None:
        until = copies.filter(number__lte=last.number)
        yield from (copy.line for copy in in_pages(until, "number"))


def _count(step: Fault | Checkpoint) -> int:
    """Return where in the log a checkpoint stands; a fault of the trail comes at once."""
    return step.count if isinstance(step, Checkpoint) else 0


def _fault(number: int, what: str) -> Fault:
    return Fault(0, f"checkpoint {number}: {what}")


def _restores(trusted: set[str]) -> Iterator[Checkpoint]:
    """Yield the sound checkpoints that go on from an older copy put back, wherever they stand."""
    copies = AuditCheckpoint.objects.filter(line__contains=OF_A_RESTORE).order_by("number")
    lines = dict.fromkeys(line for line in checkpoint_file.lines() if OF_A_RESTORE in line)
    lines |= dict.fromkeys(copies.values_list("line", flat=True))
    for line in lines:
        try:
            checkpoint = read(line)
        except ValueError:
            continue
        if is_ours(checkpoint, trusted):
            yield checkpoint


def _told(one: Checkpoint) -> str:
    """Say what a restore lost, and who accepted that."""
    return (
        f"An older copy of the database was put back before checkpoint {one.number}: of the "
        f"records that the checkpoints before it signed, those after {one.shared} are lost or "
        f"others now stand there. Accepted by {one.accepted_by} at {one.accepted_at}: {one.reason}"
    )


def _unsigned(accepted: Restore) -> str:
    """Say why the log looks broken in the seconds after an acceptance, and what ends that."""
    at = accepted_at(accepted)
    return (
        f"{accepted.operator_name} accepted an older copy of the database at {at}, but no "
        "checkpoint says so yet: until one does, what the copy lacks is missing here. The sweep "
        "signs it within seconds, or run: manage.py audit_checkpoint"
    )
