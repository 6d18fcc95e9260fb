"""Our bulk job, whole: confirm, claim, sign, record, send, record, conclude; timed to the last one.

    python -m benchmarks.ours PORT COUNT [--workers N]

Reads the database and the broker from the environment, makes its own firm there and starts real
Celery workers. Prints one JSON line: seconds, CPU seconds of the workers, cancelled.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

WORKER = ["-m", "celery", "-A", "desk", "worker", "--pool", "threads", "--concurrency", "4"]
QUIET = ["-Q", "urgent,bulk", "--without-gossip", "--without-mingle", "--without-heartbeat"]
GIVE_UP_S = 300


def main():
    options = _options()
    os.environ["DJANGO_SETTINGS_MODULE"] = "desk.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(json.dumps(_run(options)))


def _options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


def _run(options):
    from orders.models import Cancel, CancelStatus

    firm, preview = _frozen(options)
    workers = [subprocess.Popen([sys.executable, *WORKER, *QUIET]) for _ in range(options.workers)]
    try:
        _await_workers(options.workers)
        before = _cpu_of(workers)
        started = time.perf_counter()
        job = _confirm(firm, preview)
        first_s = _await_first(job, started)
        _await(lambda: not job.cancels.live().exists())
        seconds, cpu_s = time.perf_counter() - started, _cpu_of(workers) - before
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()
    cancelled = Cancel.objects.filter(status=CancelStatus.CANCELLED).count()
    return {"seconds": seconds, "cpu_s": cpu_s, "cancelled": cancelled, "first_s": first_s}


def _frozen(options):
    from orders import previews
    from orders.scoping import Scope
    from tests.firm import Firm
    from tests.paper import PaperHandle

    paper = PaperHandle(options.port)
    latency_ms = paper.rules()["latency_ms"]
    paper.rules(latency_ms=0)
    firm = Firm(paper)
    firm.orders(options.count)
    paper.rules(latency_ms=latency_ms)
    scope = Scope(desk_id=firm.momentum.pk)
    return firm, previews.of_scope(user=firm.head, actor=firm.actor(firm.head), scope=scope)


def _confirm(firm, preview):
    from orders import previews

    about = {"user": firm.head, "actor": firm.actor(firm.head), "preview_id": preview.pk}
    return previews.confirm(**about, typed=previews.must_type(preview)).jobs[0]


def _await_workers(count):
    from django.utils.timezone import now

    from orders.models import Sender

    _await(lambda: Sender.objects.fresh(now()).count() >= count)


def _await_first(job, started):
    """Seconds until the first request was recorded as leaving."""
    _await(lambda: job.cancels.filter(first_sent_at__isnull=False).exists(), every_s=0.005)
    return time.perf_counter() - started


def _await(holds, every_s=0.02):
    ends_at = time.monotonic() + GIVE_UP_S
    while not holds():
        if time.monotonic() > ends_at:
            raise SystemExit("gave up waiting")
        time.sleep(every_s)


def _cpu_of(workers):
    """CPU seconds that these processes have used, from the system's own count."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0
    for worker in workers:
        stat = Path(f"/proc/{worker.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / ticks


if __name__ == "__main__":
    main()
