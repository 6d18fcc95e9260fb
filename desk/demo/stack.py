"""The demo's processes: prepared, started together, stopped together."""

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from honcho import manager as honcho
from honcho.printer import Printer

from desk.demo import trouble
from desk.demo.environment import Demo
from desk.demo.firm import PEOPLE

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60
STOPPING_S = 15  # a sender may be waiting for an answer; what it holds is worth the patience
direct = build_opener(ProxyHandler({}))  # this machine only, whatever proxy is configured


class CannotRun(Exception):
    """The demo cannot start; the text says why and what to do."""


def prepare(demo: Demo, *, has_trouble: bool = False) -> None:
    """Set the firm up beside a paper exchange that runs just for that, and keeps what it has."""
    print("Preparing the demo: database, pages, people, orders.", flush=True)
    control = f"http://127.0.0.1:{demo.paper_port}/_paper"
    paper = subprocess.Popen(  # noqa: S603
        shlex.split(paper_command(demo)),
        env=demo.senders,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(f"{control}/rules", is_hopeless=lambda: paper.poll() is not None)
        seeding = [sys.executable, "-m", "desk.demo.seed", control, str(demo.logins_file)]
        seeding += ["--trouble"] if has_trouble else []
        if subprocess.run(seeding, env=demo.senders, cwd=ROOT, check=False).returncode:  # noqa: S603
            raise CannotRun("Its data could not be prepared; `make demo-reset` starts over.")
    finally:
        paper.terminate()
        paper.wait(PATIENCE_S)


def run(demo: Demo, *, port: int, has_trouble: bool = False) -> int:
    """Run everything until a signal comes or one process ends; the exit code."""
    if not is_free(port):
        raise CannotRun(f"Port {port} is taken. Choose another: make demo PORT={port + 1}")
    honcho.KILL_WAIT = STOPPING_S
    manager = honcho.Manager(Output(sys.stdout))
    for name, command, env in processes(demo, port):
        manager.add_process(name, f"exec {command}", env=env, cwd=str(ROOT))
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    threading.Thread(target=announce, args=(demo, port, has_trouble), daemon=True).start()
    manager.loop()
    code: int | None = manager.returncode
    return 0 if code in {130, 143} else code or 1


def processes(demo: Demo, port: int) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Name, command and environment of each; only senders can open keys."""
    python = shlex.quote(sys.executable)
    web = (
        f"{python} -m gunicorn desk.wsgi --bind 127.0.0.1:{port} --threads 8 --log-level warning "
        "--no-control-socket --graceful-timeout 3"
    )
    worker = (
        f"{python} -m celery -q -A desk worker --pool threads --without-gossip --without-mingle "
        "--without-heartbeat --loglevel WARNING"
    )
    events = free_port()
    yield "paper", paper_command(demo), demo.web
    yield "web", web, demo.web | {"EVENTS_PORT": str(events)}
    push = f"{python} manage.py push --port {events}"
    yield "push", push, demo.web | {"EVENTS_PORT": str(events)}
    yield "urgent", f"{worker} --concurrency 8 -Q urgent", demo.senders
    yield "bulk", f"{worker} --concurrency 4 -Q bulk", demo.senders
    yield "sweep", f"{python} manage.py sweep", demo.senders


def paper_command(demo: Demo) -> str:
    """The paper exchange, which keeps its orders over restarts."""
    state = shlex.quote(str(demo.folder / "paper.json"))
    python = shlex.quote(sys.executable)
    return f"{python} manage.py paper_exchange --port {demo.paper_port} --state {state}"


def announce(demo: Demo, port: int, has_trouble: bool) -> None:
    """Once the pages answer, say where they are and who may sign in."""
    address = f"http://127.0.0.1:{port}/"
    try:
        wait_for(f"{address}admin/login/")
    except CannotRun as error:
        print(f"The pages do not answer. {error}", flush=True)
        return
    if has_trouble:
        trouble.arm(f"http://127.0.0.1:{demo.paper_port}/_paper")
        print(trouble.WORDS, flush=True)
    print(banner(address, demo.logins), flush=True)


def banner(address: str, logins: dict[str, str]) -> str:
    """The address and the logins, easy to see among other lines."""
    lines = ["", f"  Pacifica Desk is ready:  {address}", ""]
    for name, (role, desks) in PEOPLE.items():
        lines.append(f"    {name:<8} {logins[name]:<28} {role} {' and '.join(desks)}".rstrip())
    lines += ["", "  Orders are practice orders on a paper exchange. Ctrl-C stops everything.", ""]
    return "\n".join(lines)


def wait_for(url: str, *, is_hopeless: Callable[[], bool] = lambda: False) -> None:
    """Return once the address answers. Raises `CannotRun` when it is hopeless or takes too long."""
    ends_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends_at and not is_hopeless():
        try:
            with direct.open(url, timeout=5):
                return
        except HTTPError:  # it answers, if not gladly
            return
        except OSError:
            time.sleep(0.1)
    raise CannotRun(f"Nothing answers at {url}.")


def is_free(port: int) -> bool:
    """Whether nothing listens on this port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Any port of the loopback address that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Output(Printer):  # type: ignore[misc]  # honcho has no types
    """Prints lines; a terminal that has gone away must not keep the processes from stopping."""

    def write(self, message: str) -> None:
        with contextlib.suppress(OSError):
            super().write(message)
