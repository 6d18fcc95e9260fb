"""Files beside the checkpoint file, whose lines the database holds too: only ever longer."""

import os
from pathlib import Path

from django.conf import settings

from desk import private


def place(kind: str) -> Path:
    """Return where this host's file of a kind is."""
    return Path(f"{settings.AUDIT_CHECKPOINT_FILE}.{kind}")


def lines(kind: str, stored: list[str]) -> list[str]:
    """Return the file's whole lines and, after them, those that the database alone has."""
    kept: dict[str, None] = {}
    if place(kind).exists():
        text = place(kind).read_bytes().decode("ascii", "replace")
        kept = dict.fromkeys(text.split("\n")[:-1])
    return [*kept, *(line for line in stored if line not in kept)]


def complete(kind: str, stored: list[str]) -> None:
    """Add to this host's file what the database alone has, and end a torn line."""
    handle = private.opened(place(kind), os.O_RDWR | os.O_APPEND)
    with os.fdopen(handle, "a+b") as file:
        file.seek(0)
        text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        known = set(whole.split(b"\n"))
        due = [line for line in lines(kind, stored) if line.encode() not in known]
        os.ftruncate(file.fileno(), len(whole))
        file.write("".join(f"{line}\n" for line in due).encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
