"""Alter the rows of an answer: odd fields, rows left out or added, words that nobody knows."""

import json

PLACES = ("data", "results", "strategies")  # where an envelope holds its rows, one in another


def altered_rows(body: bytes, *, change, without, which) -> bytes:
    """The same JSON with some rows altered; what holds no rows stays as it is.

    ``change``: fields to put; ``without``: names of fields to leave out; ``which``: ``first``,
    ``last``, ``every``, ``added`` (a copy of the last) or ``none``.
    """
    envelope = json.loads(body)
    rows = _rows(envelope)
    if not rows:
        return body
    if which == "none":
        rows.clear()
    elif which == "added":
        rows.append(_altered(rows[-1], change, without))
    else:
        for place in {"first": [0], "last": [-1]}.get(which, range(len(rows))):
            rows[place] = _altered(rows[place], change, without)
    return json.dumps(envelope).encode()


def _rows(held):
    """The list of rows in an envelope, wherever it keeps them, or None."""
    while isinstance(held, dict):
        held = next((held[name] for name in PLACES if held.get(name) is not None), None)
    return held if isinstance(held, list) else None


def _altered(row, change, without):
    return {name: value for name, value in (row | change).items() if name not in without}
