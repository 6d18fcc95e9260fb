"""The stage of a fault run: its own folder, exchange, database, broker, and processes that die."""

import base64
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

from solders.keypair import Keypair

from desk.demo.stack import free_port
from tests.faults import services
from tests.faults.browser import Browser
from tests.faults.clocks import MovedClock
from tests.faults.process import POINTS
from tests.helpers.paper import PaperHandle

ROOT = Path(__file__).resolve().parents[2]
SENDER_POINTS = sorted(set(POINTS) - {"after the intent's commit"})
WEB_POINTS = ["after the intent's commit"]
SENDERS = ["urgent1", "bulk1", "sweep1", "sweep2"]
EVERYBODY = [*SENDERS, "stream1", "web"]
ROOM = 4  # pages that a database on a full disk may still grow by


class Stage:
    """Processes by name; each is started again when it has died.

    ``everybody``: the names of all. ``settings``: the module of their settings.
    """

    everybody, settings = EVERYBODY, "tests.faults.settings"

    def __init__(self, folder, *, shape="embedded"):
        self.folder = Path(folder)
        self.log = (self.folder / "processes.log").open("ab")
        self.counts = Counter()  # what was done to whom, by kind
        self.web_port = free_port()
        self._paper_process, self.paper = self._start_paper()
        self.database, self.broker = self._services(shape)
        self._env = self._environment()
        self.clock = MovedClock(self._clock_file)
        self._nurseries = {}
        self._pids, self._fds, self.armed, self._lock = {}, {}, {}, threading.RLock()

    def set_up(self, *, accounts):
        """Migrate, and make a desk with these many accounts. Call it before any process runs."""
        os.environ.update(self._env)
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        firm = self._firm(accounts)
        self.browser = self._browser(firm[1])
        self._start_nurseries()
        return firm

    def start(self, name, *, point=None, nth=1, room=None):
        """A process of the kind its name begins with; it dies at the point, if one is named."""
        kind = name.rstrip("0123456789")
        wanted = {"kind": kind, "bind": self._bind(name), "point": point, "nth": nth, "room": room}
        nursery = self._nursery_of(name)
        with self._lock:
            nursery.stdin.write((json.dumps(wanted) + "\n").encode())
            nursery.stdin.flush()
            pid = int(nursery.stdout.readline())
            self._forget(name)
            self._pids[name], self.armed[name] = pid, point or room
            with suppress(ProcessLookupError):  # dead already
                self._fds[name] = os.pidfd_open(pid)

    def is_alive(self, name):
        """Whether the process runs. One that is frozen does."""
        fd = self._fds.get(name)
        return fd is not None and not select.select([fd], [], [], 0)[0]

    def revive(self, names, arming=lambda name: {}):
        """Start again what has died, each with the options that ``arming`` gives."""
        for name in names:
            if not self.is_alive(name):
                self.counts["deaths"] += name in self._pids
                self.start(name, **arming(name))

    def disarm(self):
        """End those that would die by themselves, or whose disk is full, to be started sound."""
        self.replace([name for name, armed in self.armed.items() if armed])

    def replace(self, names):
        """End these, to be started again otherwise; no death that counts."""
        for name in names:
            if self.is_alive(name):
                self._end(name)
                self.counts["replaced"] += 1

    def kill(self, name):
        """kill -9 of a process with all it has forked; whether there was one."""
        if not self.is_alive(name):
            return False
        self._end(name)
        self.counts[f"killed {name.rstrip('0123456789')}"] += 1
        return True

    def kill_web_worker(self):
        """kill -9 of gunicorn's worker alone; whether there was one."""
        pid = self._pids.get("web")
        with suppress(OSError):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            if children and self.is_alive("web"):
                os.kill(int(children[0]), signal.SIGKILL)
                self.counts["killed web worker"] += 1
                return True
        return False

    def kill_broker(self):
        """kill -9 of the broker; its messages are lost."""
        killed = self.broker.kill()
        self.counts["killed broker"] += killed
        return killed

    def freeze(self, name, for_s):
        """SIGSTOP now, SIGCONT later; whether there was a process to stop."""
        if not self.is_alive(name):
            return False
        fd = os.dup(self._fds[name])
        signal.pidfd_send_signal(fd, signal.SIGSTOP)
        threading.Timer(for_s, self._thaw, [fd]).start()
        self.counts["frozen"] += 1
        return True

    def stop(self):
        """End everything."""
        for name in self._pids:
            if self.is_alive(name):
                self._signal(name, signal.SIGKILL)
        for process in [*self._nurseries.values(), self._paper_process]:
            process.kill()
            process.wait()
        self.broker.stop()
        self.database.stop()
        self.log.close()

    def _thaw(self, fd):
        with suppress(OSError):
            signal.pidfd_send_signal(fd, signal.SIGCONT)
        os.close(fd)

    def _end(self, name):
        self._signal(name, signal.SIGKILL)
        select.select([self._fds[name]], [], [], 5)

    def _signal(self, name, number):
        with suppress(ProcessLookupError):
            os.killpg(self._pids[name], number)

    def _forget(self, name):
        fd = self._fds.pop(name, None)
        if fd is not None:
            os.close(fd)

    @property
    def _clock_file(self):
        return self.folder / "clock"

    def _browser(self, user):
        return Browser([f"http://127.0.0.1:{self.web_port}"], user)

    def _bind(self, name):
        return f"127.0.0.1:{self.web_port}"

    def _start_nurseries(self):
        for kind in ("senders", "web"):
            self._nurseries[kind] = self._nursery(self._env_of(kind))

    def _nursery_of(self, name):
        return self._nurseries["web" if name.startswith("web") else "senders"]

    def _services(self, shape):
        if shape == "services":
            return services.Postgres(), services.RedisBroker(self.folder)
        return services.SqliteFile(self.folder), services.FolderBroker(self.folder)

    def _env_of(self, kind):
        """The web holds no opening key; the senders do."""
        env = dict(self._env)
        if kind == "senders":
            env["FAULTS_CLOCK"] = str(self._clock_file)
        else:
            from orders.keys import key_settings

            key_id, public = key_settings.sealing_key()
            raw = base64.b64encode(public.public_bytes_raw()).decode()
            env["AGENT_KEY_SEALING_KEY"] = f"{key_id}:{raw}"
            del env["AGENT_KEY_OPENING_KEYS"]
        return env

    def _nursery(self, env, command=(sys.executable, "-m", "tests.faults.process")):
        return subprocess.Popen(
            list(command),
            env=env,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
        )

    def _environment(self):
        """The environment of every process of the run; nothing of yours leaks in."""
        return self._bare() | {
            "DJANGO_SETTINGS_MODULE": self.settings,
            "DATABASE_URL": self.database.url,
            "CELERY_BROKER_URL": self.broker.url,
            "SECRET_KEY": "fault-run-" + "x" * 50,
            "AGENT_KEY_OPENING_KEYS": "faults:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "PACIFICA_PAPER_URL": f"http://127.0.0.1:{self.paper.port}/api/v1",
            "PACIFICA_EXPIRY_WINDOW_MS": "3000",
            "PACIFICA_CONNECT_TIMEOUT_MS": "500",
            "PACIFICA_READ_TIMEOUT_MS": "700",
            "PACIFICA_DEADLINE_MS": "1200",
            "SYNC_PERIOD_S": "10",
            "CREDITS_KEYLESS": "1000000",
            "URGENT_UP_TO": "20",
            "AUDIT_CHECKPOINT_KEY": "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=",
        }

    def _bare(self):
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "PYTHONUNBUFFERED": "1",
            "ENV_FILE": os.devnull,
            "LOG_LEVEL": "ERROR",
            "DATA_DIR": str(self.folder),
        }

    def _start_paper(self):
        argv = [sys.executable, "manage.py", "paper_exchange", "--port", "0"]
        env = self._bare() | {"SECRET_KEY": secrets.token_urlsafe(50)}
        process = subprocess.Popen(argv, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=self.log)
        said = process.stdout.readline().decode()
        return process, PaperHandle(int(said.rsplit(":", 1)[1].split("/")[0]))

    def _firm(self, count):
        from orders.accounts import provisioning
        from orders.models import Role

        desk, _ = provisioning.add_desk(name="Faults")
        user, _ = provisioning.add_operator(
            name="olivia", desk=desk, role=Role.OPERATOR, password="correct horse battery"
        )
        provisioning.add_operator(
            name="hannah", desk=desk, role=Role.HEAD, password="correct horse battery"
        )
        administrator, _ = provisioning.add_administrator(name="admin", password="staple horse")
        names = [f"A{number}" for number in range(count)]
        return desk, user, [self._account(name, desk, administrator) for name in names]

    def _account(self, name, desk, administrator):
        """An account with its agent wallet, here and at the exchange."""
        from orders.accounts import account_keys, provisioning
        from orders.audit import log

        main, agent = Keypair(), Keypair()
        account, _ = provisioning.add_account(name=name, desk=desk, address=str(main.pubkey()))
        account_keys.add_agent_wallet(
            account=account,
            public_key=str(agent.pubkey()),
            secret=str(agent),
            user=administrator,
            actor=log.Actor(administrator.pk, "admin"),
        )
        self.paper.account(account.address, agents=[str(agent.pubkey())])
        account.agent_keypair = agent
        return account
