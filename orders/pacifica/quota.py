"""The exchange's own word on the credits left: its ``ratelimit`` headers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

_FIELDS = {
    "remaining": ("ratelimit", re.compile(r";\s*r=([0-9]{1,9})(?![0-9])")),
    "resets_in": ("ratelimit", re.compile(r";\s*t=([0-9]{1,9})(?![0-9])")),
    "quota": ("ratelimit-policy", re.compile(r";\s*q=([0-9]{1,9})(?![0-9])")),
    "window": ("ratelimit-policy", re.compile(r";\s*w=([0-9]{1,9})(?![0-9])")),
}


@dataclass(frozen=True)
class Quota:
    """Credits (Decimal, for a cancel costs half a one) and seconds; None where not stated."""

    remaining_credits: Decimal | None
    quota_credits: Decimal | None
    resets_in_s: int | None
    window_s: int | None


def quota(headers: Mapping[str, str]) -> Quota | None:
    """Read the `Quota` of an answer's headers (lower-case names), or None. Never raises.

    Source: docs.pacifica.fi rate-limits page; ``"credits";r=1200;t=32`` means 120 credits left
    for 32 s, for header values are ten times the credits.
    """
    stated = {name: _number(headers, *where) for name, where in _FIELDS.items()}
    if all(value is None for value in stated.values()):
        return None
    return Quota(
        remaining_credits=_credits(stated["remaining"]),
        quota_credits=_credits(stated["quota"]),
        resets_in_s=stated["resets_in"],
        window_s=stated["window"],
    )


def slow_down_s(headers: Mapping[str, str]) -> int:
    """Return the seconds to wait after a 429, as its headers say: 1 to 60; 5 where they do not."""
    stated = quota(headers)
    return min(stated.resets_in_s if stated and stated.resets_in_s else 5, 60)


def _number(headers: Mapping[str, str], name: str, pattern: re.Pattern[str]) -> int | None:
    value = (headers or {}).get(name)
    match = pattern.search(value) if isinstance(value, str) else None
    return int(match.group(1)) if match else None


def _credits(tenths: int | None) -> Decimal | None:
    return None if tenths is None else Decimal(tenths) / 10
