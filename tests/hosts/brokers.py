"""The broker's host: Redis or RabbitMQ, swapped, frozen, lost at will; neither keeps anything."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import redis

REDIS_PORT, RABBIT_PORT = 6379, 5672
PATIENCE_S = 60
RABBIT_CONF = """
listeners.tcp.default = 5672
loopback_users = none
log.console = false
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 10MB
"""


class Brokers:
    """One of the two at a time. ``kind``: redis or rabbitmq."""

    host = "broker"

    def __init__(self, network, folder, kind="redis"):
        self.network, self.folder, self.kind = network, Path(folder), kind
        self.process = None
        self.start()

    @property
    def url(self):
        """What is set as ``CELERY_BROKER_URL``."""
        where = self.network.address(self.host)
        if self.kind == "redis":
            return f"redis://{where}:{REDIS_PORT}/0"
        return f"amqp://guest:guest@{where}:{RABBIT_PORT}//"

    def start(self):
        """Start the one that is wanted, empty, and wait until it takes connections."""
        starting = self._redis if self.kind == "redis" else self._rabbit
        command, env = starting()
        self.process = subprocess.Popen(
            self.network.within(self.host, *command),
            env=os.environ | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait()

    def swap(self, kind):
        """The other one takes its place, and knows of no message."""
        self.stop()
        self.kind = kind
        self.start()

    def freeze(self):
        """It keeps every connection and answers none."""
        self.network.signal_all(self.host, signal.SIGSTOP)

    def thaw(self):
        """It goes on."""
        self.network.signal_all(self.host, signal.SIGCONT)

    def listeners(self):
        """The address of each that waits for a message of Redis."""
        with redis.Redis(self.network.address(self.host), REDIS_PORT, socket_timeout=5) as asked:
            waiting = [one for one in asked.client_list() if one["cmd"] == "brpop"]
        return [one["addr"].split(":")[0] for one in waiting]

    def kill(self):
        """kill -9; whether there was one."""
        self.network.kill_all(self.host)
        self.process.wait()
        return True

    stop = kill

    def _redis(self):
        options = ["--port", str(REDIS_PORT), "--bind", "0.0.0.0", "--protected-mode", "no"]
        options += ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        return ["setpriv", "--pdeathsig", "KILL", "redis-server", *options], {}

    def _rabbit(self):
        home = self.folder / "rabbitmq"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        (home / "rabbitmq.conf").write_text(RABBIT_CONF)
        (home / "plugins").write_text("[].")
        env = {"HOME": str(home), "RABBITMQ_NODENAME": "desk@localhost"}
        env |= {"RABBITMQ_MNESIA_BASE": str(home), "RABBITMQ_LOG_BASE": str(home)}
        env |= {"RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf")}
        env |= {"RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins")}
        env |= {"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none"}
        return ["setpriv", "--pdeathsig", "KILL", rabbit_program()], env

    def _wait(self):
        port = REDIS_PORT if self.kind == "redis" else RABBIT_PORT
        ends_at = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection((self.network.address(self.host), port), 1).close()
                return
            except OSError:
                if time.monotonic() > ends_at or self.process.poll() is not None:
                    raise
                time.sleep(0.1)


def rabbit_program():
    """Where RabbitMQ's server is, past Debian's wrapper, which changes the user; or None."""
    kept = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    return str(kept) if kept.exists() else shutil.which("rabbitmq-server")
