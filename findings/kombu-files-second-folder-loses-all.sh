#!/usr/bin/env bash
# kombu 5.7.0, the filesystem transport: a process sends a task to a broker in one folder, closes
# it, and sends one more to a queue of the same name of a broker in another folder.
# Guess: each folder holds a message.
# Seen: the second one holds none, and put returned as if it did. Which queues an exchange feeds is
# remembered for all connections of the process, and is only written to a folder the first time.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile kombu==5.7.0 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import pathlib
import tempfile
from importlib.metadata import version

from kombu import Connection


def connect(folder):
    """A connection whose messages are files in one folder."""
    options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder + "/control"}
    return Connection("filesystem://", transport_options=options)


print("kombu", version("kombu"))

kept = []
for _ in range(2):
    with tempfile.TemporaryDirectory() as folder, connect(folder) as connection:
        queue = connection.SimpleQueue("cancels")
        queue.put({"order_id": 7})
        queue.close()
        kept.append(len(list(pathlib.Path(folder).glob("*.msg"))))
print("messages in the first and in the second folder:", kept)
assert kept == [1, 0], kept
PYTHON
