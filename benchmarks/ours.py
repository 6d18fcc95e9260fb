"""Our bulk job, whole: claim, sign, record, send, record, conclude; timed to the last one.

    python -m benchmarks.ours PORT COUNT [--workers N]

Reads the database and the broker from the environment, makes its own firm there and starts real
Celery workers, which run jobs of the same size before the one that is timed. Prints one JSON
line: seconds since the confirmation was answered, seconds of the confirmation itself and until the
first request was recorded as leaving, CPU seconds of the workers, cancelled; and the rate of the
first job.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from benchmarks import stage

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from orders.models import CancelJob, Preview
    from tests.helpers.firm import Firm

Worker = subprocess.Popen[bytes]
LOOK_EVERY_S = 0.004  # one plain statement each: 0.1 ms of processor time, for what is timed
UNSEEN = 0.75  # of the time of the job before, in which the next one is not looked at
WORKER = [*stage.CELERY, "--concurrency", "2", "-Q", "bulk", *stage.QUIET]


def main() -> None:
    options = _options()
    os.environ["DJANGO_SETTINGS_MODULE"] = "desk.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(json.dumps(_run(options)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


class Times(TypedDict):
    """What one job took: seconds, CPU seconds of the workers, and how many were cancelled."""

    seconds: float
    confirm_s: float
    first_s: float
    cpu_s: float
    cancelled: int


class Figures(Times):
    """What the last job took, and the rate of the first: cancels per second."""

    first_rate: float


def _run(options: argparse.Namespace) -> Figures:
    from desk import celery
    from orders.models.prepared import prepare_all
    from tests.helpers.firm import Firm
    from tests.helpers.paper import PaperHandle

    paper = PaperHandle(options.port)
    firm = Firm(paper)
    prepare_all()  # this process confirms, and starts as the web does (`desk.wsgi`)
    celery.connect_beside()
    workers = [subprocess.Popen([sys.executable, *WORKER]) for _ in range(options.workers)]
    try:
        stage.await_senders(options.workers)
        first = last = _job(firm, options.count, workers, quiet_s=0)
        for _ in range(stage.WARM_UPS):  # a desk's processes have been up for a while
            last = _job(firm, options.count, workers, quiet_s=last["seconds"] * UNSEEN)
        return {**last, "first_rate": first["cancelled"] / first["seconds"]}
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()


def _job(firm: "Firm", count: int, workers: list[Worker], *, quiet_s: float) -> Times:
    """Run one bulk job of that many fresh orders; return its times and sums.

    It is not looked at before ``quiet_s`` are over, for looking takes processor time.
    """
    preview = _frozen(firm, count)
    before, asked = _cpu_of(workers), time.time()
    job = stage.confirmed(firm, preview)
    started = time.time()
    time.sleep(quiet_s)
    stage.until(lambda: _is_done(job), "the job", every_s=LOOK_EVERY_S)
    seconds, cpu_s = time.time() - started, _cpu_of(workers) - before
    first_sent_at = job.cancels.earliest("first_sent_at").first_sent_at
    assert first_sent_at is not None  # the job is done, so each of its cancels was sent
    return {
        "seconds": seconds,
        "confirm_s": started - asked,
        "first_s": first_sent_at.timestamp() - started,
        "cpu_s": cpu_s,
        "cancelled": job.cancels.filter(status="cancelled").count(),
    }


def _is_done(job: "CancelJob") -> bool:
    """Whether a job is done, which it is in the transaction that ends its last cancel.

    Asked past the models: that is cheaper.
    """
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM orders_canceljob WHERE id = %s AND status = 'done'", [job.pk])
        return cursor.fetchone() is not None


def _frozen(firm: "Firm", count: int) -> "Preview":
    latency_ms = firm.paper.rules()["latency_ms"]
    firm.paper.rules(latency_ms=0)
    firm.orders(count)
    firm.paper.rules(latency_ms=latency_ms)
    return stage.frozen(firm)


def _cpu_of(workers: list[Worker]) -> float:
    """Return the CPU seconds that these processes have used, from the system's own count."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0
    for worker in workers:
        stat = Path(f"/proc/{worker.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / ticks


if __name__ == "__main__":
    main()
