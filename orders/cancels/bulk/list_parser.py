"""Read a list of orders as people keep them: one id a line, or a table with a head."""

import csv
import re
from typing import NamedTuple

from orders.pacifica.signing import FULL_UUID

BYTE_ORDER_MARK = "\ufeff"
DELIMITERS = ",;\t"
MAX_LINE = 10_000
COLUMNS = {  # what a head may call them; of two that mean the same, the earlier word counts
    "order_id": ("order id", "orderid", "id"),
    "client_order_id": ("client order id", "clientorderid", "client id"),
    "symbol": ("symbol", "market"),
    "kind": ("kind",),
    "account": ("account address",),
    "account_name": ("account",),
}
PLAIN = {"order_id": 0, "symbol": 1, "kind": 2}  # the columns of a list without a head
WORDS = ("order_id", "client_order_id", "symbol", "kind")  # columns that hold no free text
QUOTED = re.compile(r'"[^"]*"')
REMARK = re.compile(r"(?<!\s)\s+#.*$")  # tried once for a run of blanks, however long
MARK = re.compile(rf'"[^"]*"|(?<!\s)\s+#|[{DELIMITERS}]')
NO_IDS = "The first line names no column with order ids: call it order_id."
TOO_WIDE = "has {} columns, and {} are known: name each in the first line, as order_id, symbol"
UNCLOSED = "opens a quotation mark that it does not close"


class Line(NamedTuple):
    """One line of a list. ``why``: what is wrong with it.

    ``name``: the order id, or the client order id, which stands in ``other`` too.
    """

    number: int
    text: str
    name: str = ""
    symbol: str = ""
    kind: str = ""
    account: str = ""
    other: str = ""
    why: str = ""


def read(text: str) -> list[Line]:
    """Read the lines, but not what is empty, a comment (#), or the head that names the columns.

    A line of the file is a line of the list: a quoted field ends where its line does, for a stray
    quotation mark must not swallow the orders that follow.
    """
    lines = text.removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    numbered = [(number, line) for number, line in enumerate(lines, 1) if _is_content(line)]
    delimiter = _delimiter([line for _, line in numbered])
    first = (_fields(numbered[0][1], delimiter) or []) if numbered else []
    head, width = _head(first), len(first)
    if head and not head.keys() & {"order_id", "client_order_id"}:
        return [Line(numbered[0][0], numbered[0][1].strip(), why=NO_IDS)]
    if not head or width == 1:  # each line by itself: people paste together what differs
        rest = numbered[1:] if head else numbered
        return [_line(number, line.strip(), _alone(line), PLAIN) for number, line in rest]
    texts = set(range(width)) - {at for column, at in head.items() if column in WORDS}
    return [
        _line(number, line.strip(), _fields(_bare(line, delimiter, texts), delimiter), head, width)
        for number, line in numbered[1:]
    ]


def _fields(line: str, delimiter: str) -> list[str] | None:
    """Split a line into its fields; None where a quotation is not closed."""
    line = line[:MAX_LINE]  # the csv module raises on a field much longer
    if line.count('"') % 2:
        return None
    return [field.strip(" ") for field in next(csv.reader([line], delimiter=delimiter))]


def _alone(line: str) -> list[str] | None:
    """Split a line of a list without a head by its own separator; a note behind a # is no field."""
    bare = REMARK.sub("", line)
    return _fields(bare, _delimiter([bare]))


def _bare(line: str, delimiter: str, texts: set[int]) -> str:
    """Cut a note behind a # off; not where it is in quotes, or in a column of free text.

    ``texts``: the places of such columns: an account may be called *Alpha #2*.
    """
    at = 0  # the column
    for mark in MARK.finditer(line):
        at += 0 if mark[0].startswith('"') else mark[0].count(delimiter)
        if mark[0].endswith("#") and at not in texts:
            return line[: mark.start()]
    return line


def _is_content(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _delimiter(lines: list[str]) -> str:
    """Find what stands between the fields of the first line that has any."""
    for line in lines:
        bare = QUOTED.sub("", line)
        counts = {delimiter: bare.count(delimiter) for delimiter in DELIMITERS}
        if any(counts.values()):
            return max(counts, key=counts.__getitem__)
    return ","


def _head(fields: list[str]) -> dict[str, int]:
    """Find where each column stands, if this is a line that names columns; else nothing."""
    if any(field[:1].isdigit() or FULL_UUID.fullmatch(field) for field in fields):
        return {}  # it names an order, whose symbol may be ID
    words = [" ".join(re.split(r"[\s_-]+", field.lower())) for field in fields]
    columns = {}
    for column, names in COLUMNS.items():
        places = [words.index(name) for name in names if name in words]
        if places:
            columns[column] = places[0]
    return columns


def _line(
    number: int,
    raw: str,
    fields: list[str] | None,
    head: dict[str, int],
    width: int = len(PLAIN),
) -> Line:
    if fields is None:
        return Line(number, raw, why=UNCLOSED)
    while len(fields) > 1 and not fields[-1]:
        fields = fields[:-1]
    if len(fields) > width:
        return Line(number, raw, why=TOO_WIDE.format(len(fields), width))
    given = {name: fields[at] for name, at in head.items() if at < len(fields)}
    name, other = given.pop("order_id", ""), given.pop("client_order_id", "")
    named = given.pop("account_name", "")
    account = given.pop("account", "") or named
    return Line(number, raw, name or other, account=account, other=other, **given)
