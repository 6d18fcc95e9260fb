"""A PostgreSQL primary and its streaming replicas, each on a host of its own.

The run is their administrator: it promotes, fences and rebuilds by hand, as the documents say.
"""

import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psycopg

from tests.faults.services import program, until

PORT = 5432
NAME = "desk"
RUN_CONF = "run.conf"  # what changes as the run goes on
SETTINGS = {
    "listen_addresses": "*",
    "fsync": "off",  # hosts die here, their disks do not
    "full_page_writes": "off",
    "max_connections": "300",
    "wal_keep_size": "1GB",
    "wal_sender_timeout": "3s",
    "wal_receiver_timeout": "3s",
    "wal_retrieve_retry_interval": "200ms",
    "checkpoint_timeout": "1h",
    "max_wal_size": "4GB",
}


class Cluster:
    """Servers by host. ``primary``: the host that takes writes."""

    can_be_full = False

    def __init__(self, network, hosts, folder):
        self.network, self.hosts, self.folder = network, list(hosts), Path(folder)
        self.primary, self.processes = self.hosts[0], {}
        self.is_synchronous = False
        where = ",".join(f"{network.address(host)}:{PORT}" for host in self.hosts)
        self.url = f"postgres://postgres@{where}/{NAME}?target_session_attrs=read-write"
        shutil.chown(self.folder, "postgres")
        self._install()

    def ask(self, host, question, *, name=NAME):
        """One row of one answer of one server."""
        about = {"host": self.network.address(host), "port": PORT, "user": "postgres"}
        with psycopg.connect(**about, dbname=name, autocommit=True, connect_timeout=3) as one:
            cursor = one.execute(question)
            return cursor.fetchone() if cursor.description else None

    def synchronous(self, is_wanted):
        """Whether a commit waits until one replica has it too."""
        self.is_synchronous = is_wanted
        self._configure(self.primary)

    @property
    def replicas(self):
        """Hosts that follow the primary."""
        return [host for host in self.hosts if host != self.primary and host in self.processes]

    def lose(self, host):
        """The server is gone, without a word to anybody."""
        self.network.kill_all(host)
        self.processes.pop(host).wait()

    def restart(self, host):
        """Start again a server that was lost; a replica catches up by itself."""
        (self._data(host) / "postmaster.pid").unlink(missing_ok=True)
        self._start(host)

    def promote(self):
        """The replica that has most becomes the primary; the other follows it. Returns its host."""
        received = "SELECT pg_last_wal_receive_lsn() - '0/0'::pg_lsn"
        chosen = max(self.replicas, key=lambda host: self.ask(host, received)[0])
        self.ask(chosen, "SELECT pg_promote(true, 30)")
        self.primary = chosen
        for host in self.hosts:
            if host in self.processes:
                self._configure(host)
        return chosen

    def rebuild(self, host):
        """Make a former primary a replica, from nothing: its own history is not the cluster's."""
        shutil.rmtree(self._data(host), ignore_errors=True)
        self._copy_primary(host)

    def have_caught_up(self):
        """Whether every replica has all that the primary has."""
        (here,) = self.ask(self.primary, "SELECT pg_current_wal_lsn()::text")
        behind = f"SELECT coalesce(pg_last_wal_replay_lsn(), '0/0') >= '{here}'::pg_lsn"
        with suppress(psycopg.Error):
            return all(self.ask(host, behind)[0] for host in self.replicas)
        return False

    def catch_up(self, patience_s=120):
        """Wait until every replica has all that the primary has. Raises `TimeoutError`."""
        ends_at = time.monotonic() + patience_s
        while not self.have_caught_up():
            if time.monotonic() > ends_at:
                raise TimeoutError("A replica does not catch up.")
            time.sleep(0.1)

    def stop(self):
        """End every server and what it holds."""
        for host in list(self.processes):
            self.lose(host)

    def _install(self):
        first = self.hosts[0]
        self._run(first, "initdb", "-D", self._data(first), "-U", "postgres", "-A", "trust", "-N")
        with (self._data(first) / "pg_hba.conf").open("a") as file:
            file.write("host all,replication all 10.77.0.0/24 trust\n")
        with (self._data(first) / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
            file.write(f"unix_socket_directories = ''\ninclude_if_exists = '{RUN_CONF}'\n")
        self._start(first)
        self.ask(first, f"CREATE DATABASE {NAME}", name="postgres")
        for host in self.hosts[1:]:
            self._copy_primary(host)

    def _copy_primary(self, host):
        source = self.network.address(self.primary)
        options = ["-U", "postgres", "-D", self._data(host), "-X", "stream", "-c", "fast", "-N"]
        self._run(host, "pg_basebackup", "-h", source, *options)
        (self._data(host) / "standby.signal").touch()
        self._start(host)

    def _configure(self, host):
        """Whom it follows, and whom its commits wait for; at once, where it runs."""
        names = ", ".join(self.hosts)
        waits = f"ANY 1 ({names})" if self.is_synchronous else ""
        source = self.network.address(self.primary)
        follows = f"host={source} port={PORT} user=postgres application_name={host}"
        follows += " connect_timeout=2 tcp_user_timeout=3000"
        lines = [f"synchronous_standby_names = '{waits}'", f"primary_conninfo = '{follows}'"]
        (self._data(host) / RUN_CONF).write_text("\n".join(lines) + "\n")
        if host in self.processes:
            self.ask(host, "SELECT pg_reload_conf()", name="postgres")

    def _start(self, host):
        self._configure(host)
        command = self._as_postgres(host, "postgres", "-D", self._data(host))
        log = (self.folder / f"{host}.log").open("ab")
        self.processes[host] = subprocess.Popen(
            command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        until(lambda: self.ask(host, "SELECT 1", name="postgres"), psycopg.Error)

    def _run(self, host, *words):
        command = self._as_postgres(host, *words)
        subprocess.run(command, check=True, cwd="/", capture_output=True)

    def _as_postgres(self, host, name, *words):
        who = ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        ends = ["--pdeathsig", "QUIT"]
        command = ["setpriv", *who, *ends, program(name), *map(str, words)]
        return self.network.within(host, *command)

    def _data(self, host):
        return self.folder / host
