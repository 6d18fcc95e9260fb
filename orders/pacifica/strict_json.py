"""JSON read strictly: whatever two readers could read differently is refused.

An answer that one parser takes for a yes and another for a no proves nothing, so duplicate keys,
NaN, huge numbers, lone surrogates, NUL and deep nesting are all unreadable here.
"""

import json
import math

MAX_INTEGER_CHARS = 20
MAX_DEPTH = 32


class Unreadable(Exception):
    """The bytes do not say anything that could be relied on; the text says why."""


def parse(body):
    """The value that the UTF-8 JSON bytes spell; raises `Unreadable` and nothing else."""
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


def _refuse_bad_characters(value):
    spelled = json.dumps(value, ensure_ascii=False)
    if "\\u0000" in spelled:
        raise Unreadable("holds a NUL character")
    try:
        spelled.encode("utf-8")
    except UnicodeEncodeError:
        raise Unreadable("holds half of a surrogate pair") from None


def _is_deeper_than(value, limit):
    """Level by level, not by recursion: the depth is the sender's choice."""
    level = [value] if type(value) in (dict, list) else []
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


def _object(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("a key stands twice in one object")
    return found


def _integer(text):
    if len(text) > MAX_INTEGER_CHARS:
        raise Unreadable("a whole number of more than twenty digits")
    return int(text)


def _float(text):
    number = float(text)
    if not math.isfinite(number):
        raise Unreadable("a number beyond all bounds")
    return number


def _constant(text):
    raise Unreadable(f"{text} is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_float,
    parse_constant=_constant,
)
