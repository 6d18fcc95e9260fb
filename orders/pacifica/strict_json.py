"""JSON read strictly: whatever two readers could read differently is refused.

An answer that one parser takes for a yes and another for a no proves nothing, so duplicate keys,
NaN, huge numbers, lone surrogates, NUL and deep nesting are all unreadable in `parse`. In a list of
rows the same would hide the sound ones beside an odd one: `parse_rows` keeps the oddity in its
place, as a `Number` or `Repeated` or text that is not printable, and the row's reader judges it.
"""

import json
import math
from dataclasses import dataclass
from typing import Any, NoReturn

MAX_INTEGER_CHARS = 20
MAX_DEPTH = 32


class Unreadable(Exception):
    """The bytes do not say anything that could be relied on; the text says why."""


def parse(body: bytes) -> Any:
    """Return the value that the UTF-8 JSON bytes spell; raise `Unreadable` and nothing else."""
    try:
        text = body.decode("utf-8")  # strict: refuses encoded surrogates and overlong forms
        value = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8 text") from None
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    except ValueError:
        raise Unreadable("not JSON") from None
    if _is_deeper_than(value, MAX_DEPTH):
        raise Unreadable("nested too deeply")
    if "\\u" in text:  # raw NUL is no JSON, raw surrogates no UTF-8: only escapes can bring them
        _refuse_bad_characters(value)
    return value


@dataclass(frozen=True, slots=True)
class Number:
    """A number that is no plain whole one, as it is spelled: a binary float would round it."""

    text: str


@dataclass(frozen=True, slots=True)
class Repeated:
    """What stands under a name that one object has more than once, in the order it came."""

    values: tuple[Any, ...]

    @property
    def is_one_value(self) -> bool:
        """Whether they all say the same."""
        return len({spelled(value) for value in self.values}) == 1


def parse_rows(body: bytes) -> Any:
    """Return the value that the bytes spell, odd values kept in their places.

    Raises `Unreadable`.
    """
    try:
        text = body.decode("utf-8", "surrogateescape")  # such text is not printable, so it shows
        return _ROWS_DECODER.decode(text)
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    except ValueError:
        raise Unreadable("not JSON") from None


def spelled(value: Any) -> str:
    """Spell a value of `parse_rows` as ASCII JSON; numbers and repeated names as they came."""
    try:
        return json.dumps(value)
    except TypeError:  # it holds a Number or a Repeated
        return _spelled(value)
    except RecursionError:
        return '"(nested too deeply)"'


def _spelled(value: Any, depth: int = 0) -> str:
    if depth > MAX_DEPTH:
        return '"(nested too deeply)"'
    if isinstance(value, Number):
        return value.text
    if isinstance(value, list):
        return f"[{', '.join(_spelled(item, depth + 1) for item in value)}]"
    if not isinstance(value, dict):
        return json.dumps(value)
    pairs = (
        f"{json.dumps(name)}: {_spelled(inner, depth + 1)}"
        for name, field in value.items()
        for inner in (field.values if isinstance(field, Repeated) else (field,))
    )
    return f"{{{', '.join(pairs)}}}"


def _refuse_bad_characters(value: Any) -> None:
    spelled = json.dumps(value, ensure_ascii=False)
    if "\\u0000" in spelled:
        raise Unreadable("holds a NUL character")
    try:
        spelled.encode("utf-8")
    except UnicodeEncodeError:
        raise Unreadable("holds half of a surrogate pair") from None


def _is_deeper_than(value: Any, limit: int) -> bool:
    """Look level by level, not by recursion: the depth is the sender's choice."""
    level: list[Any] = [value] if type(value) in (dict, list) else []
    for _ in range(limit):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) in (dict, list)
        ]
        if not level:
            return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Unreadable("a key stands twice in one object")
    return fields


def _object_of_rows(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        values: dict[str, list[Any]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        fields |= {name: Repeated(tuple(all_)) for name, all_ in values.items() if len(all_) > 1}
    return fields


def _integer_of_rows(text: str) -> int | Number:
    return int(text) if len(text) <= MAX_INTEGER_CHARS else Number(text)


def _integer(text: str) -> int:
    if len(text) > MAX_INTEGER_CHARS:
        raise Unreadable("a whole number of more than twenty digits")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Unreadable("a number beyond all bounds")
    return number


def _constant(text: str) -> NoReturn:
    raise Unreadable(f"{text} is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_float,
    parse_constant=_constant,
)
_ROWS_DECODER = json.JSONDecoder(
    object_pairs_hook=_object_of_rows,
    parse_int=_integer_of_rows,
    parse_float=Number,
    parse_constant=Number,
    strict=False,  # a raw control character spoils its own text only
)
