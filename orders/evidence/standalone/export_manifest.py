"""The manifest and the checkpoints of an export: what is signed, and what the signatures cover."""

import hashlib
from typing import Any

from export_files import Bundle, compact, decoded, indented, read, read_line
from export_findings import Findings, Unknown, say
from export_notes import is_noted
from export_requests import is_signed

FILES = {"chain.txt", "checkpoints.jsonl", "records.csv", "records.jsonl", "verify_export.py"}
MANIFEST = {
    *("chain", "count", "files", "first", "format", "is_covered", "last", "made_at", "made_by"),
    *("network", "public_key", "query", "signature", "version", "words"),
}


def is_sealed(sealed: dict[str, Any], trusted: set[str]) -> bool:
    """Whether a manifest or checkpoint is signed, and by a key that counts."""
    rest = dict(sealed)
    signature, key = rest.pop("signature", None), rest.get("public_key")
    if not signature or not key or (trusted and key not in trusted):
        return False
    try:
        return bool(is_signed(compact(rest), decoded(signature), decoded(key)))
    except (ValueError, TypeError):
        return False


def read_manifest(bundle: Bundle, wrong: Findings) -> dict[str, Any]:
    """Read the manifest, in its one spelling. Raises `Unknown`."""
    manifest, faults = read(bundle.bytes_of("manifest.json"), indented)
    for fault in faults:
        wrong("manifest.json " + fault)
    if not isinstance(manifest, dict) or manifest.get("format") != "pacifica-desk-export":
        raise Unknown("its manifest.json is none of an export")
    if repr(manifest.get("version")) not in ("1", "2"):
        raise Unknown("this verifier knows the versions 1 and 2 of an export alone")
    if set(manifest) != MANIFEST:
        wrong("manifest.json has other names than a manifest")
    return manifest


def check_manifest(
    bundle: Bundle, manifest: dict[str, Any], trusted: set[str], wrong: Findings
) -> None:
    """Check the manifest's signature, and every file against the manifest."""
    if not is_sealed(manifest, trusted):
        wrong("the manifest is not signed by the checkpoint key")
    if set(manifest["files"]) != FILES:
        wrong("manifest.json names other files than those of an export")
    for fault in bundle.faults(FILES | {"manifest.json"}):
        wrong(fault)
    for name in sorted(FILES & set(manifest["files"]) & set(bundle.names())):
        digest, length = hashlib.sha256(), 0
        with bundle.open(name) as file:
            for piece in iter(lambda: file.read(1 << 20), b""):
                digest.update(piece)
                length += len(piece)
        if {"length": length, "sha256": digest.hexdigest()} != manifest["files"][name]:
            wrong(name + " is not the file that the manifest names")


def check_checkpoints(
    bundle: Bundle, manifest: dict[str, Any], trusted: set[str], wrong: Findings
) -> dict[int, dict[str, Any]]:
    """Return the checkpoints at both ends of the chain and of restores within it, by count."""
    ends: dict[int, dict[str, Any]] = {}
    span = manifest["chain"]
    lines = bundle.bytes_of("checkpoints.jsonl").splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        told, faults = read_line(line)
        for fault in faults:
            wrong(f"checkpoints.jsonl, line {number}: it {fault}")
        if not isinstance(told, dict) or not is_sealed(told, trusted):
            wrong(f"checkpoints.jsonl, line {number}: it is not soundly signed")
        elif told["network"] != manifest["network"]:
            wrong(f"checkpoints.jsonl, line {number}: it is another network's")
        elif told["format"] != "pacifica-desk-checkpoint":
            wrong(f"checkpoints.jsonl, line {number}: it is no checkpoint")
        elif not is_noted(told):
            wrong(f"checkpoints.jsonl, line {number}: its note does not hold")
        elif told["count"] in ends or not stands_rightly(told, span):
            wrong(f"checkpoints.jsonl, line {number}: it stands at no end of the chain")
        else:
            ends[told["count"]] = told
            if told.get("version") == 2:
                tell_of_restore(told)
    return ends


def stands_rightly(checkpoint: dict[str, Any], span: dict[str, Any]) -> bool:
    """Whether it stands at an end of the chain, or within it and tells of a copy put back."""
    count = checkpoint["count"]
    if count in (span["after"], span["until"]):
        return True
    return checkpoint["version"] == 2 and bool(span["after"] < count < span["until"])


def tell_of_restore(checkpoint: dict[str, Any]) -> None:
    """Say what a checkpoint tells of an older copy of the database, put back before it."""
    say(
        "NOTE   checkpoint {number}: an older copy of the database was put back before it; of the "
        "records signed until then those after {shared} are lost. Accepted by {accepted_by} at "
        "{accepted_at}: {reason}".format(**checkpoint)
    )
