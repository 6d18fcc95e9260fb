"""The broker that needs no server: kombu's filesystem transport, made safe to read while written.

kombu publishes a message under its final name before it has written it, so a reader can find it
half empty, lose it and die. Here a message is written aside and renamed, and taken by renaming:
both are atomic within one folder.
"""

import time
import uuid
from pathlib import Path
from queue import Empty

from kombu.transport import filesystem
from kombu.utils.encoding import bytes_to_str, str_to_bytes
from kombu.utils.json import dumps, loads


class Channel(filesystem.Channel):
    """Messages are files named ``time_uuid.queue.msg`` in one folder."""

    def _put(self, queue, payload, **kwargs):
        name = f"{time.time_ns()}_{uuid.uuid4().hex}"
        aside = Path(self.data_folder_out, f"{name}.part")
        aside.write_bytes(str_to_bytes(dumps(payload)))
        aside.rename(aside.with_name(f"{name}.{queue}.msg"))

    def _get(self, queue):
        for path in sorted(Path(self.data_folder_in).glob(f"*.{queue}.msg")):
            taken = path.with_name(f"{path.name}.{uuid.uuid4().hex}.taken")
            try:
                path.rename(taken)
            except FileNotFoundError:  # another worker was quicker
                continue
            payload = taken.read_bytes()
            taken.unlink()
            return loads(bytes_to_str(payload))
        raise Empty


class Transport(filesystem.Transport):
    """The transport behind ``embedded://``."""

    Channel = Channel
