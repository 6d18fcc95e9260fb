"""Folders and files that nobody but this process's user can read, whatever the umask says."""

import os
import stat
from pathlib import Path

OTHERS = 0o077
OURS = ("desk.sqlite3", "broker", "bells", "exports", "checkpoints", "opening-keys", "secret-key")


def make_folder(path: str | Path) -> None:
    """The folder, made with mode 0700 where it is missing; one that is there stays as it is."""
    path = Path(path)
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)


def make_own_folder(path: str | Path) -> bool:
    """The same, and closed where it holds nothing but what is ours; whether others are shut out.

    A folder that other things are in may be the system's: it stays open.
    """
    make_folder(path)
    if not is_open(path):
        return True
    with os.scandir(path) as entries:
        is_ours = all(entry.name.startswith(OURS) for entry in entries)
    return is_ours and shut(path)


def is_open(path: str | Path) -> bool:
    """Whether others may do anything with it."""
    return bool(Path(path).stat().st_mode & OTHERS)


def make_file(path: str | Path) -> None:
    """An empty file with mode 0600 where there is none; one of ours that is open is shut.

    One that is there is never opened: closing it again would take from this process the locks that
    SQLite holds on it.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        shut(path)


def opened(path: str | Path, flags: int) -> int:
    """A handle on the file, made with mode 0600 where it is missing."""
    handle = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
    closed = _closed(os.fstat(handle))
    if closed is not None:
        os.fchmod(handle, closed)
    return handle


def write(path: str | Path, content: bytes) -> None:
    """A new file with this content, on the disk when this returns."""
    with os.fdopen(opened(path, os.O_WRONLY | os.O_EXCL), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def shut(path: str | Path) -> bool:
    """Take from others what they may do with what is ours; whether it is shut to them."""
    path = Path(path)
    closed = _closed(path.stat())
    if closed is not None:
        path.chmod(closed)
    return not is_open(path)


def _closed(found: os.stat_result) -> int | None:
    """The mode to give to what others may do something with, if it is ours; else None."""
    is_due = found.st_mode & OTHERS and found.st_uid == os.geteuid()
    return stat.S_IMODE(found.st_mode) & 0o700 if is_due else None
