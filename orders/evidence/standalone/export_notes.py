"""Signed notes of checkpoints (C2SP): the log's own signature, and what witnesses outside saw.

A checkpoint of version 3 names the peaks of a Merkle tree (RFC 6962) over all records but its
newest, whose hash is ``head``: the note's root follows from both, so no other head has that note.
"""

import base64
import hashlib
import re
import time
from pathlib import Path
from typing import Any, NamedTuple

from export_files import decoded, read_line
from export_findings import Findings, Unknown
from export_requests import is_signed

NOTE_LINE = re.compile("\N{EM DASH} ([^\\s+]+) ([A-Za-z0-9+/=]+)")
NOTED = {"origin", "tree", "note_signature"}
WITNESS_KEY, ML_DSA_KEY = 4, 6
LATEST_SECOND = 253_402_300_799  # of the year 9999
Signed = tuple[str, bytes]  # a key's name, and what stands in base64 behind it


class NoteKey(NamedTuple):
    """A verifier key. ``id_``: the first four bytes of each signature by it."""

    name: str
    id_: bytes
    kind: int
    public: bytes


def note_key(name: str, kind: int, public: bytes) -> NoteKey:
    """Return a key with its id."""
    covered = name.encode() + b"\n" + bytes([kind]) + public
    return NoteKey(name, hashlib.sha256(covered).digest()[:4], kind, public)


def witness_key(text: str) -> NoteKey:
    """Read the verifier key of a witness. Raises `Unknown`."""
    try:
        name, id_, told = text.split("+", 2)
        raw = decoded(told)
        key = note_key(name, raw[0], raw[1:])
    except (ValueError, IndexError):
        raise Unknown("--witness: it is no verifier key") from None
    if key.id_.hex() != id_ or (key.kind, len(raw)) not in ((WITNESS_KEY, 33), (ML_DSA_KEY, 1313)):
        raise Unknown("--witness: it is no verifier key of a witness")
    return key


def tree_root(peaks: list[bytes]) -> bytes:
    """Return the root of the tree of these peaks, the largest first."""
    node = peaks[-1]
    for peak in reversed(peaks[:-1]):
        node = _joined(peak, node)
    return node


