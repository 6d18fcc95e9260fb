"""What a command says, written where it can be: a full disk or a closed pipe keeps it from nothing.

A panic, a cancel or a beat must not end because nobody can read what it says of itself.
"""

import contextlib
import os
from typing import IO, Any


class Spoken:
    """A stream of text on which a failed write is kept for the end. ``failed``: the first one."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.failed: OSError | None = None

    def write(self, text: str) -> None:
        """Write and flush, unless that failed before."""
        if self.failed is not None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            self.failed = error
            self._let_go()

    def _let_go(self) -> None:
        """Send what still waits in the stream to nowhere, or the process would fail over it."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def flush(self) -> None:
        """Nothing waits: each text was flushed."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
