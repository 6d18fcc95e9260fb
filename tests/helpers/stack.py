"""The whole demo as its user starts it, for tests: own folder, free ports, stopped at the end."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from desk.demo.stack import free_port

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 90


class RunningDemo:
    """``address``: where the pages are; ``logins``: passwords by name; ``process``: its runner."""

    def __init__(self, folder, process, log):
        self.folder, self.process, self.log = folder, process, log
        self.address, self.logins = "", {}

    def wait(self):
        """Until it has printed its address and its logins."""
        ends_at = time.monotonic() + PATIENCE_S
        while "Ctrl-C stops everything" not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < ends_at, self.said()
            time.sleep(0.1)
        self.address = re.search(r"ready:\s+(\S+)", self.said())[1]
        self.logins = dict(
            re.findall(r"^    (\w+)\s+([a-z]+-[a-z]+-[a-z]+-\d+) ", self.said(), re.M)
        )

    def said(self) -> str:
        """Everything it has printed so far."""
        return self.log.read_text()

    def sql(self, statement, *values) -> list[tuple]:
        """Run a statement on its database, past all that asks who does it; the rows."""
        with sqlite3.connect(self.folder / "desk.sqlite3", timeout=10) as database:
            rows = database.execute(statement, values).fetchall()
        database.close()
        return rows

    def processes(self) -> list[int]:
        """Ids of all processes that belong to this demo, by the folder in their environment."""
        mark = f"DATA_DIR={self.folder}\0".encode()
        return [pid for pid in running_processes() if mark in environment_of(pid)]

    def interrupt(self):
        """Ctrl-C, as a terminal sends it: to the whole foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(PATIENCE_S)


def running_processes():
    """Ids of all processes of this machine."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def environment_of(pid) -> bytes:
    """The environment a process was started with; nothing where it has ended or is not ours."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes() + b"\0"
    except OSError:
        return b""


@contextmanager
def running_demo(folder, *, port=None, settings=None):
    """The demo for as long as the block lasts, with further settings by name."""
    log = folder.parent / f"{folder.name}.log"
    command = [sys.executable, "-m", "desk.demo", "--folder", str(folder)]
    command += ["--port", str(port or free_port())]
    environment = os.environ | (settings or {})
    with log.open("w") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    demo = RunningDemo(folder, process, log)
    try:
        demo.wait()
        yield demo
    finally:
        if process.poll() is None:
            demo.interrupt()
