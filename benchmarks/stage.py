"""The stage of a benchmark: a paper exchange, a site of its own, and its real processes.

Everything stands in a folder that is thrown away, or in the database and the broker that the
command line names; the database is emptied first.
"""

import argparse
import base64
import contextlib
import os
import platform
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlsplit

from desk.demo.stack import free_port, wait_for
from tests.helpers.paper import PaperHandle

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from orders.models import CancelJob, Preview
    from tests.helpers.firm import Firm

T = TypeVar("T")
ROOT = Path(__file__).parent.parent
CELERY = ["-m", "celery", "-q", "-A", "desk", "worker", "--pool", "threads"]
WORKERS = {"urgent": 8, "bulk": 4}  # threads of each worker, by the queues it serves
QUIET = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
PATIENCE_S = 150
WARM_UPS = 4  # of the same size, for ours and the peers alike, before the one that is timed


def options(description: str | None, **defaults: int) -> argparse.ArgumentParser:
    """Make a parser with what all of these commands take, and whole numbers of their own."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", default="", help="postgres://…; SQLite without it")
    parser.add_argument("--broker", default="", help="redis://…; the embedded one without it")
    for name, number in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=number)
    return parser


class Paper:
    """A paper exchange in a process of its own, unlimited in credits."""

    def __init__(self, latency_ms: float) -> None:
        self.latency_ms = latency_ms

    def __enter__(self) -> PaperHandle:
        # as Ctrl-C does: what was started on the stage ends with it
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        command = [sys.executable, "manage.py", "paper_exchange", "--port", "0"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment()
        )
        assert self.process.stdout is not None  # it is a pipe
        address = self.process.stdout.readline()
        handle = PaperHandle(int(address.rpartition(":")[2].split("/")[0]))
        handle.rules(latency_ms=self.latency_ms)
        return handle

    def __exit__(self, *exc: object) -> None:
        self.process.terminate()
        self.process.wait()


def environment(**more: str) -> dict[str, str]:
    """Make the environment of a process; nothing of yours leaks in."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return inherited | {
        "ENV_FILE": os.devnull,
        "LOG_LEVEL": "ERROR",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "AGENT_KEY_OPENING_KEYS": f"bench:{key}",
        **more,
    }


