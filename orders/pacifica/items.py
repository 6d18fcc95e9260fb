"""Items of a list in a signed request's answer: an odd one hides no other. Pure."""

from typing import Any

from .strict_json import Repeated, Unreadable, parse, parse_rows, spelled


def readable(body: bytes, name: str) -> bytes:
    """Take out of an answer what makes single items of its list ``name`` unreadable.

    Of an odd item those fields stay that can be read, but its ``success`` becomes null: it says
    neither yes nor no. What is odd elsewhere stays as it is, and so does an answer that is
    readable, or has no such list.
    """
    try:
        parse(body)
    except Unreadable:
        return _mended(body, name)
    return body


def _mended(body: bytes, name: str) -> bytes:
    try:
        envelope = parse_rows(body)
    except Unreadable:
        return body
    data = envelope.get("data") if isinstance(envelope, dict) else None
    place = data if isinstance(data, dict) else envelope
    items = place.get(name) if isinstance(place, dict) else None
    if not isinstance(items, list):
        return body
    place[name] = [item if _is_sound(item) else _rest_of(item) for item in items]
    return spelled(envelope).encode()


def _rest_of(item: Any) -> dict[str, Any] | None:
    if not isinstance(item, dict):
        return None
    kept = {key: value for key, value in item.items() if _is_sound(value)}
    return kept | {"success": None} if "success" in item else kept


def _is_sound(value: Any) -> bool:
    if isinstance(value, Repeated):
        return False
    try:
        parse(spelled(value).encode())
    except Unreadable:
        return False
    return True
