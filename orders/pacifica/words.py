"""The exchange's own words in an answer, as far as they can be read and shown. Pure."""

import re
from typing import Any

from .strict_json import Unreadable, parse

MAX_ERROR_CHARS = 300
_SECRET_LIKE = re.compile(r"[1-9A-HJ-NP-Za-km-z]{64,}")  # base58 as long as a secret key


def safe_text(text: str) -> str:
    """Make the exchange's words fit to store and show: cut, printable, long base58 runs masked."""
    shown = "".join(c if c.isprintable() else " " for c in text[: MAX_ERROR_CHARS * 2])
    return _SECRET_LIKE.sub("[masked]", shown).strip()[:MAX_ERROR_CHARS]


def shown_words(body: bytes, envelope: dict[str, Any] | None) -> str:
    """Return the error text, or the beginning of whatever came instead of an envelope."""
    return safe_text(words_of(body, envelope))


def words_in(envelope: dict[str, Any]) -> str:
    """Return an object's error or message, as it came."""
    return text_of(envelope, "error") or text_of(envelope, "message")


def words_of(body: bytes, envelope: dict[str, Any] | None) -> str:
    """Return the words of an answer as they came: its object's, or what its JSON text spells."""
    if envelope is not None:
        return words_in(envelope)
    beginning = body[: MAX_ERROR_CHARS * 4]
    spelled = value_of(beginning) if beginning.lstrip().startswith(b'"') else None
    return spelled if isinstance(spelled, str) else decoded(beginning)


def decoded(data: bytes) -> str:
    """Return the beginning of the bytes as text, whatever they are."""
    return data[: MAX_ERROR_CHARS * 4].decode("utf-8", errors="replace")


def text_of(envelope: dict[str, Any] | None, name: str) -> str:
    """Return a text field's beginning: enough to classify, too short to make a pattern slow."""
    value = envelope.get(name) if envelope is not None else None
    return value[: MAX_ERROR_CHARS * 4] if isinstance(value, str) else ""


def value_of(body: bytes) -> Any:
    """Return the value that the JSON bytes spell, or None where they cannot be read."""
    try:
        return parse(body)
    except Unreadable:
        return None
