"""How a sweep on the same SQLite file hears at once that a panic waits: a bell beside the file.

A ring may be lost: then the sweep's own look, twice a second, finds the panic. PostgreSQL may be
another host's, so there every sweep looks twenty times a second.
"""

from pathlib import Path

from django.db import connection, transaction

from desk import doorbell, private

FOLDER = "bells"


def folder() -> Path | None:
    """Return where the bells hang; None where the database is no file."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or name.startswith("file:") or ":memory:" in name:
        return None
    return Path(name).parent / FOLDER


def hung() -> doorbell.Doorbell | None:
    """Return a bell for one sweep; None where none can be hung, and it looks as often as it can."""
    if (place := folder()) is None:
        return None
    try:
        private.make_folder(place)
        bell = doorbell.Doorbell(place)
    except OSError:
        return None
    return bell if bell.can_ring else None


def ring() -> None:
    """Once what was written is there to be seen, ring for every sweep on this file."""
    if (place := folder()) is not None:
        transaction.on_commit(lambda: doorbell.ring(place), robust=True)