def _joined(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def note_text(checkpoint: dict[str, Any]) -> str:
    """Return what the note of a checkpoint of version 3 says. Raises ValueError where none can."""
    peaks = [decoded(each) for each in checkpoint["tree"]]
    before = checkpoint["count"] - 1
    if before < 0 or [len(peak) for peak in peaks] != [32] * bin(before).count("1"):
        raise ValueError("tree")
    node = hashlib.sha256(b"\0" + bytes.fromhex(checkpoint["head"])).digest()
    while before & 1:  # two perfect trees of one size become one
        node, before = _joined(peaks.pop(), node), before >> 1
    root = base64.b64encode(tree_root([*peaks, node])).decode()
    return f"{checkpoint['origin']}\n{checkpoint['count']}\n{root}\n"


def is_noted(checkpoint: dict[str, Any]) -> bool:
    """Whether the note of a checkpoint is signed as the line says, or an older one has none."""
    if checkpoint.get("version") != 3:
        return not NOTED & set(checkpoint)
    try:
        text, signature = note_text(checkpoint), decoded(checkpoint["note_signature"])
        is_one = "\n" not in checkpoint["origin"]  # else it could bring a root along
        return is_one and bool(
            is_signed(text.encode(), signature, decoded(checkpoint["public_key"]))
        )
    except (ValueError, TypeError, KeyError):
        return False


def read_note(note: str) -> "tuple[str, list[Signed]]":
    """Return the text of a note, and its signatures. Raises ValueError."""
    text, gap, tail = note.rpartition("\n\n")
    if not gap or not tail.endswith("\n") or re.search("[\x00-\x09\x0b-\x1f]", note):
        raise ValueError("it is no signed note")
    lines = [NOTE_LINE.fullmatch(line) for line in tail[:-1].split("\n")]
    found = [(line[1], decoded(line[2])) for line in lines if line]
    if len(found) != len(lines):
        raise ValueError("it is no signed note")
    return text + "\n", found


def witnessed(
    text: str, signatures: "list[Signed]", keys: list[NoteKey], wrong: Findings
) -> "list[tuple[int, str]]":
    """Return when which witness signed the text; other keys' signatures are passed over."""
    times = []
    for key in keys:
        for name, raw in signatures:
            if (name, raw[:4]) == (key.name, key.id_):
                if _holds(key, text, raw[4:]):
                    times.append((int.from_bytes(raw[4:12], "big"), key.name))
                else:
                    wrong(f"a cosigned note: the signature of {name} does not hold")
    return sorted(times)


def _holds(key: NoteKey, text: str, raw: bytes) -> bool:
    seconds = int.from_bytes(raw[:8], "big")
    if not 0 < seconds < 1 << 63:
        return False
    if key.kind == WITNESS_KEY:
        covered = f"cosignature/v1\ntime {seconds}\n{text}".encode()
        return bool(is_signed(covered, raw[8:], key.public))
    origin, count, root = text.split("\n")[:3]
    covered = b"subtree/v1\n\0" + _short(key.name) + raw[:8] + _short(origin)
    covered += bytes(8) + int(count).to_bytes(8, "big") + decoded(root)
    return _holds_ml_dsa(covered, raw[8:], key.public)


def _short(text: str) -> bytes:
    return bytes([len(text.encode())]) + text.encode()


def _holds_ml_dsa(data: bytes, signature: bytes, public: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

        MLDSA44PublicKey.from_public_bytes(public).verify(signature, data)
    except InvalidSignature:
        return False
    except (ImportError, UnsupportedAlgorithm):
        raise Unknown("this machine's cryptography library knows no ML-DSA-44") from None
    return True


def check_note(
    ends: dict[int, dict[str, Any]], path: str, keys: list[NoteKey], wrong: Findings
) -> str:
    """Hold a cosigned note, with or without a proof before it, against an export's checkpoints.

    Returns what to say. Raises `Unknown` where the note says nothing of them.
    """
    old, proof, note = _parts(Path(path).read_text("utf-8"))
    text, signatures = read_note(note)
    times = witnessed(text, signatures, keys, wrong)
    if not times:
        raise Unknown("the note is signed by none of the witnesses given by --witness")
    origin, told, root = text.split("\n")[:3]
    at = int(told) if old is None else old
    if at not in ends or ends[at].get("version") != 3:
        said = f"the note is of {told} records, and none of the export's checkpoints with a note is"
        raise Unknown(f"{said}: ask the firm for audit_note --old {max(ends, default=0)}")
    own = note_text(ends[at]).split("\n")
    if own[0] != origin:
        wrong(f"the note is of another log, {origin}")
    elif not is_prefix(at, int(told), decoded(own[2]), decoded(root), proof):
        wrong(f"the checkpoint at {at} is not in the log that {times[0][1]} saw")
    return f"The log up to record {at} is in the one of {told} records, seen {_seen(times)}."


def _seen(times: "list[tuple[int, str]]") -> str:
    moments = [time.gmtime(min(seconds, LATEST_SECOND)) for seconds, _ in times]
    told = [time.strftime("%Y-%m-%dT%H:%M:%SZ", moment) for moment in moments]
    return ", ".join(f"{told[n]} by {name}" for n, (_, name) in enumerate(times))


def _parts(text: str) -> "tuple[int | None, list[bytes], str]":
    """Return the records before, the proof and the note; None and no proof for a note alone."""
    if not text.startswith("old "):
        return None, [], text
    head, _, note = text.partition("\n\n")
    first, *lines = head.split("\n")
    return int(first[4:]), [decoded(line) for line in lines], note


def is_prefix(old: int, count: int, before: bytes, after: bytes, proof: list[bytes]) -> bool:
    """Whether the tree of ``count`` leaves goes on from the one of ``old`` (RFC 9162, 2.1.4.2)."""
    if not 0 < old < count:
        return old == count and before == after and not proof
    path = [before, *proof] if old & (old - 1) == 0 else list(proof)
    left, right = old - 1, count - 1
    while left & 1:
        left, right = left >> 1, right >> 1
    first = second = path[0] if path else b""
    for node in path[1:]:
        if not right:
            return False
        if left & 1 or left == right:
            first, second = _joined(node, first), _joined(node, second)
            while not left & 1 and left:
                left, right = left >> 1, right >> 1
        else:
            second = _joined(second, node)
        left, right = left >> 1, right >> 1
    return (first, second, right) == (before, after, 0)


def check_kept(checkpoints: str, keys: list[NoteKey], wrong: Findings) -> str:
    """Hold each cosigned note beside a checkpoint file against its line; return what to say."""
    lines = Path(checkpoints).read_bytes().split(b"\n")
    kept = Path(checkpoints + ".notes").read_bytes().splitlines(keepends=True)
    times = []
    for place, line in enumerate(kept, 1):
        facts, faults = read_line(line)
        try:
            text, signatures = read_note(facts["note"])
            if faults or note_text(_kept_checkpoint(facts, lines)) != text:
                wrong(f"cosigned note {place}: its checkpoint is not the one that was cosigned")
            times += witnessed(text, signatures, keys, wrong)
        except (ValueError, TypeError, KeyError, IndexError):
            wrong(f"cosigned note {place}: it cannot be read, or its checkpoint has no note")
    newest = f"the newest is of {_seen(sorted(times)[-1:])}" if times else "by no witness given"
    return f"{len(kept)} cosigned notes, {newest}."


def _kept_checkpoint(facts: dict[str, Any], lines: list[bytes]) -> dict[str, Any]:
    """Return the checkpoint that a kept note is of. Raises ValueError, TypeError or IndexError."""
    is_known = (facts["format"], facts["version"]) == ("pacifica-desk-cosigned-note", 1)
    if not is_known or facts["number"] < 1:
        raise ValueError("it is of another format")
    checkpoint: dict[str, Any] = read_line(lines[facts["number"] - 1] + b"\n")[0]
    return checkpoint
