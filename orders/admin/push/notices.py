"""What one person is told of changes, as one server-sent event: only what they may see."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from orders.admin.push.changes import Change
from orders.admin.push.limits import Limits
from orders.admin.push.rows import Rows


class Sight(NamedTuple):
    """Ids of the desks that a person sees, None for all there are, and of those to cancel on."""

    desks: frozenset[int] | None
    acting: frozenset[int]

    def has(self, desk_id: int | None) -> bool:
        """Whether the person sees this desk; what is of no desk is for who sees all."""
        return self.desks is None or desk_id in self.desks


BEAT = b": still here\nevent: beat\ndata: {}\n\n"  # a page sees an event, not a comment
END = b"event: end\ndata: {}\n\n"


def is_seen(change: Change, sight: Sight) -> bool:
    """Whether whoever sees these desks may know of this change: as with the record itself."""
    return change.is_for_all or sight.has(change.desk_id)


def notice(
    changes: Iterable[Change], sight: Sight, limits: Limits, rows: Rows | None = None
) -> bytes:
    """Return one event of what a person may see of these changes; nothing where that is nothing.

    An order whose row is there is told by its row, others by their names.
    """
    seen = [change for change in changes if is_seen(change, sight)]
    if not seen:
        return b""
    names = {order for change in seen for order in change.orders}
    shown = _shown({name: row for name, row in (rows or {}).items() if name in names}, sight)
    data: dict[str, Any] = {
        "jobs": _ids((change.job_id for change in seen), limits),
        "accounts": _ids((change.account_id for change in seen), limits),
        "orders": _ids(
            (order for change in seen for order in change.orders if order not in shown), limits
        ),
        "rows": shown,
    }
    if any(change.is_wide for change in seen) or "all" in data.values():
        data["orders"] = "all"
    data["new"] = any(change.has_new for change in seen)
    data["frame"] = any(change.is_frame for change in seen)
    position = max(change.position for change in seen)
    return _event("change", position, {name: value for name, value in data.items() if value})


def hello(position: int, limits: Limits) -> bytes:
    """Return the first lines of a stream: a comment, for whatever waits for a first byte."""
    return b": pages follow\nretry: %d\n\n" % limits.retry_ms + _event("hello", position, {})


def reload(position: int) -> bytes:
    """Return the event after a gap: look at everything that is shown."""
    return _event("reload", position, {})


def _shown(rows: Rows, sight: Sight) -> dict[str, str]:
    """Return the rows of the desks in sight, as this person's page would have them."""
    return {
        name: row.for_acting if row.desk_id in sight.acting else row.for_looking
        for name, row in rows.items()
        if sight.has(row.desk_id)
    }


def _ids(found: Iterable[Any], limits: Limits) -> list[Any] | str:
    """Return the ids that are any, each once, in order; *all* where they are too many."""
    ids = list(dict.fromkeys(each for each in found if each is not None))
    return ids if len(ids) <= limits.ids else "all"


def _event(name: str, position: int, data: dict[str, Any]) -> bytes:
    """Return the lines of one event. Position 0: none, so the last one stands."""
    mark = f"id: {position}\n" if position else ""
    return f"{mark}event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
