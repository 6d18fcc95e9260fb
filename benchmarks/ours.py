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

from benchmarks import stage

WORKER = [*stage.CELERY, "--concurrency", "4", "-Q", "urgent,bulk", *stage.QUIET]


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
        started = time.perf_counter()
        job = stage.confirmed(firm, preview)
        first_s = _await_first(job, started)
        stage.until(lambda: not job.cancels.live().exists(), "the job")
        seconds, cpu_s = time.perf_counter() - started, _cpu_of(workers) - before
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()
    cancelled = Cancel.objects.filter(status=CancelStatus.CANCELLED).count()
    return {"seconds": seconds, "cpu_s": cpu_s, "cancelled": cancelled, "first_s": first_s}


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


def _await_first(job, started):
    """Seconds until the first request was recorded as leaving."""
    sent = job.cancels.filter(first_sent_at__isnull=False)
    stage.until(sent.exists, "the first request", every_s=0.005)
    return time.perf_counter() - started


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
