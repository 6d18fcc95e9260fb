"""The files of an export as `verify_export.py` reads them: one spelling each, no other reading.

JSON that repeats a name, a zip file with bytes between its members or a table that says something
else than the records would be read one way here and another way elsewhere: each is a fault.
"""

import base64
import csv
import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any

COLUMNS = [
    *("position", "time_utc", "what", "event", "outcome", "operator", "address", "desk"),
    *("account", "account_address", "job", "orders", "payload_bytes", "hash"),
]
WHAT = COLUMNS.index("what")
OTHER_NAME = 0x7075  # PKWARE's APPNOTE 4.6.9, the Unicode path
FORMULA = set("=+-@\t\r\n|%＝＋－＠")
Wrong = Callable[[str], None]  # hears of each thing that does not hold
csv.field_size_limit(1 << 30)  # the cell that names a big job's orders is long


def compact(value: Any) -> bytes:
    """Write JSON as the log does: sorted keys, no spaces, pure ASCII."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def indented(value: Any) -> bytes:
    """Write JSON as a manifest is written."""
    return json.dumps(value, sort_keys=True, indent=1, allow_nan=False).encode("ascii")


def read(
    data: "bytes | str", spelling: "Callable[[Any], bytes] | None" = compact
) -> tuple[Any, list[str]]:
    """Read a JSON value from bytes or text; return it, and what is wrong with its spelling."""
    faults: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) != len(pairs):
            faults.append("repeats a name")
        return values

    try:
        text = data if isinstance(data, str) else data.decode("ascii")
        value = json.loads(text, object_pairs_hook=once)
        if spelling is not None and not faults and spelling(value) != text.encode("ascii"):
            faults.append("is not spelled as the log spells it")
    except UnicodeError:
        return None, ["is not pure ASCII"]
    except (ValueError, TypeError, AttributeError, RecursionError):  # NaN, a huge number, no text
        return None, faults[:1] or ["is no JSON of the log"]
    return value, faults[:1]


def read_line(line: bytes) -> tuple[Any, list[str]]:
    """Read one line of JSON; return its value, and what is wrong with it."""
    value, faults = read(line[:-1] if line.endswith(b"\n") else line)
    return value, faults if line.endswith(b"\n") else [*faults, "does not end"]


def is_placed(line: Any) -> bool:
    """Whether a line is one of a record with a place in the log."""
    is_record = isinstance(line, dict) and isinstance(line.get("record"), dict)
    return is_record and type(line["record"].get("position")) is int


def decoded(text: str) -> bytes:
    """Decode base64. Raises ValueError where other text would stand for the same bytes."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64 in another spelling")
    return data


class Bundle:
    """The export's files, from a zip file or a folder."""

    def __init__(self, path: "str | Path") -> None:
        self.path, self.prefix = Path(path), ""
        self.zip: zipfile.ZipFile | None = None
        if self.path.is_file():
            self.zip = zipfile.ZipFile(path)
            folder, slash, _ = "".join(self.zip.namelist()[:1]).partition("/")
            self.prefix = folder + slash if slash else ""

    def names(self) -> list[str]:
        """Return every file in it, as often as it is there."""
        if self.zip is not None:
            return [_bare(name, self.prefix) for name in self.zip.namelist()]
        files = (path for path in self.path.rglob("*") if not path.is_dir())
        return [path.relative_to(self.path).as_posix() for path in files]

    def open(self, name: str) -> IO[bytes]:
        """Open one file for reading bytes."""
        if self.zip is not None:
            return self.zip.open(self.prefix + name)
        return (self.path / name).open("rb")

    def bytes_of(self, name: str) -> bytes:
        """Read one small file, whole."""
        with self.open(name) as file:
            return file.read()

    def faults(self, wanted: set[str]) -> Iterator[str]:
        """Yield what one reader of zip files or folders sees in it and another does not."""
        names = self.names()
        for name in sorted(set(names) ^ wanted):
            yield f"{name!r} is {'missing' if name in wanted else 'no file of an export'}"
        if len(set(names)) != len(names):
            yield "the zip file holds a file twice"
        if self.zip is not None and not _is_seamless(self.zip, self.path):
            yield "the zip file holds bytes that belong to none of its files"
        if self.zip is not None and any(_has_two_names(info) for info in self.zip.infolist()):
            yield "the zip file gives a file a second name"


