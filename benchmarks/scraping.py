"""Time a scrape of the metrics: `python -m benchmarks.scraping --cancels 10000`.

The database is a scratch one on `DATABASE_URL`'s engine, dropped at the end. Two scrapes are told:
one that reads the log of so many cancels (six thousand just sent and answered, the others waiting
or without an outcome), and those after it, which find nothing new.
"""

import argparse
import time
from datetime import datetime
from typing import TYPE_CHECKING

from benchmarks import stage

if TYPE_CHECKING:  # only once Django is set up
    from orders.operations.monitoring.exposition import Exposition

QUIET = 30


def main() -> None:
    """Make the records, scrape, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cancels", type=int, default=10_000)
    given = parser.parse_args()
    from tests.helpers.scratch import scratch_database

    with scratch_database():
        measure(given.cancels)


def measure(count: int) -> None:
    """Print one line."""
    from django.db import connection
    from django.utils.timezone import now

    from orders.audit import reader
    from orders.operations.monitoring.exposition import Exposition
    from tests.helpers.make_records import Maker

    exposition = Exposition()
    exposition.text(now())
    maker = Maker(seed=1)
    for _ in range(count // 1000):
        maker.write([500, *[50] * 10])
    spread(count, now())
    first_ms, cpu_ms = timed(exposition)
    quiet = [timed(exposition) for _ in range(QUIET)]
    print(
        f"{connection.vendor}, {count} cancels, {reader.tip()} records read in {first_ms:.0f} ms "
        f"(CPU {cpu_ms:.0f}); then {stage.told([ms for ms, _ in quiet])}, "
        f"CPU {stage.told([ms for _, ms in quiet])}; {len(exposition.text(now()))} bytes"
    )


def spread(count: int, now: datetime) -> None:
    """Have three in ten of the cancels wait, and one in ten be without an outcome."""
    from orders.models import Cancel, CancelJob

    ids = list(Cancel.objects.order_by("pk").values_list("pk", flat=True))
    waiting, unknown = ids[: count * 3 // 10], ids[count * 3 // 10 : count * 4 // 10]
    queued = Cancel.objects.filter(pk__any=set(waiting))
    queued.update(status="queued", concluded_at=None, requested_at=now)
    Cancel.objects.filter(pk__any=set(unknown)).update(
        status="unknown", concluded_at=None, first_sent_at=now, next_check_at=now
    )
    CancelJob.objects.filter(cancels__status__in=["queued", "unknown"]).update(status="running")


def timed(exposition: "Exposition") -> tuple[float, float]:
    """Scrape once; ms that passed, and ms of this process's CPU."""
    from django.utils.timezone import now

    began, cpu = time.perf_counter(), time.process_time()
    exposition.text(now())
    return (time.perf_counter() - began) * 1000, (time.process_time() - cpu) * 1000


if __name__ == "__main__":
    main()
