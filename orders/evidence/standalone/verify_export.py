"""Check an export of Pacifica Desk's audit log on any machine: `python verify_export.py EXPORT`.

EXPORT is the zip file or its unpacked folder. Needs Python 3.9 or newer, the ``cryptography``
library, nothing of the app. It checks the manifest's signature,
each file's hash and spelling, the chain from checkpoint to checkpoint, every record's own hash,
payload and place in that chain, every cell of the table, and the Ed25519 signature of every request
to the exchange against the text that its body stands for.

Give the checkpoint key that the firm told you by another way (--key BASE64); without it the key in
the export itself is believed, and shown for you to compare. Exit code 0: all holds; 1: something
does not; 2: it could not be checked.
"""

import argparse
import hashlib
import io
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent))
if __name__ == "__main__":
    sys.dont_write_bytecode = True  # an export holds its own files alone
# The parts beside this file, read from here; an export brings all of it in one file.
from export_files import Bundle, Table, compact, decoded, is_placed, read, read_line
from export_findings import Findings, Unknown, say
from export_manifest import check_checkpoints, check_manifest, read_manifest
from export_notes import check_kept, check_note, witness_key
from export_requests import ACTIONS, HEADER, TYPES, Unsound, check_request
from export_stamps import check_stamps

__all__ = ["ACTIONS", "HEADER", "TYPES"]
FIRST_HASH = "0" * 64
RECORD = {
    *("account_address", "account_id", "account_name", "address", "at", "body_length"),
    *("body_sha256", "data", "desk_id", "desk_name", "event", "job_id", "kept_sha256"),
    *("operator_id", "operator_name", "orders", "outcome", "position", "salt", "session_hash"),
    "version",
}
ENDS = "first", "last"
HASH = re.compile(rb"[0-9a-f]{64}\n")
HASHES = {"content_hash", "hash", "previous_hash"}
LINES = {1: HASHES | {"payload", "record"}, 2: HASHES | {"payload", "record", "what"}}


def sha256(data: bytes) -> str:
    """Return SHA-256 as hex."""
    return hashlib.sha256(data).hexdigest()


def check_chain(
    bundle: Bundle, manifest: dict[str, Any], ends: dict[int, dict[str, Any]], wrong: Findings
) -> "tuple[Seen, bool]":
    """Follow the chain; check every exported record where it is passed.

    Returns what was seen, and whether a checkpoint covers the end.
    """
    span, seen = manifest["chain"], Seen()
    hash_, position = span["after_hash"], span["after"]
    start = ends[position]["head"] if position in ends else FIRST_HASH
    if hash_ != start or (position and position not in ends):
        wrong("the chain does not begin at a signed checkpoint")
    with bundle.open("chain.txt") as chain:
        records = records_of(bundle, manifest["version"], wrong)
        record = next(records, None)
        for line in chain:
            content_hash, previous = line[:-1].decode("ascii", "replace"), hash_
            position += 1
            if not HASH.fullmatch(line):
                wrong(f"chain.txt, line {position - span['after']}: it is no hash")
            hash_ = sha256((previous + content_hash).encode("ascii", "replace"))
            if position in ends and ends[position]["head"] != hash_:
                wrong(f"the chain is not the one that the checkpoint at {position} signed")
            while record is not None and place(record) == position:
                if seen.last == position:
                    wrong(f"record {position} is there twice")
                seen.add(position, looked(record, content_hash, previous, hash_, wrong))
                record = next(records, None)
        while record is not None:
            wrong(f"record {place(record)} stands outside the chain or out of order")
            seen.add(place(record))
            record = next(records, None)
    if [seen.count, seen.first, seen.last] != [manifest[name] for name in ("count", *ENDS)]:
        wrong(f"{seen} where the manifest says {manifest['count']}, {_span(manifest)}")
    is_covered = position in ends
    if position != span["until"]:
        wrong("the chain does not end where the manifest says")
    if manifest["is_covered"] is not is_covered:
        wrong("manifest.json says something else of the checkpoint at the end")
    return seen, is_covered


class Seen:
    """How many records were passed, the first and the last, and the signatures in them."""

    count = first = last = signatures = 0

    def add(self, position: int, signatures: int = 0) -> None:
        """Count one more record."""
        self.count += 1
        self.first, self.last = self.first or position, position
        self.signatures += signatures

    def __str__(self) -> str:
        return f"{self.count} records ({self.first} to {self.last})"


def records_of(bundle: Bundle, version: int, wrong: Findings) -> Iterator[dict[str, Any]]:
    """Yield each record that can be placed; tell what is wrong with its line or its row."""
    with bundle.open("records.jsonl") as file, bundle.open("records.csv") as rows:
        table = Table(rows, version > 1, wrong)
        for number, line in enumerate(file, 1):
            record, faults = read_line(line)
            name = f"records.jsonl, line {number}"
            if is_placed(record):
                name = f"record {place(record)}"
                faults += _foreign(record, version)
                yield record
            for fault in faults:
                wrong(f"{name}: its line {fault}")
            table.check(name, record)
        table.end()


def _foreign(line: dict[str, Any], version: int) -> list[str]:
    is_known = set(line) == LINES[version] and set(line["record"]) == RECORD
    data = read(line["record"].get("data"), spelling=None)[1]
    repeats = [f"has data that {fault}" for fault in data if "repeats" in fault]
    return repeats if is_known else ["has other names than a record", *repeats]


