"""Signed notes, checkpoints and cosignatures as C2SP writes them down. Pure.

A note is a text, an empty line, and signature lines: an em dash, the key's name, and the base64 of
the key's id (4 bytes) and the signature. What counts here are the kinds ``LOG`` (Ed25519 over the
text, 0x01), ``WITNESS`` (Ed25519 over a time and the text, 0x04) and ``WITNESS_ML_DSA`` (ML-DSA-44
over a time, the witness's name and what the text says, 0x06). A key is told as ``name+id+key``.

Sources: c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature, each v1.0.0.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

LOG, WITNESS, WITNESS_ML_DSA = 1, 4, 6
KEY_BYTES = {LOG: 32, WITNESS: 32, WITNESS_ML_DSA: 1312}
MOST_LINES = 100  # of signatures; the specification asks for 16 at least
DASH = "\N{EM DASH} "
LINE = re.compile(DASH + r"([^\s+]+) ([A-Za-z0-9+/=]+)")
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")


class BadNote(Exception):
    """A note, a line of it or a key proves nothing; the text says why."""


@dataclass(frozen=True)
class Key:
    """A verifier key. ``id_``: 4 bytes; ``public``: the key's own bytes."""

    name: str
    id_: bytes
    kind: int
    public: bytes


@dataclass(frozen=True)
class Signature:
    """One signature line. ``raw``: what follows the key's id."""

    name: str
    id_: bytes
    raw: bytes

    def __str__(self) -> str:
        return f"{DASH}{self.name} {_spelled(self.id_ + self.raw)}\n"


def key(name: str, kind: int, public: bytes) -> Key:
    """Return a key under the id that the specification recommends."""
    covered = name.encode() + b"\n" + bytes([kind]) + public
    return Key(name, hashlib.sha256(covered).digest()[:4], kind, public)


def vkey(one: Key) -> str:
    """Return the text by which a key is told to others."""
    return f"{one.name}+{one.id_.hex()}+{_spelled(bytes([one.kind]) + one.public)}"


def read_vkey(text: str) -> Key:
    """Read such a text. Raises `BadNote`."""
    name, _, rest = text.partition("+")
    id_, _, told = rest.partition("+")
    raw = _bytes(told)
    kind, public = raw[:1], raw[1:]
    if not LINE.fullmatch(f"{DASH}{name} {told}") or KEY_BYTES.get(kind[0]) != len(public):
        raise BadNote("it is no verifier key of a known kind")
    found = key(name, kind[0], public)
    if found.id_.hex() != id_:
        raise BadNote("its id is not that of its name and key")
    return found


def checkpoint(origin: str, count: int, root: bytes) -> str:
    """Return the text of a log's checkpoint."""
    return f"{origin}\n{count}\n{_spelled(root)}\n"


def read(note: str) -> tuple[str, list[Signature]]:
    """Return a note's text and its signatures, none checked. Raises `BadNote`."""
    text, gap, tail = note.rpartition("\n\n")
    if not gap or not text or not tail.endswith("\n") or CONTROLS.search(note):
        raise BadNote("it is no signed note")
    lines = tail[:-1].split("\n")
    if len(lines) > MOST_LINES:
        raise BadNote("it has too many signatures")
    return text + "\n", [read_line(line) for line in lines]


def read_line(line: str) -> Signature:
    """Read one signature line, without its line break. Raises `BadNote`."""
    found = LINE.fullmatch(line)
    raw = _bytes(found[2]) if found else b""
    if found is None or len(raw) < 5:
        raise BadNote("it has a line that is no signature")
    return Signature(found[1], raw[:4], raw[4:])


def of_key(one: Key, signatures: list[Signature]) -> list[Signature]:
    """Return the signatures that bear this key's name and id."""
    return [each for each in signatures if (each.name, each.id_) == (one.name, one.id_)]


def check(one: Key, text: str, raw: bytes) -> int:
    """Check a signature; return its time in seconds since 1970, 0 for a log's. `BadNote`."""
    try:
        if one.kind == LOG:
            Ed25519PublicKey.from_public_bytes(one.public).verify(raw, text.encode())
            return 0
        return _check_witness(one, text, raw)
    except (InvalidSignature, ValueError, OverflowError):
        raise BadNote(f"the signature of {one.name} does not hold") from None
    except UnsupportedAlgorithm:
        raise BadNote(f"this machine cannot check ML-DSA-44, by which {one.name} signs") from None


def _check_witness(one: Key, text: str, raw: bytes) -> int:
    """Check a cosignature. Raises InvalidSignature or ValueError."""
    seconds = int.from_bytes(raw[:8], "big")
    if one.kind == WITNESS:
        covered = f"cosignature/v1\ntime {seconds}\n{text}".encode()
        Ed25519PublicKey.from_public_bytes(one.public).verify(raw[8:], covered)
    else:
        covered = _subtree(one.name, raw[:8], text)
        MLDSA44PublicKey.from_public_bytes(one.public).verify(raw[8:], covered)
    if not 0 < seconds < 1 << 63:
        raise ValueError(seconds)
    return seconds


def _subtree(name: str, seconds: bytes, text: str) -> bytes:
    """Return what an ML-DSA-44 cosignature covers. Raises ValueError where it is no checkpoint."""
    origin, count, root, *_ = text.split("\n")
    ends = bytes(8) + int(count).to_bytes(8, "big")
    return b"subtree/v1\n\0" + _short(name) + seconds + _short(origin) + ends + _bytes(root)


def _short(text: str) -> bytes:
    data = text.encode()
    return bytes([len(data)]) + data


def _spelled(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    """Decode base64 in its one spelling. Raises `BadNote`."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data or _spelled(data) != text:
        raise BadNote("it has a part that is no base64")
    return data
