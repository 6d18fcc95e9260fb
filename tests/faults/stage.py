"""The stage of a fault run: a data folder of its own, the paper exchange, processes that die."""

import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from solders.keypair import Keypair

from tests.faults.process import POINTS
from tests.paper import PaperHandle

ROOT = Path(__file__).resolve().parents[2]
SENDER_POINTS = sorted(set(POINTS) - {"after the intent's commit"})


def environment(folder, paper_port, database_url=""):
    """The environment of every process of the run; nothing of yours leaks in."""
    values = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return values | {
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "PYTHONUNBUFFERED": "1",
        "ENV_FILE": os.devnull,
        "LOG_LEVEL": "ERROR",
        "DATA_DIR": str(folder),
        "DATABASE_URL": database_url or f"sqlite:///{folder}/desk.sqlite3",
        "SECRET_KEY": "fault-run-" + "x" * 50,
        "AGENT_KEY_OPENING_KEYS": "faults:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "PACIFICA_PAPER_URL": f"http://127.0.0.1:{paper_port}/api/v1",
        "PACIFICA_EXPIRY_WINDOW_MS": "3000",
        "PACIFICA_CONNECT_TIMEOUT_MS": "500",
        "PACIFICA_READ_TIMEOUT_MS": "700",
        "PACIFICA_DEADLINE_MS": "1200",
        "SYNC_PERIOD_S": "10",
        "CREDITS_KEYLESS": "1000000",
        "URGENT_UP_TO": "20",
    }


class Stage:
    """Processes by name; each is started again when it has died."""

    def __init__(self, folder, *, rng, database_url=""):
        self.folder, self.rng = Path(folder), rng
        self.log = (self.folder / "processes.log").open("ab")
        self.paper_process, port = self._start_paper()
        self.paper = PaperHandle(port)
        self.env = environment(self.folder, port, database_url)
        self.processes, self.kills, self.deaths = {}, 0, 0
        self.answers = queue.Queue()

    def set_up(self, *, accounts):
        """Migrate, and make a desk with these many accounts. Call it before any process runs."""
        os.environ.update(self.env)
        os.environ["DJANGO_SETTINGS_MODULE"] = "desk.settings"
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        return self._firm(accounts)

    def start(self, name, *, point=None, nth=1):
        """A process of the kind its name begins with; it dies at the point, if one is named."""
        kind = name.rstrip("0123456789")
        argv = [sys.executable, "-m", "tests.faults.process", kind]
        argv += [point, str(nth)] if point else []
        pipe = subprocess.PIPE if kind == "desk" else subprocess.DEVNULL
        process = subprocess.Popen(
            argv, env=self.env, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=self.log
        )
        self.processes[name] = process
        if kind == "desk":
            threading.Thread(target=self._listen, args=(process,), daemon=True).start()

    def keep_alive(self, *, is_deadly):
        """Start again what has died; where it is deadly, some of them to die at a named point."""
        for name, process in list(self.processes.items()):
            if process.poll() is None:
                continue
            self.deaths += 1
            points = ["after the intent's commit"] if name.startswith("desk") else SENDER_POINTS
            if is_deadly and self.rng.random() < 0.7:
                self.start(name, point=self.rng.choice(points), nth=self.rng.randint(1, 6))
            else:
                self.start(name)

    def kill(self, name):
        """kill -9."""
        process = self.processes[name]
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.kills += 1

    def freeze(self, name, for_s):
        """SIGSTOP now, SIGCONT later."""
        process = self.processes[name]
        process.send_signal(signal.SIGSTOP)
        threading.Timer(for_s, lambda: process.send_signal(signal.SIGCONT)).start()

    def flush_broker(self):
        """Lose every message."""
        for path in (self.folder / "broker").glob("*"):
            path.unlink(missing_ok=True)

    def repeat_messages(self, times=5):
        """Deliver every waiting message again, several times."""
        for path in (self.folder / "broker").glob("*.msg"):
            try:
                body = path.read_bytes()
            except FileNotFoundError:
                continue
            queue_name = path.name.split(".")[1]
            for _ in range(times - 1):
                name = f"{time.time_ns()}_{secrets.token_hex(16)}"
                aside = path.with_name(f"{name}.part")
                aside.write_bytes(body)
                aside.rename(path.with_name(f"{name}.{queue_name}.msg"))

    def ask(self, intent):
        """Hand an intent to the desk; whether anybody took it."""
        process = self.processes["desk"]
        try:
            process.stdin.write((json.dumps(intent) + "\n").encode())
            process.stdin.flush()
        except (BrokenPipeError, OSError):
            return False
        return True

    def stop(self):
        """End everything."""
        for process in [*self.processes.values(), self.paper_process]:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
        self.log.close()

    def _listen(self, process):
        for line in process.stdout:
            self.answers.put(json.loads(line))

    def _start_paper(self):
        argv = [sys.executable, "manage.py", "paper_exchange", "--port", "0"]
        env = environment(self.folder, 1)
        process = subprocess.Popen(argv, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=self.log)
        said = process.stdout.readline().decode()
        return process, int(said.rsplit(":", 1)[1].split("/")[0])

    def _firm(self, count):
        from orders import audit, enrolling
        from orders.models import Role

        desk, _ = enrolling.add_desk(name="Faults")
        user, _ = enrolling.add_operator(
            name="olivia", desk=desk, role=Role.OPERATOR, password="correct horse battery"
        )
        administrator, _ = enrolling.add_administrator(name="admin", password="staple horse")
        accounts = []
        for number in range(count):
            main, agent = Keypair(), Keypair()
            account, _ = enrolling.add_account(
                name=f"A{number}", desk=desk, address=str(main.pubkey())
            )
            enrolling.add_agent_wallet(
                account=account,
                public_key=str(agent.pubkey()),
                secret=str(agent),
                user=administrator,
                actor=audit.Actor(administrator.pk, "admin"),
            )
            self.paper.account(account.address, agents=[str(agent.pubkey())])
            account.agent_keypair = agent
            accounts.append(account)
        return desk, user, accounts
