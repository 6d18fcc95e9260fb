"""Signed checkpoints of the log, kept in a file outside the database.

Each is one line of JSON: how many records there are, the hash of the newest, the checkpoint
before. Who rewrites the database cannot rewrite these without their key. Format, version 1::

    {"at", "count", "first", "format", "head", "network", "number", "previous", "public_key",
     "signature", "version"}

``count``: records; ``head``, ``first``: hashes of the newest and of the first record; ``previous``:
SHA-256 of the line before, without its line break (64 zeros for the first); ``public_key`` and
``signature``: Ed25519 in base64, over the same object without ``signature``, as JSON with sorted
keys, no spaces, pure ASCII.
"""

import base64
import binascii
import hashlib
import itertools
import json
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.db import connection, transaction
from django.utils.timezone import now as clock

from orders import checkpoint_file
from orders.canonical import FIRST_HASH, compact
from orders.checkpoint_file import CannotCheckpoint
from orders.models import AuditCheckpoint, AuditRecord
from orders.records import Fault

FORMAT = "pacifica-desk-checkpoint"
CHECKPOINT_LOCK = 0x50414350  # any constant of our own, for PostgreSQL's advisory lock


class CheckpointKeyWrong(Exception):
    """A checkpoint key setting cannot be used; the text names it and never shows its value."""


@dataclass(frozen=True)
class Checkpoint:
    """One line, read and found sound in itself."""

    number: int
    at: str
    count: int
    head: str
    first: str
    previous: str
    network: str
    public_key: str
    line: str

    @property
    def line_hash(self) -> str:
        """What the next checkpoint names as ``previous``."""
        return hashlib.sha256(self.line.encode("ascii")).hexdigest()


class Trail:
    """The checkpoints in order, read and checked one after the other, in constant memory.

    ``number``: how many held so far; ``newest``: the last of them; ``notes``: what to tell people.
    """

    def __init__(self):
        self.number, self.newest, self.notes = 0, None, []
        self._trusted = trusted_keys()
        self._only_copies = 0
        self._waiting = self._all()
        self._next = next(self._waiting, None)

    def up_to(self, position):
        """Yield what comes up to this many records: `Checkpoint`, or a `Fault` of the trail."""
        while self._next is not None and not (_count(self._next) > position):
            found, self._next = self._next, next(self._waiting, None)
            yield found
        if self._next is None and self._waiting is not None:
            self._waiting = None
            self.notes += self._final_notes()

    def _all(self):
        copies = AuditCheckpoint.objects.order_by("number").values_list("line", flat=True)
        pairs = itertools.zip_longest(checkpoint_file.lines(), copies.iterator(chunk_size=500))
        for number, (line, copy) in enumerate(pairs, 1):
            if line is None:
                self._only_copies += 1
            elif copy is None:
                yield _fault(number, "the database's copy of it is missing")
            elif line != copy:
                yield _fault(number, "the database's copy of it was changed")
            yield self._checked(copy if line is None else line)

    def _checked(self, line):
        """The checkpoint on this line where it goes on from the last one, or a fault."""
        try:
            one = read(line)
        except ValueError as error:
            return _fault((self.newest.number if self.newest else 0) + 1, str(error))
        why_not = self._why_not(one)
        if why_not:
            return _fault(one.number, why_not)
        self.number, self.newest = self.number + 1, one
        return one

    def _why_not(self, one):
        last = self.newest
        if self._trusted and one.public_key not in self._trusted:
            return "it is signed by a key that is not trusted here"
        if one.network != settings.PACIFICA_NETWORK:
            return f"it is of another network ({one.network})"
        follows = (last.number + 1, last.line_hash) if last else (1, FIRST_HASH)
        if (one.number, one.previous) != follows:
            return "it does not follow the checkpoint before it"
        if last and (one.count <= last.count or one.first != last.first):
            return "it contradicts the one before it"
        return ""

    def _final_notes(self):
        if self.newest is None:
            yield (
                "No checkpoint covers any record: set AUDIT_CHECKPOINT_KEY for the sweep. Until "
                "then whoever owns the database can rewrite the log as a whole."
            )
            return
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


def _count(found):
    """Where in the log a checkpoint stands; a fault of the trail comes at once."""
    return found.count if isinstance(found, Checkpoint) else 0


def signing_key() -> Ed25519PrivateKey | None:
    """The key this process signs with; only the sweep needs it. Raises `CheckpointKeyWrong`."""
    if not settings.AUDIT_CHECKPOINT_KEY:
        return None
    raw = _decoded("AUDIT_CHECKPOINT_KEY", settings.AUDIT_CHECKPOINT_KEY)
    return Ed25519PrivateKey.from_private_bytes(raw)


