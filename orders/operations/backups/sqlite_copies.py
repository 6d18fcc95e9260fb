"""An SQLite database: copied while the site writes, and put in place of another that is kept.

``VACUUM INTO`` reads one snapshot. A plain copy of the files under load is torn, and the shell's
``.backup`` starts over whenever somebody writes.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from django.db import DatabaseError, connection, connections

from desk import private
from orders.operations.backups import files, snapshot
from orders.operations.backups.refusals import STOP, CannotCopy

FILE = "database.sqlite3"
BESIDE = ("-wal", "-shm", "-journal")
WAIT_S = 5


def place() -> Path:
    """Return where the configured database is."""
    return Path(str(connection.settings_dict["NAME"]))


def copy(folder: Path, *, holds_writers: bool = False) -> snapshot.Facts:
    """Write the copy as `FILE`, without sessions. Raises `CannotCopy`.

    Outside WAL mode nobody can commit while a snapshot is read: only where ``holds_writers``.
    """
    target = folder / FILE
    if not holds_writers:
        _refuse_to_hold_writers()
    private.make_file(target)  # SQLite would make it for everybody to read; it takes an empty one
    try:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(target)])
        connection.close()  # so that nothing of the site's is held while the copy is looked at
        with closing(sqlite3.connect(target)) as copied:
            _forget_sessions(copied)
            _refuse_damaged(copied)
            facts = snapshot.facts(copied.cursor(), "sqlite")
    except (DatabaseError, sqlite3.Error) as error:
        raise CannotCopy(f"The database cannot be copied ({error}).") from None
    files.sync(target)
    return facts


def _refuse_to_hold_writers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        (mode,) = cursor.fetchone()
    if mode != "wal":
        raise CannotCopy(
            "This database is in SQLite's rollback journal: nothing could be recorded or sent "
            "while it is copied. Stop the site, then add --hold-writers."
        )


def _forget_sessions(copied: sqlite3.Connection) -> None:
    """Whoever reads the copy must not be able to go on as somebody who is signed in."""
    copied.execute("PRAGMA secure_delete = ON")
    copied.execute("DELETE FROM django_session")
    copied.commit()


def _refuse_damaged(database: sqlite3.Connection) -> None:
    ((said,),) = database.execute("PRAGMA quick_check(1)").fetchall()
    if said != "ok":
        raise CannotCopy(f"The database is damaged ({said}).")


def programs_version() -> int:
    """No program is needed."""
    return 0


def tables_with_rows() -> list[str]:
    """Name what a restore would replace; a file that is no readable database counts as a whole."""
    path = place()
    if not path.exists() or not path.stat().st_size:
        return []
    try:
        with closing(_opened(path)) as database:
            names = "SELECT name FROM sqlite_master WHERE type = 'table'"
            tables = [name for (name,) in database.execute(names)]
            return snapshot.tables_with_rows(database.cursor(), tables)
    except sqlite3.Error:
        return [f"{path.name}, which cannot be read"]


def _opened(path: Path) -> sqlite3.Connection:
    """Open without making anything."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=WAIT_S)


def refuse_used() -> None:
    """Raise `CannotCopy` where a process has the database open.

    Leaving WAL mode needs the database for oneself, and leaves one file without anything beside it.
    A damaged database cannot be asked.
    """
    path = place()
    connections.close_all()
    if not path.exists() or not path.stat().st_size:
        return
    try:
        with closing(_opened(path)) as database:
            database.execute("PRAGMA journal_mode = DELETE")
            database.execute("BEGIN EXCLUSIVE")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise CannotCopy(IN_USE) from None


IN_USE = f"Another process has the database open. {STOP}."


def put_back(part: Path, sha256: str, triggers: set[str], kept: str) -> str:
    """Put a backup's file in the database's place; return where the old one is, "" for none.

    The file is copied and looked at under another name first, and the old one keeps a name of its
    own before it loses its place: whenever this is killed, one of them is there, whole.
    """
    path = place()
    staged = path.with_name(f"{path.name}.{kept}-new")
    try:
        _stage(part, staged, sha256, triggers)
        aside = _set_aside(path, kept)
        staged.replace(path)
        files.sync(path.parent)
    except (OSError, sqlite3.Error) as error:
        raise CannotCopy(f"{path} cannot be put in place ({error}).") from None
    finally:
        staged.unlink(missing_ok=True)
    return aside


def _stage(part: Path, staged: Path, sha256: str, triggers: set[str]) -> None:
    _, found = files.copied(part, staged)
    if found != sha256:  # changed since it was verified
        raise CannotCopy(f"{part.name}: is not what was backed up. Nothing was touched.")
    files.give_to_owner(staged, staged.parent)
    with closing(sqlite3.connect(f"file:{quote(str(staged))}?mode=ro", uri=True)) as database:
        _refuse_damaged(database)
        standing = snapshot.triggers(database.cursor(), "sqlite")
    if missing := triggers - set(standing):
        raise CannotCopy(f"The copy lacks triggers: {', '.join(sorted(missing))}.")


def _set_aside(path: Path, kept: str) -> str:
    """Give the old database a second name, and take from its place what lies beside it."""
    if not path.exists():
        return ""
    for tail in BESIDE:  # SQLite would read an old log of transactions into the new database
        beside = path.with_name(path.name + tail)
        if beside.exists():
            beside.rename(path.with_name(f"{path.name}.{kept}{tail}"))
    aside = path.with_name(f"{path.name}.{kept}")
    os.link(path, aside)
    return str(aside)


def refuse_unreadable(programs: int) -> None:
    """No program is needed."""


def tidy() -> None:
    """Statistics are in the copy already."""
