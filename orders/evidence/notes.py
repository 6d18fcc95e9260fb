"""Notes of checkpoints: what a witness outside is asked to cosign, and what it cosigned.

A witness states that under the log's name it saw this tree at this time, going on from every tree
that it saw before. Cosigned notes stand in a file beside the checkpoint file, one JSON object a
line, format version 1::

    {"format", "note", "number", "version"}

``number``: the checkpoint's; ``note``: its note with the log's signature and those of witnesses.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings

from orders.audit.hashing import compact
from orders.audit.reader import Fault
from orders.evidence import (
    beside,
    checkpoint_file,
    checkpoint_line,
    checkpoints,
    log_tree,
    signed_note,
)
from orders.evidence.checkpoint_line import Checkpoint
from orders.evidence.checkpoints import CheckpointKeyWrong
from orders.evidence.signed_note import BadNote, Key, Signature
from orders.evidence.tree import Tree, consistency
from orders.models import AuditCheckpoint, CosignedNote

FORMAT, KIND = "pacifica-desk-cosigned-note", "notes"
WITH_A_NOTE = '"version":3'  # as the line of such a checkpoint says it
NAMES = {"format", "note", "number", "version"}


class NoNote(Exception):
    """There is no such note; the text says why."""


@dataclass(frozen=True)
class Seen:
    """What one witness signed. ``seconds``: since 1970, by the witness's clock."""

    signature: Signature
    seconds: int

    def __str__(self) -> str:
        at = datetime.fromtimestamp(min(self.seconds, LATEST), UTC)
        return f"{at.isoformat()} by {self.signature.name}"


LATEST = 253_402_300_799  # what a datetime can tell: the end of the year 9999


def witnesses() -> list[Key]:
    """Return the keys of the witnesses that count here. Raises `CheckpointKeyWrong`."""
    try:
        keys = [signed_note.read_vkey(text) for text in settings.AUDIT_WITNESSES]
    except BadNote as bad:
        raise CheckpointKeyWrong(f"AUDIT_WITNESSES: {bad}.") from None
    if any(one.kind == signed_note.LOG for one in keys):
        raise CheckpointKeyWrong("AUDIT_WITNESSES: has the key of a log, not of a witness.")
    return keys


def verifier_keys() -> list[str]:
    """Return what a witness is told of the log, a text for each key that counts here."""
    if not settings.AUDIT_NOTE_ORIGIN:
        raise NoNote("AUDIT_NOTE_ORIGIN: is not set, so checkpoints have no notes.")
    publics = map(base64.b64decode, sorted(checkpoints.trusted_keys()))
    name = checkpoints.origin()
    return [signed_note.vkey(signed_note.key(name, signed_note.LOG, each)) for each in publics]


def find(number: int | None = None) -> Checkpoint:
    """Return the checkpoint of this number, else the newest, if it has a note. `NoNote`."""
    stored = AuditCheckpoint.objects.filter(**{} if number is None else {"number": number})
    line = stored.values_list("line", flat=True).first()
    if line is None:
        raise NoNote("There is no such checkpoint.")
    one = _read(line)
    if one is None or one.tree is None:
        raise NoNote("That checkpoint has no note: only a sweep with AUDIT_NOTE_ORIGIN signs one.")
    return one


def proof(one: Checkpoint, old: int) -> str:
    """Return what proves that the log goes on from its first ``old`` records.

    A witness takes it with the note after it: ``add-checkpoint`` of c2sp.org/tlog-witness.
    Raises `NoNote`.
    """
    if not 0 <= old <= one.count:
        raise NoNote(f"Checkpoint {one.number} has {one.count} records, so it follows no {old}.")
    path = consistency(_tree_over(old), one.count, log_tree.hashes)
    told = "".join(f"{base64.b64encode(node).decode()}\n" for node in path)
    return f"old {old}\n{told}\n"


def _tree_over(count: int) -> Tree:
    """Return the tree over so many records, from the nearest checkpoint that has one on."""
    stored = AuditCheckpoint.objects.filter(lost_at=None, count__lte=count)
    nearest = stored.filter(line__contains=WITH_A_NOTE).order_by("-number")
    line = nearest.values_list("line", flat=True).first()
    one = _read(line) if line else None
    tree = one.whole_tree if one is not None and one.tree is not None else Tree()
    log_tree.grow(tree, count)
    return tree


