"""The file of checkpoints on this host: whole lines, one writer at a time, only ever longer."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from desk import private

MAX_TAIL = 64 * 1024
Mark = tuple[int | str | None, ...]


class CannotCheckpoint(Exception):
    """No checkpoint was made; the text says why and what to do."""


def lines() -> Iterator[str]:
    """Yield the file's whole lines; a last line without a break is still being written."""
    try:
        with Path(settings.AUDIT_CHECKPOINT_FILE).open("rb") as file:
            left = os.fstat(file.fileno()).st_size
            for line in file:
                left -= len(line)
                if line.endswith(b"\n") and left >= 0:
                    yield line[:-1].decode("ascii", "replace")
    except FileNotFoundError:
        return


@contextlib.contextmanager
def locked() -> Iterator[BinaryIO]:
    """Open the file for one process of this host at a time. Raises `CannotCheckpoint`."""
    try:
        handle = private.opened(Path(settings.AUDIT_CHECKPOINT_FILE), os.O_RDWR | os.O_APPEND)
        with os.fdopen(handle, "a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
    except OSError as error:  # also of a disk that is full, where a line then ends torn
        raise CannotCheckpoint(
            f"AUDIT_CHECKPOINT_FILE: cannot be written ({error.strerror})."
        ) from None


def mark() -> Mark:
    """Return what changes whenever somebody writes to the file; it costs next to nothing."""
    path = settings.AUDIT_CHECKPOINT_FILE
    try:
        stat = Path(path).stat()
    except FileNotFoundError:
        return path, None
    return path, stat.st_ino, stat.st_size, stat.st_mtime_ns


def tail() -> list[str]:
    """Return the whole lines at the file's end, the newest last; none without a file. `OSError`."""
    try:
        with Path(settings.AUDIT_CHECKPOINT_FILE).open("rb") as file:
            return _ends(file)[0]
    except FileNotFoundError:
        return []


def last_line(file: BinaryIO) -> tuple[str | None, str]:
    """Return the last whole line, None where there is none, and what is torn after it."""
    lines, torn = _ends(file)
    return (lines[-1] if lines else None), torn


def _ends(file: BinaryIO) -> tuple[list[str], str]:
    """Return the whole lines of the last 64 KiB, and what is torn after them.

    A line that is longer, and so no checkpoint, is not passed over: its end stands for it.
    """
    file.seek(0, os.SEEK_END)
    start = max(0, file.tell() - MAX_TAIL)
    file.seek(start)
    *lines, torn = file.read().decode("ascii", "replace").split("\n")
    return lines[1:] if start and len(lines) > 1 else lines, torn


def append(file: BinaryIO, text: str) -> None:
    """Add text at the end, and see it on the disk."""
    file.write(text.encode("ascii"))
    file.flush()
    os.fsync(file.fileno())
