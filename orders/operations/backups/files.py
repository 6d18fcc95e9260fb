"""Private files of a backup: copied with their hash, on the disk, under their name only when whole.

A backup is written into a folder of another name, which is renamed once everything in it is on the
disk. Whatever kills it before that leaves a folder that nobody takes for a backup.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from desk import private
from orders.operations.backups.refusals import CannotCopy

CHUNK = 1024 * 1024
UNFINISHED = ".unfinished-"


@contextlib.contextmanager
def finished_folder(folder: Path) -> Iterator[Path]:
    """Give a private folder to write into; it is ``folder`` when the block ends without an error.

    Raises `CannotCopy` where ``folder`` exists: nothing is ever overwritten.
    """
    refuse_existing(folder)
    work = Path(tempfile.mkdtemp(prefix=f"{folder.name}{UNFINISHED}", dir=folder.parent))
    try:
        yield work
        sync(work)
        refuse_existing(folder)
        work.rename(folder)
        sync(folder.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)  # gone where it was renamed


def refuse_existing(path: Path) -> None:
    """Raise `CannotCopy` where something of this name is there, if only a broken link."""
    if path.exists() or path.is_symlink():
        raise CannotCopy(f"{path} exists already. Nothing is overwritten: choose another name.")


def copied(source: Path, target: Path) -> tuple[int, str]:
    """Copy into a new private file that is on the disk at the end; its bytes and SHA-256 as hex."""
    with source.open("rb") as reading, _new(target) as writing:
        try:
            length, digest = _pour(reading, writing)
            writing.flush()
            os.fsync(writing.fileno())
        except BaseException:  # half a file under this name would be taken for the whole one
            target.unlink()
            raise
    return length, digest


def measured(path: Path) -> tuple[int, str]:
    """Return a file's length in bytes and its SHA-256 as hex."""
    with path.open("rb") as file:
        return _pour(file, None)


def _pour(source: BinaryIO, target: BinaryIO | None) -> tuple[int, str]:
    length, digest = 0, hashlib.sha256()
    while chunk := source.read(CHUNK):
        length += len(chunk)
        digest.update(chunk)
        if target is not None:
            target.write(chunk)
    return length, digest.hexdigest()


def _new(path: Path) -> BinaryIO:
    return os.fdopen(private.opened(path, os.O_WRONLY | os.O_EXCL), "wb")


def sync(path: Path) -> None:
    """See a file, or the names in a folder, on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def give_to_owner(path: Path, like: Path) -> None:
    """Where root puts a file back, give it to the user whom ``like`` belongs to."""
    if os.geteuid() == 0:
        owner = like.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
