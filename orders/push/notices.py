"""What one person is told of changes, as one server-sent event: only what they may see."""

import json
from collections.abc import Iterable
from typing import Any

from orders.push.changes import Change
from orders.push.limits import Limits

Sight = frozenset[int] | None  # ids of the desks that a person sees; None for all there is

BEAT = b": still here\nevent: beat\ndata: {}\n\n"  # a page sees an event, not a comment
END = b"event: end\ndata: {}\n\n"


def is_seen(change: Change, sight: Sight) -> bool:
    """Whether whoever sees these desks may know of this change: as with the record itself."""
    return change.is_for_all or sight is None or change.desk_id in sight


def notice(changes: Iterable[Change], sight: Sight, limits: Limits) -> bytes:
    """Return one event of what a person may see of these changes; nothing where that is nothing."""
    seen = [change for change in changes if is_seen(change, sight)]
    if not seen:
        return b""
    data: dict[str, Any] = {
        "jobs": _ids((change.job_id for change in seen), limits),
        "accounts": _ids((change.account_id for change in seen), limits),
        "orders": _ids((order for change in seen for order in change.orders), limits),
    }
    if any(change.is_wide for change in seen) or "all" in data.values():
        data["orders"] = "all"
    if any(change.is_frame for change in seen):
        data["frame"] = True
    position = max(change.position for change in seen)
    return _event("change", position, {name: value for name, value in data.items() if value})


def hello(position: int, limits: Limits) -> bytes:
    """Return the first lines of a stream: a comment, for whatever waits for a first byte."""
    return b": pages follow\nretry: %d\n\n" % limits.retry_ms + _event("hello", position, {})


def reload(position: int) -> bytes:
    """Return the event after a gap: look at everything that is shown."""
    return _event("reload", position, {})


def _ids(found: Iterable[Any], limits: Limits) -> list[Any] | str:
    """Return the ids that are any, each once, in order; *all* where they are too many."""
    ids = list(dict.fromkeys(each for each in found if each is not None))
    return ids if len(ids) <= limits.ids else "all"


def _event(name: str, position: int, data: dict[str, Any]) -> bytes:
    """Return the lines of one event. Position 0: none, so the last one stands."""
    mark = f"id: {position}\n" if position else ""
    return f"{mark}event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