def _bare(name: str, prefix: str) -> str:
    return name[len(prefix) :] if name.startswith(prefix) else "/" + name


def _has_two_names(info: zipfile.ZipInfo) -> bool:
    """Whether an extra field holds another name, which some readers take and others pass over."""
    rest = info.extra
    while len(rest) >= 4:
        field, length = struct.unpack("<HH", rest[:4])
        if field == OTHER_NAME:
            return True
        rest = rest[4 + length :]
    return bool(rest)


def _is_seamless(archive: zipfile.ZipFile, path: Path) -> bool:
    """Whether the members follow each other from the first byte on and nothing follows the end."""
    at = 0
    with path.open("rb") as file:
        for info in sorted(archive.infolist(), key=lambda member: member.header_offset):
            file.seek(at)
            head = file.read(30).ljust(30, b"\0")
            name, extra = struct.unpack("<HH", head[26:])
            if info.header_offset != at or file.read(name) != info.orig_filename.encode():
                return False
            at += 30 + name + extra + info.compress_size
        file.seek(-22, 2)
        end = file.read()
    is_end = end[:4] == b"PK\5\6" and end[20:] == b"\0\0"
    return is_end and bool(at == archive.start_dir)


class Table:
    """``records.csv``, compared row by row with what the records say."""

    def __init__(self, file: IO[bytes], has_words: bool, wrong: Wrong) -> None:
        self.has_words, self.wrong, self.is_lost = has_words, wrong, False
        self.rows = _rows(file)
        self.compare("its head", list(COLUMNS))

    def check(self, name: str, line: Any) -> None:
        """Compare the row of one record."""
        if self.is_lost:
            return
        try:
            wanted = [_safe(cell) for cell in _cells(line)]
        except Exception as error:  # a record may hold anything
            self.wrong(f"{name}: its row cannot be rebuilt: {type(error).__name__}")
            self._next()
            return
        self.compare(name, wanted)

    def end(self) -> None:
        """Tell of what follows the last record's row."""
        if not self.is_lost and self._next() != (None, b""):
            self.wrong("records.csv holds more rows than there are records")

    def compare(self, name: str, wanted: list[str]) -> None:
        """Compare one row: each cell, and that it is written in the one way."""
        if self.is_lost:
            return
        cells, raw = self._next()
        if cells is None:
            self.is_lost = True
            self.wrong(f"records.csv cannot be read as a table, or ends, at {name}")
            return
        if not self.has_words and name != "its head":  # version 1: the app's words stand here alone
            wanted[WHAT] = _safe("".join(cells[WHAT : WHAT + 1]))
        if raw != _spelled(wanted):
            pairs = zip_longest(cells, wanted, COLUMNS, fillvalue="more cells")
            other = [column for cell, expected, column in pairs if cell != expected]
            self.wrong(f"records.csv, {name}: {', '.join(other) or 'its spelling'} is not as told")

    def _next(self) -> "tuple[list[str] | None, bytes]":
        try:
            return next(self.rows, (None, b""))
        except (csv.Error, ValueError):
            return None, b"?"


def _rows(file: Iterable[bytes]) -> Iterator[tuple[list[str], bytes]]:
    """Yield the cells of each row, and its exact bytes."""
    taken: list[bytes] = []

    def lines() -> Iterator[str]:
        for line in file:
            taken.append(line)
            yield line.decode("utf-8")

    for cells in csv.reader(lines(), strict=True):
        yield cells, b"".join(taken)
        taken.clear()


def _cells(line: dict[str, Any]) -> list[Any]:
    """Return one record as the row that the app writes for it."""
    record, length = line["record"], line["record"]["body_length"]
    names = (str(order[4] or order[5] or "") for order in record["orders"])
    return [
        record["position"],
        record["at"].partition("+")[0].replace("T", " "),
        line.get("what"),
        record["event"],
        record["outcome"],
        record["operator_name"],
        record["address"],
        record["desk_name"],
        record["account_name"],
        record["account_address"],
        record["job_id"] or "",
        " ".join(name for name in names if name),
        "" if length is None else length,
        line["hash"],
    ]


def _safe(cell: Any) -> str:
    text = "" if cell is None else str(cell).replace("\0", "\N{SYMBOL FOR NULL}")
    return "'" + text if text.lstrip(" ")[:1] in FORMULA else text


def _spelled(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode("utf-8", "backslashreplace")
