"""Hold an archive against the log that stands: each record, payloads too, in its place."""

import base64
import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from orders.audit import hashing, reader
from orders.audit.reader import Broken, Entry
from orders.evidence import bundle
from orders.models import AuditRecord, Event

SHOWN = 10  # positions that are named; more are counted
UNREADABLE = (OSError, ValueError, zipfile.BadZipFile, EOFError, zlib.error)


class CannotCompare(Exception):
    """The file is no archive; the text says so."""


@dataclass
class Comparison:
    """How many records an archive has, how many are otherwise in the log, and the first ones.

    ``is_filed``: whether the log tells of an archive of exactly these bytes.
    """

    is_filed: bool = False
    count: int = 0
    differing: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, position: int, *, is_same: bool) -> None:
        """Count one record."""
        self.count += 1
        self.differing += not is_same
        if not is_same and len(self.first) < SHOWN:
            self.first.append(position)


def compare(path: Path) -> Comparison:
    """Compare every record of an archive with the log. Raises `CannotCompare`.

    An archive holds the log from its first record on; what the log has beyond it is not looked at.
    """
    found = Comparison(_is_filed(path))
    with _lines(path) as lines:
        count = sum(1 for _ in lines)
    if not count:
        raise CannotCompare(f"{path} holds no record.")
    with _lines(path) as lines:
        for place, (line, entry) in enumerate(zip_longest(lines, _entries(count)), start=1):
            found.add(place, is_same=line == entry)
    return found


def _is_filed(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CannotCompare(f"{path} is no archive ({type(error).__name__}).") from None
    told = AuditRecord.objects.filter(event=Event.ARCHIVED).values_list("data", flat=True)
    return any(json.loads(data).get("file_sha256") == sha256 for data in told)


def _entries(count: int) -> Iterator[dict[str, Any] | None]:
    """Yield so many of the log's records as an archive has them; None for what is no record."""
    return (_of_log(entry) for entry in islice(reader.entries(until=count), count))


def _of_log(entry: Entry | Broken) -> dict[str, Any] | None:
    if not isinstance(entry, Entry):
        return None
    body = None if entry.body is None else base64.b64encode(entry.body).decode()
    hashes = {name: entry.values[name] for name in ("content_hash", "hash", "previous_hash")}
    record = hashing.content(entry.values, entry.rows)
    kept: dict[str, Any] = json.loads(hashing.compact(hashes | {"payload": body, "record": record}))
    return kept


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[dict[str, Any]]]:
    """Give the archive's records without their sentences, whose words may be another version's."""
    try:
        with zipfile.ZipFile(path) as file, file.open(_member(file)) as records:
            yield (_without_words(json.loads(line)) for line in records)
    except UNREADABLE as error:
        raise CannotCompare(f"{path} is no archive ({type(error).__name__}).") from None


def _member(file: zipfile.ZipFile) -> str:
    """Return the name of the records; in the archive they lie in a folder."""
    (name,) = [name for name in file.namelist() if name.endswith(f"/{bundle.RECORDS}")]
    return name


def _without_words(line: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(line, dict):
        raise ValueError
    return {name: value for name, value in line.items() if name != "what"}
