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
"""

import base64
import hashlib
import json
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from orders.audit.hashing import compact

FORMAT = "pacifica-desk-checkpoint"
OF_A_RESTORE = '"version":2'  # as the line of such a checkpoint says it


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

    @property
    def line_hash(self) -> str:
        """What the next checkpoint names as ``previous``."""
        return hashlib.sha256(self.line.encode("ascii")).hexdigest()


def read(line: str) -> Checkpoint:
    """Read one line, whose signature must hold. Raises ValueError with what is wrong."""
    try:
        facts = json.loads(line)
        signature = base64.b64decode(facts.pop("signature"), validate=True)
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(facts["public_key"]))
        public.verify(signature, compact(facts).encode("ascii"))
        is_known = facts.pop("format") == FORMAT
        is_known &= facts.pop("version") == (2 if type(facts.get("shared")) is int else 1)
        checkpoint = Checkpoint(**facts, line=line)
    except InvalidSignature:
        raise ValueError("its signature does not hold") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError("it cannot be read") from None
    if not is_known:
        raise ValueError("it is of another format")
    return checkpoint
