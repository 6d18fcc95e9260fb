"""Sign checkpoints of the log, each going on from the one before; their keys.

What a line says: `orders.evidence.checkpoint_line`.
"""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from orders.audit import reader
from orders.audit.hashing import FIRST_HASH, compact
from orders.evidence import checkpoint_file, log_tree, signed_note
from orders.evidence.checkpoint_file import CannotCheckpoint
from orders.evidence.checkpoint_line import FORMAT, Checkpoint, read
from orders.evidence.tree import Tree
from orders.models import AuditCheckpoint, AuditRecord, Restore, advisory_lock

CHECKPOINT_LOCK = 0x50414350  # any constant of our own, for PostgreSQL's advisory lock
Facts = dict[str, int | str | list[str]]


class CheckpointKeyWrong(Exception):
    """A checkpoint key setting cannot be used; the text names it and never shows its value."""


def signing_key() -> Ed25519PrivateKey | None:
    """Return the key this process signs with; only the sweep needs it. `CheckpointKeyWrong`."""
    if not settings.AUDIT_CHECKPOINT_KEY:
        return None
    raw = _decoded("AUDIT_CHECKPOINT_KEY", settings.AUDIT_CHECKPOINT_KEY)
    return Ed25519PrivateKey.from_private_bytes(raw)


def trusted_keys() -> set[str]:
    """Return the public keys, base64, that count here; empty where none is configured."""
    listed = settings.AUDIT_CHECKPOINT_PUBLIC_KEYS.split(",")
    keys = {text.strip() for text in listed if text.strip()}
    for key in keys:
        _decoded("AUDIT_CHECKPOINT_PUBLIC_KEYS", key)
    private = signing_key()
    return keys | ({public_half(private)} if private else set())


def public_half(private: Ed25519PrivateKey) -> str:
    """Return the public half of a signing key, in base64."""
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


def new_key() -> tuple[str, str]:
    """Make a new pair in base64: private (secret) and public."""
    private = Ed25519PrivateKey.generate()
    return base64.b64encode(private.private_bytes_raw()).decode(), public_half(private)


def make(*, clock: Callable[[], datetime] = timezone.now) -> Checkpoint | None:
    """Sign what is new since the last checkpoint; None where nothing is.

    Raises `CannotCheckpoint` where the log contradicts what was signed before, for a checkpoint
    must never cover up what the last one shows; and where no key is configured.
    """
    key = signing_key()
    if key is None:
        raise CannotCheckpoint("AUDIT_CHECKPOINT_KEY: is not set, so no checkpoint can be signed.")
    with checkpoint_file.locked() as file:
        with transaction.atomic(durable=True):
            went_on = _go_on(file, key, clock())
        _bring_up_to_date(file)  # first, for it refuses a file that is not this database's
        tree = _tree_so_far()  # outside the transaction, for it may walk the whole log, once
        with transaction.atomic(durable=True):
            made = _insert(key, clock(), tree)
        _bring_up_to_date(file)
    return made or went_on


def is_ours(checkpoint: Checkpoint, trusted: set[str]) -> bool:
    """Whether a sound checkpoint is of this network, and signed by a key that counts here."""
    is_trusted = not trusted or checkpoint.public_key in trusted
    return is_trusted and checkpoint.network == settings.PACIFICA_NETWORK


