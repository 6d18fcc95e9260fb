"""The agent wallets that an answer lists as bound to an account; an odd entry hides no other."""

import json
import re
from dataclasses import dataclass
from typing import Any

MAX_CHARS = 60
_BASE58_KEY = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")


@dataclass(frozen=True)
class Bound:
    """Public keys that may sign for an account; ``odd``: what else stood in their list, as text."""

    keys: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()


def bound_of(listed: list[Any]) -> Bound:
    """Sort the entries of the exchange's list: public keys, and what is none."""
    keys = tuple(entry for entry in listed if _is_public_key(entry))
    odd = (json.dumps(entry) for entry in listed if not _is_public_key(entry))
    return Bound(keys, tuple(text[:MAX_CHARS] for text in odd))


def _is_public_key(value: Any) -> bool:
    return isinstance(value, str) and _BASE58_KEY.fullmatch(value) is not None
