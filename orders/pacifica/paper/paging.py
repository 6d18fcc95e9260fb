"""Pages of a list that only grows: an opaque cursor that new rows do not shift."""

import base64
import binascii

from . import refusals

DEFAULT_LIMIT, MAX_LIMIT = 100, 4000


def page(rows: list, *, limit: str | None, cursor: str | None, newest_first: bool):
    """The rows of one page and the fields ``next_cursor`` and ``has_more`` that go beside them.

    ``rows`` are oldest first. Raises `Refused` on a limit or cursor that is none.
    """
    size = _limit(limit)
    if newest_first:
        end = len(rows) if cursor is None else min(_position(cursor), len(rows))
        start = max(0, end - size)
        taken, edge, has_more = rows[start:end][::-1], start, start > 0
    else:
        start = 0 if cursor is None else _position(cursor)
        taken, edge = rows[start : start + size], start + size
        has_more = edge < len(rows)
    return taken, {"next_cursor": _cursor(edge) if has_more else None, "has_more": has_more}


def _limit(text):
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) < 1:
        raise refusals.invalid_parameters()
    return min(int(text), MAX_LIMIT)


def _cursor(position):
    return base64.urlsafe_b64encode(b"p%d" % position).decode().rstrip("=")


def _position(cursor):
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return int(raw.removeprefix(b"p"))
    except (binascii.Error, ValueError) as error:
        raise refusals.invalid_parameters("Invalid cursor") from error
