#!/usr/bin/env bash
# kombu 5.7.0 with SQLAlchemy 2.0, the transport sqla+sqlite of desks without a broker: three tasks
# are sent, received and acknowledged.
# Guess: the table of messages is empty.
# Seen: it holds all three, bodies included, marked as no longer visible; the queue says that it is
# empty. The table grows with every task for ever, and keeps what the tasks were told. Only a purge
# of the queue takes them away.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile kombu==5.7.0 SQLAlchemy==2.0.51 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import pathlib
import sqlite3
import tempfile
from importlib.metadata import version

from kombu import Connection

print("kombu", version("kombu"), "SQLAlchemy", version("SQLAlchemy"))
with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder) / "broker.sqlite3"
    with Connection(f"sqla+sqlite:///{file}") as connection:
        queue = connection.SimpleQueue("cancels")
        for number in range(3):
            queue.put({"order_id": number})
        for _ in range(3):
            queue.get(timeout=5).ack()
        waiting = queue.qsize()
        queue.close()
    rows = sqlite3.connect(file).execute("SELECT visible, payload LIKE '%body%' FROM kombu_message").fetchall()
print("waiting:", waiting, " rows (visible, has a body):", rows)
assert waiting == 0 and rows == [(0, 1)] * 3, rows
PYTHON
