"""Read a secret from a file that nobody else may read, or say which rule it breaks.

Such a file has mode 0400 and belongs to this process's user or to root, or 0440 where its group is
one of this process's. Both hold of what systemd, Docker and Kubernetes hand to a service; systemd
may also let the service's user in by an access control list.
"""

import os
import stat
import struct
from dataclasses import dataclass, field

MAX_BYTES = 64 * 1024
ACL = "system.posix_acl_access"
USER, GROUP_OF_FILE, GROUP, OTHER = 0x02, 0x04, 0x08, 0x20  # tags, as in linux/posix_acl.h


class RuleBroken(Exception):
    """The file may not be used; the text says which rule it breaks and what to do."""


@dataclass
class Readers:
    """Who may do something with a file besides its owner: ids, or anybody."""

    users: set[int] = field(default_factory=set)
    groups: set[int] = field(default_factory=set)
    is_anybody: bool = False


def read(path: str) -> str:
    """The text in the file, without blanks and line breaks around it. Raises `RuleBroken`."""
    try:
        # Not to be kept waiting by a pipe; what is judged is what is read, whatever links lead to.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            check(os.fstat(handle), _acl(handle))
            return _text(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise RuleBroken(f"cannot be read ({error.strerror}).") from None


def check(found: os.stat_result, acl: bytes | None = b"") -> None:
    """Raise `RuleBroken` where others than this process's user may read or change the file.

    ``found``: as `os.fstat` tells; ``acl``: its access control list, where it has one.
    """
    mode, mine = stat.S_IMODE(found.st_mode), {os.getegid(), *os.getgroups()}
    if not stat.S_ISREG(found.st_mode):
        raise RuleBroken("is no file.")
    if found.st_uid not in {0, os.geteuid()}:
        raise RuleBroken("belongs to another user, who can read it: chown it to this process's.")
    if not mode & stat.S_IRUSR:
        raise RuleBroken("is closed to its owner; only root gets past that: chmod 0400.")
    readers = _readers(found, acl)
    if readers.is_anybody:
        raise RuleBroken("can be read or changed by everybody on this machine: chmod 0400.")
    if mode & (0o300 if acl else 0o337):  # with a list, the group's bits are its mask
        raise RuleBroken("must be for reading, no more: chmod 0400.")
    if readers.groups - mine:
        raise RuleBroken("can be read by a group this process is not in: chmod 0400.")
    if readers.users - {0, os.geteuid()}:
        raise RuleBroken("can be read by another user through its access list: setfacl -b.")


def _readers(found: os.stat_result, acl: bytes | None) -> Readers:
    """Who besides the owner may read or change it."""
    if not acl:
        groups = {found.st_gid} if found.st_mode & stat.S_IRWXG else set()
        return Readers(groups=groups, is_anybody=bool(found.st_mode & stat.S_IRWXO))
    readers = Readers()
    for tag, permission, who in struct.iter_unpack("<HHI", acl[4:]):
        if not permission:
            continue
        if tag == USER:
            readers.users.add(who)
        elif tag in {GROUP, GROUP_OF_FILE}:
            readers.groups.add(who if tag == GROUP else found.st_gid)
        elif tag == OTHER:
            readers.is_anybody = True
    return readers


def _acl(handle: int) -> bytes | None:
    try:
        return os.getxattr(handle, ACL)
    except OSError:  # none, or a file system without them
        return b""


def _text(raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        raise RuleBroken(f"is longer than {MAX_BYTES} bytes: that is no key.")
    try:
        text = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise RuleBroken("is not text in UTF-8.") from None
    if not text:
        raise RuleBroken("is empty.")
    return text
