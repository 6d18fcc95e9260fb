"""The broker that needs no server: messages are files in one folder.

kombu's own filesystem transport publishes a message under its final name before it has written it,
so a reader can find it half empty, lose it and die. Here a message is written aside and renamed,
and taken by renaming: both are atomic within one folder, so a message is whole or not there, and
taken once. Its exchanges live in files that tear the same way; ours need none, because every
message names its queue.
"""

import time
import uuid
from collections import defaultdict, deque
from pathlib import Path
from queue import Empty

from kombu.transport import virtual
from kombu.utils.encoding import bytes_to_str, str_to_bytes
from kombu.utils.json import dumps, loads

LONGEST_WAIT_S = 0.5


class Channel(virtual.Channel):
    """Messages are files named ``time_uuid.queue.msg``; any other ending is one on its way."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.folder = Path(self.connection.client.transport_options["folder"])
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._listed = defaultdict(deque)  # oldest first; read anew once it is used up

    def _put(self, queue, message, **kwargs):
        name = f"{time.time_ns()}_{uuid.uuid4().hex}"
        aside = self.folder / f"{name}.part"
        aside.write_bytes(str_to_bytes(dumps(message)))
        aside.rename(aside.with_name(f"{name}.{queue}.msg"))

    def _get(self, queue, timeout=None):
        while path := self._oldest(queue):
            taken = path.with_name(f"{path.name}.{uuid.uuid4().hex}.taken")
            try:
                path.rename(taken)
            except FileNotFoundError:  # another worker was quicker
                continue
            message = taken.read_bytes()
            taken.unlink()
            return loads(bytes_to_str(message))
        raise Empty

    def _oldest(self, queue):
        listed = self._listed[queue]
        if not listed:
            listed.extend(sorted(self._waiting(queue)))
        return listed.popleft() if listed else None

    def _size(self, queue):
        return len(list(self._waiting(queue)))

    def _purge(self, queue):
        waiting = list(self._waiting(queue))
        for path in waiting:
            path.unlink(missing_ok=True)
        return len(waiting)

    def _waiting(self, queue):
        return self.folder.glob(f"*.{queue}.msg")


class Transport(virtual.Transport):
    """The transport behind ``embedded://``."""

    Channel = Channel
    default_connection_params = {}  # there is no host to fall back to
    driver_type = driver_name = "embedded"
    implements = virtual.Transport.implements.extend(asynchronous=False)

    def drain_events(self, connection, timeout=None):
        """Wait for one message. Short waits let a worker notice soon that it shall stop."""
        timeout = timeout and min(timeout, LONGEST_WAIT_S)
        return super().drain_events(connection, timeout=timeout)

    def driver_version(self):
        """Shown by Celery's reports."""
        return "1"
