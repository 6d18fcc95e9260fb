"""Alter the rows of an answer: odd fields, rows left out or added, words that nobody knows."""

import json
from collections.abc import Iterator
from typing import Any

PLACES = ("data", "results", "strategies")  # where an envelope holds its rows, one in another
MARK = "\N{SNOWMAN}"  # in the place of a spelling that is put in when all is JSON


def altered_rows(
    body: bytes,
    *,
    change: dict[str, Any],
    without: list[str],
    spelled: dict[str, str],
    which: str | dict[str, Any],
    is_twin: bool,
    beside: str,
) -> bytes:
    """Alter some rows of the JSON; what holds no list of rows stays as it is.

    ``change``: fields to put; ``without``: names of fields to leave out; ``spelled``: fields to
    put as the JSON text given, whatever that is; ``which``: ``first``, ``last``, ``every``,
    ``added`` (a copy of the last), ``none``, or the fields that the rows meant have.
    ``is_twin``: the altered row comes after the sound one. ``beside``: JSON text of a row more.
    """
    envelope = json.loads(body)
    rows = _rows(envelope)
    if rows is None:
        return body
    texts = [*spelled.values(), beside]
    change = change | {name: f"{MARK}{n}{MARK}" for n, name in enumerate(spelled)}
    rows[:] = list(_altered(rows, change, without, which, is_twin or which == "added"))
    if beside:
        rows.append(f"{MARK}{len(texts) - 1}{MARK}")
    text = json.dumps(envelope, ensure_ascii=False)
    for n, spelling in enumerate(texts):
        text = text.replace(f'"{MARK}{n}{MARK}"', spelling)
    return text.encode("utf-8", "surrogatepass")


def _rows(held: Any) -> list[Any] | None:
    """Find the list of rows in an envelope, wherever it keeps them, or None."""
    while isinstance(held, dict):
        held = next((held[name] for name in PLACES if held.get(name) is not None), None)
    return held if isinstance(held, list) else None


def _altered(
    rows: list[dict[str, Any]],
    change: dict[str, Any],
    without: list[str],
    which: str | dict[str, Any],
    is_twin: bool,
) -> Iterator[dict[str, Any]]:
    for place, row in enumerate(rows):
        is_meant = _is_meant(which, place, row, len(rows))
        if which != "none" and (is_twin or not is_meant):
            yield row
        if is_meant:
            yield {name: value for name, value in (row | change).items() if name not in without}


def _is_meant(which: str | dict[str, Any], place: int, row: dict[str, Any], count: int) -> bool:
    if isinstance(which, dict):
        return which.items() <= row.items()
    places = {"first": 0, "last": count - 1, "added": count - 1}
    return which == "every" or place == places.get(which)
