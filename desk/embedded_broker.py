"""The broker that needs no server: messages are files in one folder.

kombu's own filesystem transport publishes a message under its final name before it has written it,
so a reader can find it half empty, lose it and die. Here a message is written aside and renamed,
and taken by renaming: both are atomic within one folder, so a message is whole or not there, and
taken once; and it is on the disk before it has its name, so a power cut leaves no half of one.
Its exchanges live in files that tear the same way; ours need none, because every message names its
queue. What cannot be read as a message is moved aside and logged: a broker may lose anything, and
one bad file must not end a worker.

Nobody polls: who waits has a `doorbell.Doorbell` in the folder, and who publishes rings it.
"""

import contextlib
import logging
import stat
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import virtual
from kombu.utils.encoding import bytes_to_str, str_to_bytes
from kombu.utils.json import dumps, loads

from desk import doorbell, private

logger = logging.getLogger(__name__)
MAX_WAIT_S = 0.5
MAX_BYTES = 16 * 1024 * 1024  # ours have a few hundred
ASIDE = "unreadable"


class Channel(virtual.Channel):
    """Messages are files named ``time_uuid.queue.msg``; any other ending is one on its way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        options: dict[str, Any] = self.connection.client.transport_options  # type: ignore[assignment, union-attr]
        self.folder = Path(options["folder"])
        private.make_folder(self.folder)
        # Oldest first; read anew once it is used up.
        self._listed: defaultdict[str, deque[Path]] = defaultdict(deque)
        self._stuck: set[str] = set()  # names of what can be neither taken nor moved

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        name = f"{time.time_ns()}_{uuid.uuid4().hex}"
        aside = self.folder / f"{name}.part"
        private.write(aside, str_to_bytes(dumps(message)))
        aside.rename(aside.with_name(f"{name}.{queue}.msg"))
        doorbell.ring(self.folder)

    def basic_ack(self, delivery_tag: Any, multiple: bool = False) -> None:
        """Take note that a message is done with: there may be room for the next one now."""
        super().basic_ack(delivery_tag, multiple)
        transport: Transport = self.connection  # type: ignore[assignment]
        transport.look_again()

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        while path := self._oldest(queue):
            taken = path.with_name(f"{path.name}.{uuid.uuid4().hex}.taken")
            try:
                path.rename(taken)
            except FileNotFoundError:  # another worker was quicker
                continue
            except OSError as error:
                self._stick(path, error)
                continue
            if (message := self._read(taken)) is not None:
                return message
        raise Empty

    def _read(self, path: Path) -> dict[str, Any] | None:
        """The message in this file, which is gone then; None where it is moved aside."""
        try:
            about = path.lstat()
            if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_BYTES:
                raise ValueError("no file of a message")
            message = loads(bytes_to_str(path.read_bytes()))
            if not isinstance(message, dict):
                raise TypeError("no object")
            path.unlink()
        except Exception as error:  # kombu's own decoders raise whatever they like
            self._set_aside(path, error)
            return None
        return message

    def _set_aside(self, path: Path, error: Exception) -> None:
        """Out of the way, for a person to look at; its content is in no log."""
        logger.error("A message cannot be read (%s); %s is passed over.", _kind(error), path.name)
        try:
            private.make_folder(self.folder / ASIDE)
            path.rename(self.folder / ASIDE / path.name)
        except OSError as trouble:
            self._stick(path, trouble)

    def _stick(self, path: Path, error: Exception) -> None:
        logger.error("%s can be neither taken nor moved (%s).", path.name, _kind(error))
        self._stuck.add(path.name)

    def refuse(self, queue: str, message: Any, error: Exception) -> None:
        """Move aside what was read and turned out to be no message."""
        path = self.folder / f"{time.time_ns()}_{uuid.uuid4().hex}.{queue}.refused"
        try:
            private.write(path, str_to_bytes(dumps(message)))
        except OSError as trouble:
            logger.error("A message for %s is lost (%s).", queue, _kind(trouble))
            return
        self._set_aside(path, error)

    def forget(self, message: Any) -> None:
        """Not to be given back to its queue when this worker ends."""
        with contextlib.suppress(AttributeError, KeyError, TypeError):
            tag = message["properties"]["delivery_tag"]
            if self.qos.get(tag) is not None:
                self.basic_ack(tag)

    def _oldest(self, queue: str) -> Path | None:
        listed = self._listed[queue]
        if not listed:
            listed.extend(sorted(self._waiting(queue)))
        return listed.popleft() if listed else None

    def _size(self, queue: str) -> int:
        return len(list(self._waiting(queue)))

    def _purge(self, queue: str) -> int:
        waiting = list(self._waiting(queue))
        for path in waiting:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:  # a folder, say
                self._set_aside(path, error)
        return len(waiting)

    def _waiting(self, queue: str) -> Iterator[Path]:
        found = self.folder.glob(f"*.{queue}.msg")
        return (path for path in found if path.name not in self._stuck)


def _kind(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


class Transport(virtual.Transport):
    """The transport behind ``embedded://``."""

    Channel = Channel
    default_connection_params = {}  # there is no host to fall back to
    driver_type = driver_name = "embedded"
    implements = virtual.Transport.implements.extend(asynchronous=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bell: doorbell.Doorbell | None = None  # of who waits; who publishes alone has none

    def drain_events(self, connection: Any, timeout: Any = None) -> Any:  # type: ignore[override]
        """Wait for one message. Short waits let a worker notice soon that it shall stop."""
        limit_s = MAX_WAIT_S if timeout is None else min(timeout, MAX_WAIT_S)
        ends_at = time.monotonic() + limit_s
        if self._bell is None:
            self._bell = doorbell.Doorbell(self.client.transport_options["folder"])  # type: ignore[union-attr, index]
        while True:
            self._bell.silence()  # before the look: what rings from here on is heard
            try:
                return self.cycle.get(self._deliver)  # type: ignore[union-attr]
            except Empty:
                left_s = ends_at - time.monotonic()
                if left_s > 0:
                    self._bell.wait(left_s)
                elif timeout is None:
                    ends_at += limit_s
                else:
                    raise TimeoutError from None

    def look_again(self) -> None:
        """Have the thread that waits look once more. Any thread may say so."""
        if self._bell is not None:
            self._bell.ring()

    def close_connection(self, connection: Any) -> None:
        """Nobody waits here any more."""
        super().close_connection(connection)
        if self._bell is not None:
            self._bell.close()
            self._bell = None

    def _deliver(self, message: Any, queue: Any) -> None:
        """Celery itself ends where a message lacks what it takes for granted: it is passed over."""
        try:
            super()._deliver(message, queue)
        except Exception as error:
            channels: list[Channel] = self.channels  # type: ignore[assignment]
            channels[0].refuse(queue, message, error)
            for channel in channels:
                channel.forget(message)

    def driver_version(self) -> str:
        """Shown by Celery's reports."""
        return "1"
