"""Databases and brokers of a fault run: its own, to be killed and restarted at will."""

import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import redis

from desk.demo.stack import free_port
from tests.faults.process import DIE_WITH_PARENT

LIBC = ctypes.CDLL(None)
QUEUES = ("urgent", "bulk")
MAX_REPEATED = 40  # messages, each five times: more would only measure the broker
PATIENCE_S = 20


class FolderBroker:
    """The embedded broker: files in a folder. There is no process to kill."""

    url, process = "embedded://", None

    def __init__(self, folder):
        self.folder = Path(folder) / "broker"

    def flush(self):
        """Lose every message."""
        for path in self.folder.glob("*"):
            path.unlink(missing_ok=True)

    def repeat(self, times=5):
        """Deliver every waiting message so many times in all."""
        for path in sorted(self.folder.glob("*.msg"))[:MAX_REPEATED]:
            try:
                body = path.read_bytes()
            except FileNotFoundError:  # a worker was quicker
                continue
            for _ in range(times - 1):
                name = f"{time.time_ns()}_{secrets.token_hex(16)}"
                aside = path.with_name(f"{name}.part")
                aside.write_bytes(body)
                aside.rename(path.with_name(f"{name}.{path.name.split('.')[1]}.msg"))

    def kill(self):
        """Whether there was a process to kill."""
        return False

    stop = kill


class RedisBroker:
    """A Redis of the run's own that keeps nothing over its death."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._redis = redis.Redis(port=self.port, socket_timeout=5)
        self._start()

    def flush(self):
        """Lose every message."""
        self._redis.flushall()

    def repeat(self, times=5):
        """Deliver every waiting message so many times in all."""
        for queue in QUEUES:
            for message in self._redis.lrange(queue, 0, MAX_REPEATED):
                self._redis.lpush(queue, *[message] * (times - 1))

    def kill(self):
        """kill -9, and start another."""
        self.stop()
        self._start()
        return True

    def stop(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def _start(self):
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        command = ["redis-server", *options, "--appendonly", "no", "--dir", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=ends_with_us)
        until(self._redis.ping, redis.RedisError)


class SqliteFile:
    """A file: nothing to restart, but its disk can be full."""

    can_be_full = True

    def __init__(self, folder):
        self.url = f"sqlite:///{folder}/desk.sqlite3"
        self._file, self._kept = Path(folder) / "desk.sqlite3", Path(folder) / "copy"

    def disconnect(self):
        """Whether there are connections to cut."""
        return False

    restart = stop = disconnect

    def copy(self):
        """Keep what is in it now; nobody may have it open."""
        shutil.rmtree(self._kept, ignore_errors=True)
        self._kept.mkdir()
        for path in self._file.parent.glob(f"{self._file.name}*"):
            shutil.copy(path, self._kept)

    def put_back(self):
        """The copy takes its place."""
        for path in self._file.parent.glob(f"{self._file.name}*"):
            path.unlink()
        for path in self._kept.iterdir():
            shutil.copy(path, self._file.parent)


class Postgres:
    """A PostgreSQL of the run's own. It does not write through to the disk: only it is killed."""

    can_be_full = False
    name = "faults"

    def __init__(self):
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="faults-pg-"))
        self._as = {"user": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
        if self._as:  # PostgreSQL refuses to run as root
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "--no-sync")
        self._start()
        with self._connected("postgres") as admin:
            self._make_database(admin)
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/{self.name}"

    def disconnect(self):
        """Cut every connection to the run's database."""
        others = "datname = %s AND pid <> pg_backend_pid()"
        with self._connected("postgres") as admin:
            admin.execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}",
                [self.name],
            )
        return True

    def restart(self):
        """Crash it, and start it again: whatever was under way is rolled back."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()
        self._start()
        return True

    def copy(self):
        """Keep what is in it now."""
        self.disconnect()
        with self._connected("postgres") as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {self.name}_copy")
            admin.execute(f"CREATE DATABASE {self.name}_copy TEMPLATE {self.name}")

    def put_back(self):
        """The copy takes its place."""
        self.disconnect()
        with self._connected("postgres") as admin:
            admin.execute(f"DROP DATABASE {self.name} WITH (FORCE)")
            admin.execute(f"ALTER DATABASE {self.name}_copy RENAME TO {self.name}")

    def stop(self):
        """End it and all it holds."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make_database(self, admin):
        admin.execute(f"CREATE DATABASE {self.name}")

    @property
    def _data(self):
        return str(self.folder / "data")

    def _start(self):
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(self.folder)}
        settings |= {"fsync": "off", "max_connections": "200"}
        options = [word for pair in settings.items() for word in ("-c", "=".join(pair))]
        command = [program("postgres"), "-D", self._data, "-p", str(self.port), *options]
        self.process = self._launched(command)
        until(lambda: self._connected("postgres").close(), psycopg.Error)

    def _launched(self, command):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, cwd="/", preexec_fn=ends_with_us, **quiet, **self._as)

    def _run(self, name, *options):
        command = [program(name), *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **self._as)

    def _connected(self, name):
        address = {"host": "127.0.0.1", "port": self.port, "user": "postgres", "dbname": name}
        return psycopg.connect(**address, autocommit=True, connect_timeout=5)


def ends_with_us():
    """In a new process: it ends when this one does, however that came."""
    LIBC.prctl(DIE_WITH_PARENT, signal.SIGQUIT)


def has_services() -> bool:
    """Whether this machine has the programs that a run on PostgreSQL and Redis starts."""
    return bool(program("postgres") and shutil.which("redis-server"))


def program(name):
    """Path of one of PostgreSQL's programs: Debian keeps them out of the PATH."""
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(kept[-1]) if kept else shutil.which(name)


def until(act, trouble):
    ends_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except trouble:
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.05)
