"""Write evidence that needs no app to be checked: records, chain, checkpoints, signed manifest.

A bundle is a folder, later a zip file, with

- ``records.jsonl``: each record exactly, one JSON object a line;
- ``records.csv``: the same for spreadsheets, not exact; each cell follows from the line;
- ``chain.txt``: the content hash of every record of the span, exported or not, one a line;
- ``checkpoints.jsonl``: the signed checkpoints that the span begins and ends with;
- ``verify_export.py``: the verifier, which needs Python and the cryptography library;
- ``manifest.json``: what was asked, counts, length and hash of each file, signed.

The chain is followed from checkpoint to checkpoint by content hashes alone. So a bundle proves
that each of its records stands unchanged at its position of the signed log; it cannot prove that
no other record fits the query, for it does not hold the others.
"""

import base64
import csv
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db.models import QuerySet

from desk import private
from orders.audit import hashing, reader, sentences
from orders.audit.phrases import OrderName
from orders.audit.reader import Broken, Entry
from orders.evidence import checkpoint_line, checkpoints
from orders.evidence.checkpoint_line import Checkpoint
from orders.models import AuditCheckpoint, AuditRecord
from orders.models.in_pages import in_pages

FORMAT = "pacifica-desk-export"
VERSION = 2  # 1 had no sentence in its lines, so that of the table stood alone
VERIFIER = Path(__file__).parent / "standalone" / "verify_export.py"
PARTS = [
    VERIFIER.with_name(f"export_{part}.py")
    for part in ("files", "findings", "requests", "notes", "manifest", "stamps")
]
RECORDS, TABLE, CHAIN = "records.jsonl", "records.csv", "chain.txt"
CHECKPOINTS, MANIFEST = "checkpoints.jsonl", "manifest.json"
COPY_BYTES = 1024 * 1024
COLUMNS = (
    "position",
    "time_utc",
    "what",
    "event",
    "outcome",
    "operator",
    "address",
    "desk",
    "account",
    "account_address",
    "job",
    "orders",
    "payload_bytes",
    "hash",
)


class LogBroken(Exception):
    """The log holds something that is no record, so nothing sound can be written."""


def write_records(
    folder: Path,
    entries: Iterator[Entry | Broken],
    *,
    lengths: dict[str, int] | None = None,
    on_chunk: Callable[[int, dict[str, int], int], None] | None = None,
) -> int:
    """Write both files of records, going on from ``lengths`` (bytes by file name); return how many.

    ``on_chunk(position, lengths, count)`` hears of each thousand written. Raises `LogBroken`.
    """
    lengths, count = lengths or {}, 0
    with (
        _opened(folder / RECORDS, lengths.get(RECORDS, 0)) as lines,
        _opened(folder / TABLE, lengths.get(TABLE, 0)) as table,
    ):
        if not table.tell():
            table.write(_row(COLUMNS))
        for entry in entries:
            if not isinstance(entry, Entry):
                raise LogBroken(f"Record {entry.position}: {entry.what}.")
            lines.write(line_of(entry))
            table.write(_row(cells(entry)))
            count += 1
            if on_chunk is not None and count % reader.CHUNK == 0:
                for file in (lines, table):  # what is told as written outlives this process
                    file.flush()
                    os.fsync(file.fileno())
                on_chunk(entry.position, {RECORDS: lines.tell(), TABLE: table.tell()}, count)
    return count


def line_of(entry: Entry) -> bytes:
    """Return one record, exactly, with its payload in base64 and the table's sentence."""
    values, body = entry.values, entry.body
    line = {name: values[name] for name in ("content_hash", "hash", "previous_hash")}
    line["payload"] = None if body is None else base64.b64encode(body).decode()
    line["record"] = hashing.content(values, entry.rows)
    line["what"] = what(entry)
    return hashing.compact(line).encode("ascii") + b"\n"


def cells(entry: Entry) -> list[int | str]:
    """Return one record as a row for spreadsheets, in the order of `COLUMNS`."""
    values, rows = entry.values, entry.rows
    names = [str(row[4] or row[5] or "") for row in rows]
    return [
        values["position"],
        values["at"].strftime("%Y-%m-%d %H:%M:%S.%f"),
        what(entry),
        values["event"],
        values["outcome"],
        values["operator_name"],
        values["address"],
        values["desk_name"],
        values["account_name"],
        values["account_address"],
        values["job_id"] or "",
        " ".join(name for name in names if name),
        "" if values["body_length"] is None else values["body_length"],
        values["hash"],
    ]


def what(entry: Entry) -> str:
    """Return the sentence that says what the record is the record of."""
    rows = entry.rows
    first = _first(rows[0]) if rows else None
    return sentences.of_record(AuditRecord(**entry.values), row=first, count=len(rows))


def _first(row: hashing.Row) -> OrderName:
    return OrderName(symbol=row[3], order_id=row[4], client_order_id=row[5])


def safe(cell: int | str | None) -> str:
    """Return a cell that no spreadsheet takes for a formula, and without NUL."""
    text = "" if cell is None else str(cell).replace("\0", "\N{SYMBOL FOR NULL}")
    return f"'{text}" if text.lstrip(" ")[:1] in FORMULA else text


