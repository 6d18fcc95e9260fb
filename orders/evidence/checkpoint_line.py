"""A signed checkpoint of the log: one line of JSON in a file outside the database.

It says how many records there are, the hash of the newest, the checkpoint before. Who rewrites the
database cannot rewrite these without their key. Format, version 1::

    {"at", "count", "first", "format", "head", "network", "number", "previous", "public_key",
     "signature", "version"}

``count``: records; ``head``, ``first``: hashes of the newest and of the first record; ``previous``:
SHA-256 of the line before, without its line break (64 zeros for the first); ``public_key`` and
``signature``: Ed25519 in base64, over the same object without ``signature``, as JSON with sorted
keys, no spaces, pure ASCII.

Version 2 is signed once after an older copy of the database was put back and accepted. It has four
keys more: "accepted_at", "accepted_by", "reason", and "shared": of what the checkpoints before it
signed, only records up to that one are in the database for certain. ``count`` may be less than
that of the one before, and ``first`` another; all else is as in version 1.

Version 3 is version 1 and its C2SP signed note, where ``AUDIT_NOTE_ORIGIN`` is set: "origin", the
name of the log in it; "tree", the peaks (`orders.evidence.tree`) over all its records but the
newest, in base64, from which with ``head`` the note's root hash follows; "note_signature", by the
same key, in base64. A witness cosigns the note. Nobody can find another head for one root.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from orders.audit.hashing import compact
from orders.evidence import signed_note
from orders.evidence.signed_note import BadNote
from orders.evidence.tree import Tree

FORMAT = "pacifica-desk-checkpoint"
OF_A_RESTORE = '"version":2'  # as the line of such a checkpoint says it
OF_VERSION_3 = {"origin", "tree", "note_signature"}


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
    shared: int | None = None  # this and the rest: of version 2 alone
    accepted_at: str = ""
    accepted_by: str = ""
    reason: str = ""
    origin: str = ""  # this and the rest: of version 3 alone
    tree: list[str] | None = None
    note_signature: str = ""

    @property
    def line_hash(self) -> str:
        """What the next checkpoint names as ``previous``."""
        return hashlib.sha256(self.line.encode("ascii")).hexdigest()

    @property
    def whole_tree(self) -> Tree:
        """The tree over all its records; of version 3."""
        tree = Tree(self.count - 1, map(base64.b64decode, self.tree or ()))
        tree.add(self.head)
        return tree

    @property
    def note_text(self) -> str:
        """What its note says and witnesses cosign; of version 3."""
        return signed_note.checkpoint(self.origin, self.count, self.whole_tree.root())

    @property
    def note(self) -> str:
        """Its signed note; of version 3."""
        raw = base64.b64decode(self.note_signature)
        return f"{self.note_text}\n{signed_note.Signature(self.origin, self.note_key.id_, raw)}"

    @property
    def note_key(self) -> signed_note.Key:
        """The key by which its note is checked; of version 3."""
        return signed_note.key(
            self.origin, signed_note.LOG, base64.b64decode(self.public_key, validate=True)
        )


def read(line: str) -> Checkpoint:
    """Read one line, whose signature must hold. Raises ValueError with what is wrong."""
    try:
        facts = json.loads(line)
        signature = base64.b64decode(facts.pop("signature"), validate=True)
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(facts["public_key"]))
        public.verify(signature, compact(facts).encode("ascii"))
        is_known = facts.pop("format") == FORMAT
        is_known &= facts.pop("version") == _version(facts)
        checkpoint = Checkpoint(**facts, line=line)
        if is_known and checkpoint.tree is not None:
            _check_note(checkpoint)
    except InvalidSignature:
        raise ValueError("its signature does not hold") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError("it cannot be read") from None
    if not is_known:
        raise ValueError("it is of another format")
    return checkpoint


def _version(facts: dict[str, Any]) -> int | None:
    """Return the version that these names are of."""
    if not facts.keys() & OF_VERSION_3:
        return 2 if type(facts.get("shared")) is int else 1
    return 3 if facts.keys() >= OF_VERSION_3 and "shared" not in facts else None


def _check_note(one: Checkpoint) -> None:
    """Raise ValueError where the note of a checkpoint of version 3 does not hold."""
    peaks = [base64.b64decode(each, validate=True) for each in one.tree or ()]
    if [len(peak) for peak in peaks] != [32] * (one.count - 1).bit_count():
        raise ValueError(one.tree)
    try:  # reading it refuses a name of several lines, which would bring a root along
        text, (signature,) = signed_note.read(one.note)
        signed_note.check(one.note_key, text, signature.raw)
    except BadNote:
        raise ValueError(one.note) from None
