"""Doorbells: how a process that waits beside a folder is told at once that something lies there.

A datagram to a Unix socket in that folder. It carries nothing and may be lost; who waits looks at
the folder by itself from time to time. Where no socket can be made, waiting is short: a poll.
"""

import contextlib
import os
import socket
import time
import uuid
from pathlib import Path

ENDING = ".bell"
POLL_S = 0.01


class Doorbell:
    """One waiting thread's bell. ``folder``: beside which it waits."""

    def __init__(self, folder: str | Path) -> None:
        self._path = Path(folder) / f"{os.getpid()}_{uuid.uuid4().hex[:8]}{ENDING}"
        self._socket: socket.socket | None = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.bind(str(self._path))
        except OSError:  # the path is too long, or the file system knows no sockets
            self._socket.close()
            self._socket = None

    @property
    def can_ring(self) -> bool:
        """Whether it hangs; else whoever waits looks by himself every 10 ms."""
        return self._socket is not None

    def wait(self, seconds: float) -> bool:
        """Return once it rang, or after this long; where it cannot ring, after 10 ms at most.

        Whether it rang.
        """
        if self._socket is None:
            time.sleep(max(0, min(seconds, POLL_S)))
            return False
        self._socket.settimeout(max(0, seconds))
        return self._take_one()

    def silence(self) -> None:
        """Forget every ring so far."""
        if self._socket is not None:
            self._socket.setblocking(False)
            while self._take_one():
                pass

    def _take_one(self) -> bool:
        try:
            return bool(self._socket and self._socket.recv(1))
        except OSError:  # none came
            return False

    def ring(self) -> None:
        """Ring it, from whichever thread."""
        _ring(self._path)

    def close(self) -> None:
        """Take it away."""
        if self._socket is not None:
            self._path.unlink(missing_ok=True)
            self._socket.close()
            self._socket = None


def ring(folder: Path) -> None:
    """Ring every bell in this folder; one whose process is gone is taken away.

    Raises nothing: who does not hear it looks by himself.
    """
    with contextlib.suppress(OSError):
        for path in list(folder.glob(f"*{ENDING}")):
            _ring(path)


def _ring(path: Path) -> None:
    # An error is no matter: it rang so often that nothing more fits, or it is gone.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as caller:
        caller.setblocking(False)
        try:
            caller.sendto(b"!", str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