FORMULA = set("=+-@\t\r\n|%＝＋－＠")  # their wide forms start formulas too


def finish(
    folder: Path, *, query: dict[str, Any], words: str, by: str, count: int, now: datetime
) -> dict[str, Any]:
    """Add chain, checkpoints, verifier and signed manifest to written records.

    Returns the manifest.
    """
    first, last = _ends(folder / RECORDS)
    start, end = _bounds(first, last)
    after, until = start.count if start else 0, end.count if end else last
    _write_chain(folder / CHAIN, after, until)
    kept = [each.line for each in (start, *_restores(start, end), end) if each]
    (folder / CHECKPOINTS).write_text("".join(f"{line}\n" for line in kept), "ascii")
    (folder / VERIFIER.name).write_text(verifier(), "utf-8")
    after_hash = start.head if start else hashing.FIRST_HASH
    unsigned = {
        "format": FORMAT,
        "version": VERSION,
        "network": settings.PACIFICA_NETWORK,
        "made_at": now.isoformat(timespec="seconds"),
        "made_by": by,
        "query": query,
        "words": words,
        "count": count,
        "first": first,
        "last": last,
        "chain": {"after": after, "after_hash": after_hash, "until": until},
        "is_covered": end is not None,
        "files": {name: _sums(folder / name) for name in (*FILES, VERIFIER.name)},
    }
    manifest = _signed(unsigned)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True), "ascii")
    return manifest


FILES = (RECORDS, TABLE, CHAIN, CHECKPOINTS)


def verifier() -> str:
    """Return the verifier in one file, with its parts where it imports them."""
    head, mark, body = VERIFIER.read_text("utf-8").partition("from export_files import")
    parts = [part.read_text("utf-8") for part in PARTS]
    lines = "\n\n".join([head, *parts, mark + body]).splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("from export_"))


def pack(folder: Path, path: Path) -> tuple[int, str]:
    """Write the folder as one zip file, whole or not at all; return its length and SHA-256."""
    partial = path.with_suffix(".partial")
    with os.fdopen(private.opened(partial, os.O_RDWR | os.O_TRUNC), "w+b") as target:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as bundle:
            for file in sorted(folder.iterdir()):
                bundle.write(file, f"{path.stem}/{file.name}")
        target.flush()
        os.fsync(target.fileno())
    sums = _sums(partial)
    partial.replace(path)
    return sums["length"], sums["sha256"]


def _opened(path: Path, length: int) -> BinaryIO:
    """Open the file, cut to what is known to be written, ready for more."""
    handle = private.opened(path, os.O_RDWR)
    os.ftruncate(handle, length)
    file = os.fdopen(handle, "r+b", buffering=COPY_BYTES)
    file.seek(length)
    return file


def _row(row: list[int | str] | tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow([safe(cell) for cell in row])
    return text.getvalue().encode("utf-8", "backslashreplace")


def _ends(path: Path) -> tuple[int, int]:
    """Return first and last position in the written records; zeros where there are none."""
    with path.open("rb") as file:
        first = file.readline()
        if not first:
            return 0, 0
        last = first
        for last in file:  # noqa: B007 the last line is what we want
            pass
    return json.loads(first)["record"]["position"], json.loads(last)["record"]["position"]


def _bounds(first: int, last: int) -> tuple[Checkpoint | None, Checkpoint | None]:
    """Return the checkpoints before and at or after the span; None where none is."""
    standing = AuditCheckpoint.objects.filter(lost_at=None)
    before = standing.filter(count__lt=first).order_by("-number")
    after = standing.filter(count__gte=last).order_by("number")
    return (_first_of(before), _first_of(after)) if last else (None, None)


def _first_of(stored: QuerySet[AuditCheckpoint]) -> Checkpoint | None:
    line = stored.values_list("line", flat=True).first()
    return checkpoint_line.read(line) if line else None


def _restores(start: Checkpoint | None, end: Checkpoint | None) -> list[Checkpoint]:
    """Return checkpoints between these that go on from an older copy of the database, put back."""
    after, until = start.count if start else 0, end.count if end else 0
    between = AuditCheckpoint.objects.filter(count__gt=after, count__lt=until, lost_at=None)
    lines = between.filter(line__contains=checkpoint_line.OF_A_RESTORE).order_by("number")
    return [checkpoint_line.read(line) for line in lines.values_list("line", flat=True)]


def _write_chain(path: Path, after: int, until: int) -> None:
    records = AuditRecord.objects.filter(position__gt=after, position__lte=until)
    hashes = in_pages(records.values_list("position", "content_hash", named=True), "position")
    with path.open("w", encoding="ascii") as file:
        file.writelines(f"{each.content_hash}\n" for each in hashes)


def _sums(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"length": path.stat().st_size, "sha256": digest}


def _signed(manifest: dict[str, Any]) -> dict[str, Any]:
    """Sign with the checkpoints' key; a process without it says so in the manifest."""
    key = checkpoints.signing_key()
    manifest["public_key"] = checkpoints.public_half(key) if key else None
    text = hashing.compact(manifest).encode("ascii")
    signature = base64.b64encode(key.sign(text)).decode() if key else None
    return manifest | {"signature": signature}
