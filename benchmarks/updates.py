"""What the stream's updates cost and save: `python -m benchmarks.updates`.

    python -m benchmarks.updates [--count 200] [--cancels 200] [--database URL]

First, how long one update takes to be applied, and a burst of ``--count`` in one frame. Then that
many cancels, one after the other, whose answers are lost though they acted: until each is settled,
and the credits of the reads for it, with the stream and without. A database that is named is
dropped and made anew. The sweep's duties that settle run at their usual pace.
"""

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.stage import Paper, environment, fresh_database
from tests.helpers.paper import PaperHandle

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from tests.helpers.firm import Firm

PAUSE_S = 0.1  # between two clicks
PATIENCE_S = 60


def main() -> None:
    """Set everything up, measure, tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--cancels", type=int, default=200)
    parser.add_argument("--database", default="", help="a PostgreSQL database; else SQLite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Paper(0) as paper:
        more = {"DATA_DIR": folder, "PACIFICA_PAPER_URL": paper.url, "CREDITS_KEYLESS": "1000000"}
        if options.database:
            fresh_database(options.database)
            more |= {"DATABASE_URL": options.database}
        os.environ.update(environment(**more) | {"DJANGO_SETTINGS_MODULE": "desk.settings"})
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        from tests.helpers.firm import Firm

        firm = Firm(paper)
        applying(firm, options.count)
        settling(firm, options.cancels, is_streamed=False)
        settling(firm, options.cancels, is_streamed=True)


def applying(firm: "Firm", count: int) -> None:
    """Measure how long frames take to be applied, one update each and many in one."""
    from tests.helpers.frames import apply, received, rows_of

    for word, act in (("cancelled", firm.paper.close), ("partly filled", part_of(firm.paper))):
        took = []
        for order in firm.orders(60):
            act(order.order_id)
            frame = received(rows_of(firm.paper, order.order_id)[-1])
            took.append(seconds(partial(apply, firm.account, frame)))
        orders = firm.orders(count)
        for order in orders:
            act(order.order_id)
        burst = received(*[rows_of(firm.paper, order.order_id)[-1] for order in orders])
        whole = seconds(partial(apply, firm.account, burst))
        again = seconds(partial(apply, firm.account, burst))
        print(
            f"{word}: one update p50 {ms(statistics.median(took))}, p95 {ms(p95(took))}; "
            f"{count} in a frame {ms(whole)}, the same again {ms(again)}"
        )


def part_of(paper: PaperHandle) -> Callable[[int], object]:
    """Return what fills a little of an order."""
    return lambda order_id: paper.fill(order_id, "0.1")


def settling(firm: "Firm", cancels: int, *, is_streamed: bool) -> None:
    """Measure how long lost answers take to be settled, and what the reads for it cost."""
    from orders.models import Cancel, CancelStatus
    from orders.models.cancels import OPEN_QUESTIONS

    orders = firm.orders(cancels)
    first = Cancel.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    seen = firm.paper.ledger()["next"]
    firm.paper.fault("/orders/cancel", "apply_then_drop", times=None)
    with sweeping(), following(firm) if is_streamed else nothing():
        for order in orders:
            click(firm, order)
            time.sleep(PAUSE_S)
        ends_at = time.monotonic() + PATIENCE_S
        mine = Cancel.objects.filter(pk__gt=first)
        while mine.filter(status__in=OPEN_QUESTIONS).exists() or mine.exclude(amounts_due_at=None):
            if time.monotonic() > ends_at:
                sys.exit("not all of them were settled")
            time.sleep(0.1)
    firm.paper.disarm()
    rows = mine.filter(status=CancelStatus.CANCELLED).values_list("concluded_at", "first_sent_at")
    took = [(end - sent).total_seconds() for end, sent in rows if end and sent]
    spent = credits_of(firm.paper.ledger(seen)["requests"])
    print(
        f"lost answers, {'with' if is_streamed else 'without'} the stream: {len(took)} of "
        f"{cancels} cancelled, settled p50 {ms(statistics.median(took))}, p95 {ms(p95(took))}; "
        f"{spent * 1000 / cancels:.0f} credits of reads per 1,000"
    )


def click(firm: "Firm", order: Any) -> None:
    """Cancel one order, and have it sent at once."""
    from orders.cancels import requests
    from orders.delivery import worker

    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    worker.deliver_account(account_id=firm.account.pk)


def credits_of(requests: list[dict[str, Any]]) -> float:
    """Sum what the reads among these requests cost."""
    from orders.exchange import credits
    from orders.models import CreditPool

    pool = CreditPool.objects.order_by("pk").first()
    name = pool.name if pool else "keyless"
    reads = [one["route"] for one in requests if one["method"] == "GET"]
    return float(sum(credits.price_of_read(route, name) for route in reads))


@contextmanager
def sweeping() -> Iterator[None]:
    """Run the sweep's duties that settle, as long as the block lasts."""
    from orders import sweep

    wanted = {"settle", "read amounts"}
    running = sweep.Sweep([each for each in sweep.duties() if each.name in wanted])
    running.start()
    try:
        yield
    finally:
        running.stop()


@contextmanager
def nothing() -> Iterator[None]:
    """Do without the stream."""
    yield


@contextmanager
def following(firm: "Firm") -> Iterator[None]:
    """Follow the accounts' streams, as the stream's process does, as long as the block lasts."""
    from django.utils import timezone

    from orders.models import AccountStream
    from orders.stream.worker import StreamWorker

    worker = StreamWorker()
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    now: Callable[[], datetime] = timezone.now
    ends_at = time.monotonic() + PATIENCE_S
    mine = AccountStream.objects.filter(account=firm.account)
    while not mine.healthy(now()).exists() and time.monotonic() < ends_at:
        time.sleep(0.1)
    try:
        yield
    finally:
        worker.stop()
        thread.join(PATIENCE_S)


def seconds(act: Callable[[], object]) -> float:
    """Time one act."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def p95(times: list[float]) -> float:
    """Return the 95th of a hundred."""
    return statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]


def ms(took: float) -> str:
    """Spell seconds as ms."""
    return f"{took * 1000:.1f} ms"


if __name__ == "__main__":
    main()