def fresh_database(url: str) -> None:
    """Drop and make the PostgreSQL database that the address names."""
    import psycopg

    name = urlsplit(url).path.strip("/")
    with psycopg.connect(url.removesuffix(name) + "postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')


class Stage(contextlib.ExitStack):
    """A paper exchange and a migrated site; ``start`` adds processes, which end with the stage."""

    site: str  # the address of the web process
    kinds: list[str]  # the processes that were started, in words

    def __init__(self, given: argparse.Namespace, **settings: object) -> None:
        super().__init__()
        self.given, self.settings = given, settings

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:  # a signal, too: nothing of it is left behind
            self.close()
            raise
        return self

    def _build(self) -> None:
        folder = self.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        paper = Paper(0)
        self.paper = self.enter_context(paper)
        self.paper_process = paper.process
        self.environment = environment(
            DATA_DIR=folder,
            PACIFICA_PAPER_URL=self.paper.url,
            DJANGO_SETTINGS_MODULE="desk.settings",
            **{name: str(value) for name, value in self.settings.items()},
        )
        if self.given.database:
            fresh_database(self.given.database)
            self.environment["DATABASE_URL"] = self.given.database
        if self.given.broker:
            self.environment["CELERY_BROKER_URL"] = self.given.broker
        self._set_up()

    def _set_up(self) -> None:
        for name in ("DATABASE_URL", "CELERY_BROKER_URL"):
            os.environ.pop(name, None)  # those are named by options only
        os.environ.update(self.environment)
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False)

    def firm(self) -> "Firm":
        """Set up the tests' firm, which the paper exchange knows too."""
        from tests.helpers.firm import Firm

        return Firm(self.paper)

    def start(
        self, *, workers: Mapping[str, int] = WORKERS, sweep: bool = True, web: bool = True
    ) -> None:
        """Start the processes as the README names them and wait until they are there."""
        for queues, threads in workers.items():
            self.run(*CELERY, "--concurrency", str(threads), "-Q", queues, *QUIET)
        if sweep:
            self.run("manage.py", "sweep")
        if web:
            port = free_port()
            self.run("-m", "gunicorn", "desk.wsgi", "-b", f"127.0.0.1:{port}", "--threads", "8")
            self.site = f"http://127.0.0.1:{port}"
            wait_for(f"{self.site}/admin/login/")
        await_senders(len(workers) + sweep)
        self.kinds = [f"worker {queues}" for queues in workers]
        self.kinds += ["sweep"] * sweep + ["gunicorn"] * web

    def run(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a process of this Python, which ends with the stage."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.callback(process.wait)
        self.callback(process.terminate)
        return process

    def conditions(self) -> str:
        """Say under what a figure was measured."""
        from django.db import connection

        broker = urlsplit(os.environ.get("CELERY_BROKER_URL", "embedded://")).scheme
        cores = len(os.sched_getaffinity(0))
        services = f"{connection.vendor}, {broker} broker, {cores} cores, {platform.machine()}"
        return f"{services}; {' + '.join(self.kinds)}"


def to_first_byte(paper: PaperHandle, clicked: dict[int, float]) -> list[float]:
    """Measure the milliseconds from each click to the exchange.

    ``clicked``: when, in ms since the epoch, by order id.
    """

    def seen() -> dict[int, float] | None:
        entries = paper.requests("/orders/cancel")
        first = {entry["order_ids"][0]: entry["at_ms"] for entry in reversed(entries)}
        return first if clicked.keys() <= first.keys() else None

    first = until(seen, "every click at the exchange", every_s=0.5)
    return [first[order_id] - at_ms for order_id, at_ms in clicked.items()]


def first_request(paper: PaperHandle, route: str, mark: int) -> float:
    """Wait for a request of a route; return when it arrived, in ms since the epoch.

    ``mark``: the ledger's number from which on requests count.
    """

    def seen() -> float | None:
        entries = paper.ledger(since=mark)["requests"]
        return next((entry["at_ms"] for entry in entries if entry["route"] == route), None)

    return until(seen, f"a request to {route}", every_s=0.05)


def await_senders(count: int) -> None:
    """Wait until so many sending processes were heard of."""
    from django.utils.timezone import now

    from orders.models import Sender

    until(lambda: Sender.objects.fresh(now()).count() >= count, "senders")


def until_live(firm: "Firm") -> None:
    """Wait until the stream of the firm's first account may be relied on."""
    from django.utils.timezone import now

    from orders.models import AccountStream

    mine = AccountStream.objects.filter(account=firm.account)
    until(lambda: mine.healthy(now()).exists(), "a healthy stream")


def until(
    holds: Callable[[], T | None],
    what: str,
    *,
    every_s: float = 0.02,
    patience_s: float = PATIENCE_S,
) -> T:
    """Wait for something to become true and return it; stop the command where it does not."""
    ends_at = time.monotonic() + patience_s
    while not (result := holds()):
        if time.monotonic() > ends_at:
            raise SystemExit(f"gave up waiting for {what}")
        time.sleep(every_s)
    return result


def frozen(firm: "Firm", *, symbols: tuple[str, ...] = ()) -> "Preview":
    """Make the preview of all open orders in these symbols, or in all, as a desk head does."""
    from orders.cancels.bulk import previews
    from orders.cancels.bulk.scope import Scope

    scope = Scope(desk_id=firm.momentum.pk, symbols=symbols)
    return previews.of_scope(user=firm.head, actor=firm.actor(firm.head), scope=scope)


def confirmed(firm: "Firm", preview: "Preview") -> "CancelJob":
    """Confirm a preview as the same desk head; return its job."""
    from orders.cancels.bulk import previews

    receipt = previews.confirm(
        user=firm.head,
        actor=firm.actor(firm.head),
        preview_id=preview.pk,
        typed=previews.must_type(preview),
    )
    return receipt.jobs[0]


def percentile(values: Collection[float], percent: int) -> float:
    """Return a percentile of the values as they are, by nearest rank."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, -(-len(ranked) * percent // 100) - 1))]


def told(values: Collection[float]) -> str:
    """Sum up milliseconds: *p50 12, p95 30, worst 41 (200)*."""
    cuts = f"p50 {statistics.median(values):.0f}, p95 {percentile(values, 95):.0f}"
    return f"{cuts}, worst {max(values):.0f} ms ({len(values)} of them)"
