"""Decimals in any spelling of JSON, as exact plain text. Pure.

Bounded before anything is expanded: nobody can make us write out 1e999999.
"""

import re
from decimal import Decimal
from typing import Any

from .strict_json import Number

MAX_CHARS = 64
MAX_EXPONENT_DIGITS = 2
_PLAIN = re.compile(r"(?=.{,64}\Z)-?[0-9]{1,40}(\.[0-9]{1,40})?")
_ANY = re.compile(
    r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?0{,9}[0-9]{1,2})?"
)


def is_plain(value: Any) -> bool:
    """Whether it is a decimal's text already: it is then kept to the letter."""
    return isinstance(value, str) and _PLAIN.fullmatch(value) is not None


def plain(value: Any) -> str | None:
    """Spell ``+1``, ``.5``, ``5.``, ``7.3e-7`` or a number exactly; None for all else."""
    text = _text(value)
    if text is None or _ANY.fullmatch(text) is None:
        return None
    spelled = f"{Decimal(text):f}"
    return spelled if is_plain(spelled) else None


def _text(value: Any) -> str | None:
    if type(value) is int:
        return str(value)
    return value.text if isinstance(value, Number) else value if isinstance(value, str) else None
