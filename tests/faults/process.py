"""The nursery of a fault run: ``python -m tests.faults.process``.

It loads the site once. Then each line of JSON on its standard input forks a process of the run,
which so begins in milliseconds: ``{"kind": "urgent" | "bulk" | "sweep" | "stream" | "web",
"bind": …, "point": …, "nth": …, "room": …}``. Its answer is the process id. With a point the
process kills itself there, at the nth coming by; with room, its database may grow by so many pages
and no more. Both are patched in here: the product has no hooks for them.
"""

import ctypes
import importlib
import json
import os
import signal
import sys
import traceback

from tests.faults import clocks

POINTS = {
    "after the intent's commit": ("orders.lifecycle.wakeups", "deliver", "before"),
    "after the wake-up": ("orders.delivery.worker", "deliver_account", "before"),
    "after the claim": ("orders.delivery.worker", "claim", "after"),
    "after the attempt's commit": ("orders.delivery.worker", "record_requests", "after"),
    "after the first byte": ("http.client.HTTPConnection", "endheaders", "after"),
    "after the answer, before its commit": ("orders.lifecycle.transitions", "conclude", "before"),
    "within the answer's transaction": ("orders.lifecycle.transitions", "write", "after"),
    "before a settlement is written": ("orders.reconcile.resolutions", "record", "before"),
    "after a settlement is written": ("orders.reconcile.resolutions", "record", "after"),
    "before the stream's news is written": ("orders.reconcile.stream_effects", "write", "before"),
    "within the stream's transaction": ("orders.reconcile.stream_effects", "write", "after"),
}
LOADED = (
    "desk.celery",
    "desk.urls",
    "orders.tasks",
    "orders.management.sweep",
    "gunicorn.app.wsgiapp",
)
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def arm(point, nth):
    """Have this process kill itself at the ``nth`` coming by the point."""
    path, name, when = POINTS[point]
    owner = _owner(path)
    real, left = getattr(owner, name), [nth]

    def deadly(*args, **kwargs):
        left[0] -= 1
        if left[0] <= 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


def _owner(path):
    """A module, or a class within one."""
    module, _, last = path.rpartition(".")
    if last[0].isupper():
        return getattr(importlib.import_module(module), last)
    return importlib.import_module(path)


def cramp(pages):
    """The disk is full: SQLite may make the file larger by so many pages, then no more."""
    from django.db.backends.signals import connection_created

    def limit(connection, **kwargs):
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA page_count")
            cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0] + pages}")

    connection_created.connect(limit, weak=False)


def run_worker(wanted):
    """A Celery worker for the queue of its name, as the demo starts it."""
    from desk.celery import app

    argv = f"-q worker --pool threads --concurrency 4 -Q {wanted['kind']} --loglevel ERROR"
    app.worker_main([*argv.split(), "--without-gossip", "--without-mingle", "--without-heartbeat"])


def run_sweep(wanted):
    """A sweep."""
    from django.core.management import call_command

    call_command("sweep")


def run_stream(wanted):
    """What follows the exchange's stream."""
    from django.core.management import call_command

    call_command("stream")


def run_web(wanted):
    """The web server with its worker, as the demo starts it."""
    from gunicorn.app.wsgiapp import run

    options = "--threads 4 --log-level error --no-control-socket --graceful-timeout 3"
    sys.argv = ["gunicorn", "desk.wsgi", "-b", wanted["bind"], *options.split()]
    run()


RUNS = {"urgent": run_worker, "bulk": run_worker, "sweep": run_sweep, "web": run_web}
RUNS["stream"] = run_stream


def nurse():
    """Load the site, then fork whatever is asked for until the input ends."""
    import django

    if path := os.environ.get("FAULTS_CLOCK"):
        clocks.wear(path)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    django.setup()
    for name in LOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _become(json.loads(line))
        print(pid, flush=True)


def _become(wanted):
    """Be the process that was asked for, in a group of its own, until its end."""
    os.setsid()
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    if wanted.get("point"):
        arm(wanted["point"], wanted["nth"])
    if wanted.get("room") is not None:
        cramp(wanted["room"])
    try:
        RUNS[wanted["kind"]](wanted)
    except SystemExit as end:
        print(end, file=sys.stderr, flush=True)
    except BaseException:  # it is told in the run's log, and a new one is started
        traceback.print_exc()
    finally:
        os._exit(1)


if __name__ == "__main__":
    nurse()
