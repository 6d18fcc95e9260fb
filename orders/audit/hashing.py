"""What a record's hashes cover, and how: the format of the log, version 1. Pure.

The canonical text of a record is JSON with sorted keys, no spaces and pure ASCII. Its SHA-256 is
the ``content_hash``; ``hash`` is SHA-256 over the hex digits of ``previous_hash`` followed by those
of ``content_hash``. The standalone verifier holds the same rules once more, on purpose.
"""

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

VERSION = 1
FIRST_HASH = "0" * 64  # what the first record follows

# JSON as pure ASCII, so that NUL and lone surrogates survive any database's text column. What has
# no spelling in JSON is refused: the text of a key object is its secret.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
SPELLED = (datetime, Decimal)

# An order row, in the order of `COVERED_OF_ROW`.
Row = tuple[int, int | None, int, str, int | None, str | None, str, str]


def compact(value: dict[str, Any]) -> str:
    """Return the value's canonical text. Raises `NotJson`, which shows none of it."""
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError) as error:
        raise NotJson(f"What is to be recorded is no JSON ({type(error).__name__}).") from None


class NotJson(TypeError):
    """A value that JSON cannot spell was to be recorded."""


def spelled(value: object) -> str:
    """Return a time or a decimal as the log writes it; raise `NotJson` for anything else."""
    if isinstance(value, SPELLED):
        return str(value)
    raise NotJson(f"A {type(value).__name__} is no JSON.")


def moment(at: datetime | None) -> str | None:
    """Return a time as the log writes it; None where there is none."""
    return None if at is None else spelled(at)


COVERED = (
    "event",
    "outcome",
    "operator_id",
    "operator_name",
    "session_hash",
    "address",
    "desk_id",
    "desk_name",
    "account_id",
    "account_name",
    "account_address",
    "job_id",
    "data",
    "body_length",
    "body_sha256",
    "kept_sha256",
    "salt",
)
COVERED_OF_ROW = (
    "row",
    "cancel_id",
    "account_id",
    "symbol",
    "order_id",
    "client_order_id",
    "outcome",
    "data",
)


def content(values: dict[str, Any], rows: list[Row]) -> dict[str, Any]:
    """Return what a record's content hash covers, as it is exported.

    ``values``: the record's columns by name; ``rows``: its order rows in order, each a sequence in
    the order of `COVERED_OF_ROW`.
    """
    return _without_position(values, rows) | {"position": values["position"]}


def _without_position(values: dict[str, Any], rows: list[Row]) -> dict[str, Any]:
    covered = {name: values[name] for name in COVERED}
    covered["version"] = VERSION
    covered["at"] = values["at"].astimezone(UTC).isoformat(timespec="microseconds")
    covered["orders"] = [list(row) for row in rows]
    return covered


def content_hash(values: dict[str, Any], rows: list[Row]) -> str:
    """Return SHA-256, as hex, of the canonical text."""
    return hashlib.sha256(compact(content(values, rows)).encode("ascii")).hexdigest()


class Content:
    """The same hash, taken as far as it can be before the record has its position in the log.

    Keys are sorted, so the canonical text falls in two where the position will stand.
    """

    def __init__(self, values: dict[str, Any], rows: list[Row]) -> None:
        covered = _without_position(values, rows)
        before = {name: covered[name] for name in covered if name < "position"}
        after = {name: covered[name] for name in covered if name > "position"}
        head = compact(before).removesuffix("}") + ',"position":'
        self._begun = hashlib.sha256(head.encode("ascii"))
        self._rest = "," + compact(after).removeprefix("{")

    def hash_at(self, position: int) -> str:
        """Return the content hash of the record at this position, as hex."""
        whole = self._begun.copy()
        whole.update(f"{position}{self._rest}".encode("ascii"))
        return whole.hexdigest()


def chained(previous_hash: str, content_hash: str) -> str:
    """Return the hash of a record, from the one before it and its own content's; all as hex."""
    return hashlib.sha256((previous_hash + content_hash).encode("ascii")).hexdigest()