def trusted_keys() -> set[str]:
    """Public keys, base64, whose checkpoints count here; empty where none is configured."""
    listed = settings.AUDIT_CHECKPOINT_PUBLIC_KEYS.split(",")
    found = {one.strip() for one in listed if one.strip()}
    for one in found:
        _decoded("AUDIT_CHECKPOINT_PUBLIC_KEYS", one)
    private = signing_key()
    return found | ({public_half(private)} if private else set())


def public_half(private) -> str:
    """The public half of a signing key, in base64."""
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


def new_key() -> tuple[str, str]:
    """A new pair in base64: private (secret) and public."""
    private = Ed25519PrivateKey.generate()
    return base64.b64encode(private.private_bytes_raw()).decode(), public_half(private)


def make(*, now=clock) -> Checkpoint | None:
    """Sign what is new since the last checkpoint; None where nothing is.

    Raises `CannotCheckpoint` where the log contradicts what was signed before, for a checkpoint
    must never cover up what the last one shows; and where no key is configured.
    """
    key = signing_key()
    if key is None:
        raise CannotCheckpoint("AUDIT_CHECKPOINT_KEY: is not set, so no checkpoint can be signed.")
    with checkpoint_file.locked() as file:
        _bring_up_to_date(file)  # first, for it refuses a file that is not this database's
        with transaction.atomic():
            made = _insert(key, now())
        _bring_up_to_date(file)
    return made


def read(line: str) -> Checkpoint:
    """One line as a `Checkpoint` whose signature holds. Raises ValueError with what is wrong."""
    try:
        told = json.loads(line)
        signature = base64.b64decode(told.pop("signature"), validate=True)
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(told["public_key"]))
        public.verify(signature, compact(told).encode("ascii"))
        is_ours = told.pop("format") == FORMAT and told.pop("version") == 1
        checkpoint = Checkpoint(**told, line=line)
    except InvalidSignature:
        raise ValueError("its signature does not hold") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError("it cannot be read") from None
    if not is_ours:
        raise ValueError("it is of another format")
    return checkpoint


def _decoded(name, text):
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32:
        raise CheckpointKeyWrong(f"{name}: must be base64 of 32 bytes.")
    return raw


def _fault(number, what):
    return Fault(0, f"checkpoint {number}: {what}")


def _insert(key, now):
    """The next checkpoint, stored; None where there is nothing new."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHECKPOINT_LOCK])
    last = _last_sound()
    hashes = AuditRecord.objects.order_by("-position").values_list("position", "hash")
    count, head = hashes.first() or (0, FIRST_HASH)
    if count == (last.count if last else 0):
        return None
    line = _signed(
        key,
        number=last.number + 1 if last else 1,
        previous=last.line_hash if last else FIRST_HASH,
        at=now.isoformat(timespec="milliseconds"),
        count=count,
        head=head,
        first=last.first if last else hashes.get(position=1)[1],
        network=settings.PACIFICA_NETWORK,
    )
    made = read(line)
    AuditCheckpoint.objects.create(number=made.number, at=now, count=count, line=line)
    return made


def _last_sound():
    """The newest checkpoint, provided that the log still says what it signed."""
    line = AuditCheckpoint.objects.values_list("line", flat=True).first()
    if line is None:
        return None
    try:
        last = read(line)
    except ValueError as error:
        raise CannotCheckpoint(f"The newest stored checkpoint is not sound: {error}.") from None
    here = AuditRecord.objects.filter(position=last.count).values_list("hash", flat=True)
    if list(here) != [last.head]:
        raise CannotCheckpoint(f"The log contradicts checkpoint {last.number}. {RESTORED}")
    return last


RESTORED = (
    "Run audit_verify. If the database was restored from a backup, keep the old "
    "AUDIT_CHECKPOINT_FILE as evidence and name a new one."
)


def _signed(key, **told):
    told |= {"format": FORMAT, "version": 1, "public_key": public_half(key)}
    signature = key.sign(compact(told).encode("ascii"))
    return compact(told | {"signature": base64.b64encode(signature).decode()})


def _bring_up_to_date(file):
    """Write the stored checkpoints that this file lacks; a line torn by a crash is completed.

    Raises `CannotCheckpoint` where the file's last line is not the database's: one was changed.
    """
    last, torn = checkpoint_file.last_line(file)
    number = _number(last) if last else 0
    copies = AuditCheckpoint.objects.order_by("number").values_list("line", flat=True)
    if last and list(copies.filter(number=number)) != [last]:
        raise CannotCheckpoint(f"The file's checkpoints are not the database's. {RESTORED}")
    due = "".join(f"{line}\n" for line in copies.filter(number__gt=number))
    if not due.startswith(torn):
        raise CannotCheckpoint("The file of checkpoints ends in a torn line that is not ours.")
    checkpoint_file.append(file, due[len(torn) :])


def _number(line):
    try:
        return read(line).number
    except ValueError as error:
        raise CannotCheckpoint(f"The file's last checkpoint is not sound: {error}.") from None
