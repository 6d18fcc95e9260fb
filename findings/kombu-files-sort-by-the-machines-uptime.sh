#!/usr/bin/env bash
# kombu 5.7.0, the filesystem transport: one task is sent two hours after the machine was started,
# and one more just after its next start. Then once more, without a start in between: before and
# after the machine has been up for 10000 seconds.
# Guess: first sent, first received, both times.
# Seen: the later task comes first, both times. A file is named after the milliseconds since the
# machine's start, and names are sorted as text, where 10000000 is less than 9999999.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile kombu==5.7.0 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import tempfile
from importlib.metadata import version

from kombu import Connection
from kombu.transport import filesystem


def connect(folder):
    """A connection whose messages are files in one folder."""
    options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder + "/control"}
    return Connection("filesystem://", transport_options=options)


print("kombu", version("kombu"))

orders = []
with tempfile.TemporaryDirectory() as folder, connect(folder) as connection:
    for earlier, later in ((7200.0, 30.0), (9999.0, 10001.0)):
        queue = connection.SimpleQueue(f"cancels{later:.0f}")
        for uptime, task in ((earlier, "earlier"), (later, "later")):
            filesystem.monotonic = lambda now=uptime: now  # the clock that names the file
            queue.put(task)
        got = [queue.get(timeout=5) for _ in range(2)]
        orders.append([message.payload for message in got])
        for message in got:
            message.ack()
        queue.close()
print("received:", orders)
assert orders == [["later", "earlier"]] * 2, orders
PYTHON
