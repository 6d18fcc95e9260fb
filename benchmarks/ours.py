"""Our bulk job, whole: claim, sign, record, send, record, conclude; timed to the last one.

    python -m benchmarks.ours PORT COUNT [--workers N]

Reads the database and the broker from the environment, makes its own firm there and starts real
Celery workers. Prints one JSON line: seconds since the confirmation was answered, seconds of the
confirmation itself and until the first request was recorded as leaving, CPU seconds of the
workers, cancelled.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import stage

WORKER = [*stage.CELERY, "--concurrency", "2", "-Q", "bulk", *stage.QUIET]


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
    workers = [subprocess.Popen([sys.executable, *WORKER]) for _ in range(options.workers)]
    try:
        stage.await_senders(options.workers)
        before = _cpu_of(workers)
        asked = time.time()
        job = stage.confirmed(firm, preview)
        started = time.time()
        stage.until(lambda: not job.cancels.live().exists(), "the job", every_s=0.02)
        seconds, cpu_s = time.time() - started, _cpu_of(workers) - before
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()
    cancelled = Cancel.objects.filter(status=CancelStatus.CANCELLED).count()
    first = job.cancels.order_by("first_sent_at").first().first_sent_at.timestamp()
    told = {"seconds": seconds, "confirm_s": started - asked, "first_s": first - started}
    return told | {"cpu_s": cpu_s, "cancelled": cancelled}


def _frozen(options):
    from tests.firm import Firm
    from tests.paper import PaperHandle

    paper = PaperHandle(options.port)
    latency_ms = paper.rules()["latency_ms"]
    paper.rules(latency_ms=0)
    firm = Firm(paper)
    firm.orders(options.count)
    paper.rules(latency_ms=latency_ms)
    return firm, stage.frozen(firm)


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
