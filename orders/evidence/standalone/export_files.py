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
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

COLUMNS = [
    *("position", "time_utc", "what", "event", "outcome", "operator", "address", "desk"),
    *("account", "account_address", "job", "orders", "payload_bytes", "hash"),
]
WHAT = COLUMNS.index("what")
OTHER_NAME = 0x7075  # PKWARE's APPNOTE 4.6.9, the Unicode path
FORMULA = set("=+-@\t\r\n|%＝＋－＠")
csv.field_size_limit(1 << 30)  # the cell that names a big job's orders is long


def compact(value: dict[str, Any]) -> bytes:
    """The one way the log writes JSON: sorted keys, no spaces, pure ASCII."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def indented(value):
    """The one way a manifest is written."""
    return json.dumps(value, sort_keys=True, indent=1, allow_nan=False).encode("ascii")


def read(
    data: bytes | str, spelling: Callable[..., Any] | None = compact
) -> tuple[dict[str, int], list[str]]:
    """A JSON value from bytes or text, and what is wrong with how it is spelled."""
    faults = []

    def once(pairs: list[tuple[str, int]]) -> dict[str, int]:
        found = dict(pairs)
        if len(found) != len(pairs):
            faults.append("repeats a name")
        return found

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


def read_line(line):
    """One line of JSON, and what is wrong with it."""
    told, faults = read(line[:-1] if line.endswith(b"\n") else line)
    return told, faults if line.endswith(b"\n") else [*faults, "does not end"]


def is_placed(told) -> bool:
    """Whether a line is one of a record with a place in the log."""
    is_told = isinstance(told, dict) and isinstance(told.get("record"), dict)
    return is_told and type(told["record"].get("position")) is int


def decoded(text: str) -> bytes | None:
    """Base64 to bytes. Raises ValueError where other text would stand for the same bytes."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64 in another spelling")
    return data


class Bundle:
    """The export's files, from a zip file or a folder."""

    def __init__(self, path) -> None:
        self.path, self.zip, self.prefix = Path(path), None, ""
        if self.path.is_file():
            self.zip = zipfile.ZipFile(path)
            folder, slash, _ = "".join(self.zip.namelist()[:1]).partition("/")
            self.prefix = folder + slash if slash else ""

    def names(self):
        """Every file in it, as often as it is there."""
        if self.zip is not None:
            return [_bare(name, self.prefix) for name in self.zip.namelist()]
        files = (one for one in self.path.rglob("*") if not one.is_dir())
        return [one.relative_to(self.path).as_posix() for one in files]

    def open(self, name):
        """One file, for reading bytes."""
        if self.zip is not None:
            return self.zip.open(self.prefix + name)
        return (self.path / name).open("rb")

    def bytes_of(self, name):
        """One small file, whole."""
        with self.open(name) as file:
            return file.read()

    def faults(self, wanted) -> Iterator[Any]:
        """What is in it that one reader of zip files or folders sees and another does not."""
        names = self.names()
        for name in sorted(set(names) ^ set(wanted)):
            yield f"{name!r} is {'missing' if name in wanted else 'no file of an export'}"
        if len(set(names)) != len(names):
            yield "the zip file holds a file twice"
        if self.zip is not None and not _is_seamless(self.zip, self.path):
            yield "the zip file holds bytes that belong to none of its files"
        if self.zip is not None and any(_has_two_names(info) for info in self.zip.infolist()):
            yield "the zip file gives a file a second name"


def _bare(name, prefix):
    return name[len(prefix) :] if name.startswith(prefix) else "/" + name


def _has_two_names(info) -> bool:
    """Whether an extra field holds another name, which some readers take and others pass over."""
    rest = info.extra
    while len(rest) >= 4:
        field, length = struct.unpack("<HH", rest[:4])
        if field == OTHER_NAME:
            return True
        rest = rest[4 + length :]
    return bool(rest)


def _is_seamless(archive, path) -> bool:
    """Whether the members follow each other from the first byte on and nothing follows the end."""
    at = 0
    with path.open("rb") as file:
        for info in sorted(archive.infolist(), key=lambda one: one.header_offset):
            file.seek(at)
            head = file.read(30).ljust(30, b"\0")
            name, extra = struct.unpack("<HH", head[26:])
            if info.header_offset != at or file.read(name) != info.orig_filename.encode():
                return False
            at += 30 + name + extra + info.compress_size
        file.seek(-22, 2)
        end = file.read()
    return at == archive.start_dir and end[:4] == b"PK\5\6" and end[20:] == b"\0\0"


class Table:
    """``records.csv``, compared row by row with what the records say."""

    def __init__(self, file, has_words, wrong) -> None:
        self.has_words, self.wrong, self.is_lost = has_words, wrong, False
        self.rows = _rows(file)
        self.compare("its head", list(COLUMNS))

    def check(self, name, line) -> None:
        """The row of one record."""
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
        """Nothing may follow."""
        if not self.is_lost and self._next() != (None, b""):
            self.wrong("records.csv holds more rows than there are records")

    def compare(self, name, wanted) -> None:
        """One row: each cell, and that it is written in the one way."""
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
            other = [column for cell, told, column in pairs if cell != told]
            self.wrong(f"records.csv, {name}: {', '.join(other) or 'its spelling'} is not as told")

    def _next(self):
        try:
            return next(self.rows, (None, b""))
        except (csv.Error, ValueError):
            return None, b"?"


def _rows(file) -> Iterator[Any]:
    """The cells of each row, and its exact bytes."""
    taken = []

    def lines() -> Iterator[Any]:
        for line in file:
            taken.append(line)
            yield line.decode("utf-8")

    for cells in csv.reader(lines(), strict=True):
        yield cells, b"".join(taken)
        taken.clear()


def _cells(line):
    """One record as the row that the app writes for it."""
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


def _safe(cell):
    text = "" if cell is None else str(cell).replace("\0", "\N{SYMBOL FOR NULL}")
    return "'" + text if text.lstrip(" ")[:1] in FORMULA else text


def _spelled(cells):
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode("utf-8", "backslashreplace")