def _decoded(name: str, text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32:
        raise CheckpointKeyWrong(f"{name}: must be base64 of 32 bytes.")
    return raw


def _tree_so_far() -> Tree | None:
    """Return the tree over the log but its newest record; None where no note is wanted."""
    if not settings.AUDIT_NOTE_ORIGIN:
        return None
    line = AuditCheckpoint.objects.values_list("line", flat=True).first()
    last = None if line is None else _sound(line, "The newest stored")
    tree = last.whole_tree if last is not None and last.tree is not None else Tree()
    log_tree.grow(tree, reader.tip() - 1)
    return tree


def _insert(key: Ed25519PrivateKey, now: datetime, tree: Tree | None) -> Checkpoint | None:
    """Store and return the next checkpoint; None where there is nothing new."""
    advisory_lock.hold(CHECKPOINT_LOCK)
    last = _last_sound()
    hashes = AuditRecord.objects.order_by("-position").values_list("position", "hash")
    count, head = hashes.first() or (0, FIRST_HASH)
    if count == (last.count if last else 0):
        return None
    first = last.first if last else _hash_of(1)
    facts: Facts = {"count": count, "head": head, "first": first}
    if tree is not None:
        log_tree.grow(tree, count - 1)
        facts |= _with_note(key, tree, head)
    return _next(key, last, now, facts)


def _with_note(key: Ed25519PrivateKey, tree: Tree, head: str) -> Facts:
    """Return what version 3 adds. ``tree``: over all records but the newest."""
    peaks = [base64.b64encode(peak).decode() for peak in tree.peaks]
    tree.add(head)
    text = signed_note.checkpoint(origin(), tree.count, tree.root())
    signature = base64.b64encode(key.sign(text.encode())).decode()
    return {"version": 3, "origin": origin(), "tree": peaks, "note_signature": signature}


def origin() -> str:
    """Return the log's name in notes: another one since an older copy of the database went on.

    Under one name a witness never takes a log that does not go on from what it saw.
    """
    restore = Restore.objects.exclude(checkpoint=None).order_by("-checkpoint").first()
    after = f"/after-{restore.checkpoint}" if restore else ""
    return f"{settings.AUDIT_NOTE_ORIGIN}{after}"


def _next(
    key: Ed25519PrivateKey, last: Checkpoint | None, now: datetime, facts: Facts
) -> Checkpoint:
    """Sign what comes after ``last``, and store it."""
    facts |= {
        "number": last.number + 1 if last else 1,
        "previous": last.line_hash if last else FIRST_HASH,
        "at": now.isoformat(timespec="milliseconds"),
        "network": settings.PACIFICA_NETWORK,
    }
    line = _signed(key, **facts)
    made = read(line)
    AuditCheckpoint.objects.create(number=made.number, at=now, count=made.count, line=line)
    return made


def _hash_of(position: int) -> str:
    return AuditRecord.objects.values_list("hash", flat=True).get(position=position)


def _go_on(file: BinaryIO, key: Ed25519PrivateKey, now: datetime) -> Checkpoint | None:
    """Go on after what this host's file tells of an accepted restore; None where there is none.

    The checkpoints that the copy had not yet come back to it as lost, and the next says since when.
    """
    advisory_lock.hold(CHECKPOINT_LOCK)
    accepted = Restore.objects.unsigned().first()
    line, _ = checkpoint_file.last_line(file)
    if accepted is None or line is None or AuditCheckpoint.objects.filter(line=line).exists():
        return None
    last = _take_over(_sound(line), accepted, now)
    newest = AuditRecord.objects.order_by("-position").values_list("position", "hash")[0]
    facts: Facts = {
        "version": 2,
        "count": newest[0],
        "head": newest[1],
        "first": _hash_of(1),
        "shared": accepted.shared,
        "accepted_at": accepted_at(accepted),
        "accepted_by": accepted.operator_name,
        "reason": accepted.reason,
    }
    made = _next(key, last, now, facts)
    Restore.objects.filter(pk=accepted.pk).update(checkpoint=made.number)
    return made


def accepted_at(accepted: Restore) -> str:
    """Return when an accepted copy was accepted, as a checkpoint writes it."""
    assert accepted.accepted_at is not None  # written together with the acceptance
    return accepted.accepted_at.isoformat(timespec="milliseconds")


def _take_over(last: Checkpoint, accepted: Restore, now: datetime) -> Checkpoint:
    """Store the file's checkpoints that the database lacks; ``last``, the newest of them."""
    if last.line_hash != accepted.line_hash:
        raise CannotCheckpoint(
            f"This host's file ends with checkpoint {last.number}; an older copy was accepted "
            f"after checkpoint {accepted.number} of another host's. If this host's sweep should "
            "sign, keep this file as evidence and name a new AUDIT_CHECKPOINT_FILE."
        )
    copies = dict(AuditCheckpoint.objects.values_list("number", "line"))
    for number, line in enumerate(checkpoint_file.lines(), 1):
        if copies.get(number, line) != line:
            raise CannotCheckpoint(
                f"The file's checkpoint {number} is not the database's. {RESTORED}"
            )
        if number not in copies:
            lost = _sound(line)
            at = datetime.fromisoformat(lost.at)
            AuditCheckpoint.objects.create(
                number=number, at=at, count=lost.count, line=line, lost_at=now
            )
    return last


def _last_sound() -> Checkpoint | None:
    """Return the newest checkpoint, provided that the log still says what it signed."""
    line = AuditCheckpoint.objects.values_list("line", flat=True).first()
    if line is None:
        return None
    last = _sound(line, "The newest stored")
    here = AuditRecord.objects.filter(position=last.count).values_list("hash", flat=True)
    if list(here) != [last.head]:
        raise CannotCheckpoint(f"The log contradicts checkpoint {last.number}. {RESTORED}")
    return last


RESTORED = (
    "Run audit_verify. If the database was restored from a backup, an administrator accepts that: "
    "manage.py accept_restored."
)


def _signed(key: Ed25519PrivateKey, **facts: int | str | list[str]) -> str:
    unsigned = {"version": 1} | facts | {"format": FORMAT, "public_key": public_half(key)}
    signature = key.sign(compact(unsigned).encode("ascii"))
    return compact(unsigned | {"signature": base64.b64encode(signature).decode()})


def _bring_up_to_date(file: BinaryIO) -> None:
    """Write the stored checkpoints that this file lacks; a line torn by a crash is completed.

    Raises `CannotCheckpoint` where the file's last line is not the database's: one was changed.
    """
    last, torn = checkpoint_file.last_line(file)
    number = 0 if last is None else _sound(last).number
    copies = AuditCheckpoint.objects.order_by("number").values_list("line", flat=True)
    if last is not None and list(copies.filter(number=number)) != [last]:
        raise CannotCheckpoint(f"The file's checkpoints are not the database's. {RESTORED}")
    lines = list(copies.filter(number__gt=number))
    for line in lines:  # what is none would stand in the file for ever
        _sound(line, "A stored")
    due = "".join(f"{line}\n" for line in lines)
    if not due.startswith(torn):
        raise CannotCheckpoint("The file of checkpoints ends in a torn line that is not ours.")
    checkpoint_file.append(file, due[len(torn) :])


def _sound(line: str, which: str = "The file's last") -> Checkpoint:
    try:
        return read(line)
    except ValueError as error:
        raise CannotCheckpoint(f"{which} checkpoint is not sound: {error}.") from None
