"""Warnings of what goes on being wrong: one line in a process's log when it begins, another when it
has lasted long, and one when it is over."""

import logging
import threading
import time
from collections.abc import Callable, Hashable

AGAIN_AFTER_S = 3600
MAX_REMEMBERED = 10_000  # matters; of more, the oldest is forgotten and may be told twice


class Matters:
    """What is wrong now, by key. ``logger`` tells; ``clock`` counts seconds."""

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger, self._clock = logger, clock
        self._told: dict[Hashable, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def wrong(self, key: Hashable, words: str) -> None:
        """Tell of it, unless it was told within the hour."""
        now = self._clock()
        with self._lock:
            told_at, _ = self._told.get(key, (None, ""))
            if told_at is not None and now - told_at < AGAIN_AFTER_S:
                return
            self._told[key] = now, words
            if len(self._told) > MAX_REMEMBERED:
                del self._told[next(iter(self._told))]
        since = "" if told_at is None else " (still)"
        self._logger.warning("%s%s", _one_line(words), since)

    def only(self, wrong: dict[Hashable, str]) -> None:
        """Tell of all these, words by key, and that whatever else was told of is over."""
        for key, words in wrong.items():
            self.wrong(key, words)
        for key in self._told.keys() - wrong.keys():
            self.over(key)

    def over(self, key: Hashable, words: str = "") -> None:
        """Tell that it is over, where it was told of."""
        with self._lock:
            told_at, said = self._told.pop(key, (None, ""))
        if told_at is not None:
            self._logger.warning("%s", _one_line(words or f"Over: {said}"))


def _one_line(words: str) -> str:
    """The exchange's words may hold line breaks, which would forge lines of the log."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in str(words))
