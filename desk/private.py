"""Folders and files that nobody but this process's user can read, whatever the umask says."""

import os
from pathlib import Path

OTHERS = 0o077


def make_folder(path):
    """The folder, made with mode 0700 where it is missing; one that is there stays as it is."""
    path = Path(path)
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)


def opened(path, flags) -> int:
    """A handle on the file, made with mode 0600 where it is missing."""
    handle = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
    close(handle)
    return handle


def write(path, content: bytes):
    """A new file with this content, on the disk when this returns."""
    with os.fdopen(opened(path, os.O_WRONLY | os.O_EXCL), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def close(handle):
    """Take from others what they may do with this file, where it is ours to take."""
    found = os.fstat(handle)
    if found.st_mode & OTHERS and found.st_uid == os.geteuid():
        os.fchmod(handle, found.st_mode & 0o700)