def place(line: dict[str, Any]) -> int:
    """Return the position of a record that `is_placed`."""
    position: int = line["record"]["position"]
    return position


def looked(
    line: dict[str, Any], content_hash: str, previous: str, hash_: str, wrong: Findings
) -> int:
    """Check one record. One that makes the check itself fail is wrong; the walk goes on."""
    try:
        return check_record(line, content_hash, previous, hash_, wrong)
    except Exception as error:
        wrong(f"record {place(line)}: it cannot be checked: {type(error).__name__}")
        return 0


def check_record(
    line: dict[str, Any], content_hash: str, previous: str, hash_: str, wrong: Findings
) -> int:
    """Check one record's hashes, payload and signatures; return how many signatures."""
    record, name = line["record"], f"record {place(line)}: "
    if sha256(compact(record)) != content_hash:
        wrong(name + "its content is not what the chain holds at its position")
    if (line["content_hash"], line["previous_hash"], line["hash"]) != (
        content_hash,
        previous,
        hash_,
    ):
        wrong(name + "its hashes are not those of the chain")
    body = None if line["payload"] is None else decoded(line["payload"])
    if ("" if body is None else sha256(body)) != record["kept_sha256"]:
        wrong(name + "its payload is not the one it was recorded with")
    is_whole = body is not None and len(body) == record["body_length"]
    if body is not None and is_whole and sha256(body) != record["body_sha256"]:
        wrong(name + "its whole payload has another hash")
    if record["event"] != "request":
        return 0
    try:
        return int(check_request(record, body))
    except Exception as error:  # its bytes may hold anything
        wrong(name + (str(error) if isinstance(error, Unsound) else "it is no sound request"))
        return 0


def opened(path: str) -> Bundle:
    """Open the export's files. Raises `Unknown` where it is none, or not all of one."""
    if not Path(path).exists():
        raise Unknown("there is no such file or folder")
    try:
        bundle = Bundle(path)
    except zipfile.BadZipFile:
        raise Unknown("it is no zip file, or not the whole of one") from None
    if "manifest.json" not in bundle.names():
        raise Unknown("it holds no manifest.json, as an export does")
    return bundle


def main() -> int:
    """Check one export; return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a console may know few characters
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("export", help="the zip file, or its unpacked folder")
    parser.add_argument("--key", action="append", default=[], help="a trusted checkpoint key")
    parser.add_argument("--checkpoints", help="the checkpoint file, its time stamps beside it")
    parser.add_argument("--chain", help="the time stamping authorities' certificates, PEM")
    parser.add_argument("--note", help="a note of the log that witnesses cosigned")
    parser.add_argument("--witness", action="append", default=[], help="a witness's verifier key")
    options = parser.parse_args()
    wrong, trusted = Findings(), set(options.key)
    try:
        bundle = opened(options.export)
        manifest = read_manifest(bundle, wrong)
        check_manifest(bundle, manifest, trusted, wrong)
        ends = check_checkpoints(bundle, manifest, trusted, wrong)
        seen, is_covered = check_chain(bundle, manifest, ends, wrong)
        tell(manifest, seen, is_covered, trusted)
        if options.checkpoints:
            say(check_stamps(bundle, options.checkpoints, options.chain, trusted, wrong))
        check_notes(ends, options, wrong)
    except Exception as error:  # an export may hold anything
        why = error if isinstance(error, Unknown) else f"{type(error).__name__}: {error}"
        print(f"It cannot be checked to its end: {str(why)!a}", file=sys.stderr)
        return 1 if wrong.count else 2
    if wrong.count:
        print("1 thing is wrong." if wrong.count == 1 else f"{wrong.count} things are wrong.")
        return 1
    print("All of it holds.")
    return 0


def check_notes(
    ends: dict[int, dict[str, Any]], options: argparse.Namespace, wrong: Findings
) -> None:
    """Check what witnesses cosigned: the note given, and those beside the checkpoint file."""
    keys = [witness_key(text) for text in options.witness]
    if options.note:
        say(check_note(ends, options.note, keys, wrong))
    if options.checkpoints and keys and Path(options.checkpoints + ".notes").exists():
        say(check_kept(options.checkpoints, keys, wrong))


def tell(manifest: dict[str, Any], seen: Seen, is_covered: bool, trusted: set[str]) -> None:
    """Say what was looked at, and what no verifier can know."""
    say(f"Asked: {manifest['words']}. Made {manifest['made_at']} by {manifest['made_by']}.")
    print(f"{seen}, {seen.signatures} signatures.")
    if manifest["version"] == 1:
        print(
            "NOTE   the sentences of records.csv (what) stand nowhere else; the rest was compared"
        )
    if not is_covered:
        print("NOTE   no checkpoint covers the end: the newest records could be rewritten.")
    if not trusted:
        print(f"NOTE   compare this key with the one you were told: {manifest['public_key']}")
    print("NOTE   an export cannot show that no other record fits what was asked.")


def _span(manifest: dict[str, Any]) -> str:
    return f"{manifest['first']} to {manifest['last']}"


if __name__ == "__main__":
    sys.exit(main())