def keep(given: str) -> list[Seen]:
    """Keep a cosigned note, or a request and the witness's answer to it; return what is new.

    Lines of witnesses that are not known here are left out. Raises `BadNote`.
    """
    _, _, after_proof = given.partition("\n\n")
    text, signatures = signed_note.read(after_proof if given.startswith("old ") else given)
    one = _of_text(text)
    seen = checked(one, text, signatures, witnesses())
    if not seen:
        raise BadNote("none of the witnesses that AUDIT_WITNESSES names has signed it")
    note = one.note + "".join(str(each.signature) for each in seen)
    line = compact({"format": FORMAT, "version": 1, "number": one.number, "note": note})
    if line not in lines():
        CosignedNote.objects.create(number=one.number, line=line)
    beside.complete(KIND, _stored())
    return seen


def cosigned(one: Checkpoint) -> str:
    """Return a checkpoint's note with every kept signature of a known witness that holds."""
    known, found = witnesses(), dict[Signature, None]()
    for number, note in filter(None, map(_kept, lines())):
        with suppress(BadNote):
            seen = checked(one, *signed_note.read(note), known) if number == one.number else []
            found |= dict.fromkeys(each.signature for each in seen)
    return one.note + "".join(map(str, found))


def checked(
    one: Checkpoint, text: str, signatures: list[Signature], known: list[Key]
) -> list[Seen]:
    """Return what witnesses signed of a checkpoint; other signatures are passed over. `BadNote`."""
    if text != one.note_text:
        raise BadNote(f"checkpoint {one.number} is not the one that was cosigned")
    times = {
        each: signed_note.check(key, text, each.raw)
        for key in (one.note_key, *known)
        for each in signed_note.of_key(key, signatures)
    }
    return [Seen(each, seconds) for each, seconds in times.items() if seconds]


def lines() -> list[str]:
    """Return the file's whole lines and, after them, those that the database alone has."""
    return beside.lines(KIND, _stored())


class Cosigned:
    """All cosigned notes, held against the checkpoints. ``notes``: what to tell people."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._known = witnesses()

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with a note, or with the checkpoint whose note it is."""
        listed, held, unknown = lines(), 0, 0
        wanted = _checkpoints({kept[0] for kept in map(_kept, listed) if kept})
        newest: Seen | None = None
        for place, line in enumerate(listed, 1):
            try:
                seen = self._seen(line, wanted)
            except BadNote as bad:
                yield Fault(0, f"cosigned note {place}: {bad}")
                continue
            held, unknown = held + bool(seen), unknown + (not seen)
            newest = max([*filter(None, [newest]), *seen], key=_seconds, default=None)
        self.notes += _told(len(listed), held, unknown, newest)

    def _seen(self, line: str, wanted: dict[int, str]) -> list[Seen]:
        kept = _kept(line)
        if kept is None:
            raise BadNote("it cannot be read")
        one = _read(wanted.get(kept[0], ""))
        if one is None or one.tree is None:
            raise BadNote(f"checkpoint {kept[0]} is not the one that was cosigned")
        return checked(one, *signed_note.read(kept[1]), self._known)


def _told(count: int, held: int, unknown: int, newest: Seen | None) -> Iterator[str]:
    if newest is not None:
        yield f"{held} of {count} cosigned notes hold; the newest is of {newest}."
    if unknown:
        yield (
            f"{unknown} of {count} cosigned notes are by no witness that AUDIT_WITNESSES names, "
            "so they prove nothing here."
        )


def _seconds(seen: Seen) -> int:
    return seen.seconds


def _stored() -> list[str]:
    return list(CosignedNote.objects.order_by("pk").values_list("line", flat=True))


def _kept(line: str) -> tuple[int, str] | None:
    """Return a kept line's checkpoint and note; None where it cannot be read."""
    try:
        facts = json.loads(line)
        is_known = set(facts) == NAMES and (facts["format"], facts["version"]) == (FORMAT, 1)
        return (int(facts["number"]), str(facts["note"])) if is_known else None
    except (ValueError, TypeError, RecursionError):
        return None


def _checkpoints(numbers: set[int]) -> dict[int, str]:
    """Return the lines of these checkpoints, of this host's file first."""
    stored = AuditCheckpoint.objects.filter(number__in=numbers)
    found = dict(stored.values_list("number", "line"))
    each = enumerate(checkpoint_file.lines() if numbers else (), 1)
    return found | {number: line for number, line in each if number in numbers}


def _of_text(text: str) -> Checkpoint:
    """Return the checkpoint whose note has this text. Raises `BadNote`."""
    count = text.split("\n")[1]
    if count.isdecimal() and len(count) < 19:
        stored = AuditCheckpoint.objects.filter(count=int(count))
        for line in stored.values_list("line", flat=True):
            one = _read(line)
            if one is not None and one.tree is not None and one.note_text == text:
                return one
    raise BadNote("it is the note of no checkpoint of this log")


def _read(line: str) -> Checkpoint | None:
    try:
        return checkpoint_line.read(line)
    except ValueError:
        return None
