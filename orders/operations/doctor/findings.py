"""What one check found: well, trouble with what to do, or not asked; never a secret's value."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

OK, TROUBLE, NOT_ASKED = "ok", "trouble", "not asked"


@dataclass(frozen=True)
class Finding:
    """One line. ``name``: the check; ``said``: what was found; ``todo``: what to do, if anything.

    ``said`` and ``todo`` name settings and never show a value that may be secret.
    """

    name: str
    state: str
    said: str
    todo: str = ""


@dataclass(frozen=True)
class Asked:
    """How far to go. ``archives``: a folder whose disk is looked at too."""

    now: datetime
    accounts: bool = False
    send_test: bool = False
    archives: Path | None = None


@dataclass(frozen=True)
class Limits:
    """From where on something is trouble."""

    free_bytes: int = 2 * 1024**3
    free_percent: float = 5.0
    connect_s: int = 5  # to a database or broker that does not answer
    checkpoint_age: timedelta = timedelta(minutes=10)


def ok(name: str, said: str) -> Finding:
    """All is well."""
    return Finding(name, OK, said)


def trouble(name: str, said: str, todo: str) -> Finding:
    """Something is wrong, and this is what to do."""
    return Finding(name, TROUBLE, said, todo)


def not_asked(name: str, why: str) -> Finding:
    """It was not looked at."""
    return Finding(name, NOT_ASKED, why)
