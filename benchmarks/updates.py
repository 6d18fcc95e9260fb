"""What the stream's updates cost and save: `python -m benchmarks.updates`.

    python -m benchmarks.updates [--count 200] [--cancels 200] [--broker URL] [--database URL]

First, how long one update takes to be applied, and a burst of ``--count`` in one frame. Then that
many cancels, one after the other, whose answers are lost though they acted: until each is settled,
and the credits of the reads for it, with the stream and without. A database that is named is
dropped and made anew. The sweep's duties that settle run at their usual pace.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks import stage
from tests.helpers.paper import PaperHandle

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from tests.helpers.firm import Firm

PAUSE_S = 0.1  # between two clicks
PATIENCE_S = 60


def main() -> None:
    """Set everything up, measure, tell."""
    given = stage.options(__doc__, count=200, cancels=200).parse_args()
    with stage.Stage(given, CREDITS_KEYLESS=1_000_000) as site:
        firm = site.firm()
        applying(firm, given.count)
        settling(firm, given.cancels, is_streamed=False)
        settling(firm, given.cancels, is_streamed=True)


def applying(firm: "Firm", count: int) -> None:
    """Measure how long frames take to be applied, one update each and many in one."""
    from tests.helpers.frames import apply, received, rows_of

    for word, act in (("cancelled", firm.paper.close), ("partly filled", part_of(firm.paper))):
        took = []
        for order in firm.orders(60):
            act(order.order_id)
            frame = received(rows_of(firm.paper, order.order_id)[-1])
            took.append(milliseconds(partial(apply, firm.account, frame)))
        orders = firm.orders(count)
        for order in orders:
            act(order.order_id)
        burst = received(*[rows_of(firm.paper, order.order_id)[-1] for order in orders])
        whole = milliseconds(partial(apply, firm.account, burst))
        again = milliseconds(partial(apply, firm.account, burst))
        print(
            f"{word}: one update {stage.told(took)}; "
            f"{count} in a frame {whole:.0f} ms, the same again {again:.0f} ms"
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
    with sweeping(), following(firm) if is_streamed else nullcontext():
        for order in orders:
            click(firm, order)
            time.sleep(PAUSE_S)
        mine = Cancel.objects.filter(pk__gt=first)
        waiting = mine.filter(status__in=OPEN_QUESTIONS) | mine.exclude(amounts_due_at=None)
        stage.until(
            lambda: not waiting.exists(), "all to be settled", every_s=0.1, patience_s=PATIENCE_S
        )
    firm.paper.disarm()
    rows = mine.filter(status=CancelStatus.CANCELLED).values_list("concluded_at", "first_sent_at")
    took = [(end - sent).total_seconds() * 1000 for end, sent in rows if end and sent]
    spent = credits_of(firm.paper.ledger(seen)["requests"])
    print(
        f"lost answers, {'with' if is_streamed else 'without'} the stream: {len(took)} of "
        f"{cancels} cancelled, settled {stage.told(took)}; "
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
    from orders.management.duty_threads import Sweep
    from orders.management.sweep import duties

    wanted = {"settle", "read amounts"}
    running = Sweep([each for each in duties() if each.name in wanted])
    running.start()
    try:
        yield
    finally:
        running.stop()


@contextmanager
def following(firm: "Firm") -> Iterator[None]:
    """Follow the accounts' streams, as the stream's process does, as long as the block lasts."""
    from orders.reconcile.stream.worker import StreamWorker

    worker = StreamWorker()
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    try:
        stage.until_live(firm)
        yield
    finally:
        worker.stop()
        thread.join(PATIENCE_S)


def milliseconds(act: Callable[[], object]) -> float:
    """Time one act."""
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
