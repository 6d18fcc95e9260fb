"""How soon what happens at the exchange is committed here, and a day of connections in minutes.

    python -m benchmarks.streaming [--count 300] [--lives 100] [--broker URL] [--database URL]

Places and cancels orders at the paper exchange, one after another, and looks for each in the
database until it is there; the exchange's own time of the change is where it begins. On SQLite the
sweep follows the stream, elsewhere `manage.py stream` does. Then lives of a second each, every one
with orders placed and cancelled in it, in this process, whose memory is told.
"""

import argparse
import gc
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import stage

if TYPE_CHECKING:
    from tests.helpers.firm import Firm

LOOK_EVERY_S = 0.002
PER_LIFE = 40  # orders placed, and as many cancelled


def main() -> None:
    parser = stage.options(__doc__, count=300, lives=100)
    parser.add_argument("--part", choices=PARTS, help="one of the two alone")
    given = parser.parse_args()
    if given.part is not None:
        PARTS[given.part](given)
        return
    for part in PARTS:  # each in a process of its own, for a stage sets Django up
        command = [sys.executable, "-m", "benchmarks.streaming", *sys.argv[1:], "--part", part]
        subprocess.run(command, check=True)


def _commits(given: argparse.Namespace) -> None:
    with stage.Stage(given) as site:
        firm = site.firm()
        site.start(workers={}, web=False)
        if given.database:
            site.run("manage.py", "stream")
            site.kinds.append("stream")
        stage.until_live(firm)
        placed, cancelled = _followed(site, firm, given.count)
        print(f"{given.count} orders placed and cancelled, {site.conditions()}")
        print("placed at the exchange to committed here:", stage.told(placed))
        print("cancelled at the exchange to committed here:", stage.told(cancelled))


def _day(given: argparse.Namespace) -> None:
    with stage.Stage(given) as site:
        site.kinds = ["stream in this process"]
        print(f"{given.lives} lives of a second, {site.conditions()}")
        _lives(site, site.firm(), given.lives)


def _followed(site: stage.Stage, firm: "Firm", count: int) -> tuple[list[float], list[float]]:
    """Measure the milliseconds from each change's own time to when another process sees it."""
    placed, cancelled = [], []
    for _ in range(count):
        (order_id,) = site.paper.orders(firm.account.address, 1)
        placed.append(_seen(order_id, "open"))
        site.paper.close(order_id)
        cancelled.append(_seen(order_id, "closed"))
    return placed, cancelled


def _seen(order_id: int, state: str) -> float:
    """Wait until the order is there and so; return the ms since the exchange changed it."""
    from orders.models import Order

    wanted = Order.objects.filter(order_id=order_id, state=state).values_list("updated_at")
    found = stage.until(wanted.first, f"order {order_id} {state}", every_s=LOOK_EVERY_S)
    seen_ms = time.time() * 1000
    assert found[0] is not None  # the paper exchange always says it
    return seen_ms - found[0].timestamp() * 1000


def _lives(site: stage.Stage, firm: "Firm", lives: int) -> None:
    from orders.models import AccountStream
    from orders.reconcile.stream.timings import TIMINGS
    from orders.reconcile.stream.worker import StreamWorker

    quick = replace(TIMINGS, life_s=1.0, ping_every_s=0.3, round_s=0.5)
    worker = StreamWorker(timings=quick)
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    stage.until_live(firm)
    sizes = [_one_life(site, firm, number) for number in range(lives)]
    found = AccountStream.objects.get(account=firm.account)
    worker.stop()
    thread.join()
    connections = site.paper.connections()
    early, late = max(sizes[lives // 5 : lives // 2]), max(sizes[lives // 2 :])
    print(f"connections: {len(connections)}; reconnects after a loss: {found.reconnects}")
    print(f"reads of the open orders: {len(site.paper.requests('/orders'))}")
    print(f"memory after a fifth: {early:.1f} MB; in the second half: {late:.1f} MB")


def _one_life(site: stage.Stage, firm: "Firm", number: int) -> float:
    """Place and cancel orders while a connection replaces another; return the memory in MB."""
    ids = site.paper.orders(firm.account.address, PER_LIFE)
    for order_id in ids:
        site.paper.close(order_id)
    _seen(ids[-1], "closed")
    stage.until(lambda: len(site.paper.connections()) > number, "another connection")
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


PARTS = {"commits": _commits, "day": _day}

if __name__ == "__main__":
    main()
