"""What the chain costs a bulk cancel: the same job with chained and with plain records.

    python -m benchmarks.chain [--count 1000] [--runs 5] [--latency-ms 0] [--database postgres://…]

One process delivers, through `orders.delivery.worker` itself, over HTTP to a paper exchange in
another. *Plain* writes the same rows to the same tables with their triggers, but takes no lock,
reads no tip, hashes nothing and signs no checkpoint; that is patched here and nowhere in the
product.
*Chained* signs a checkpoint at the end of each run as well, ten times as often as the sweep would.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

from benchmarks import stage

if TYPE_CHECKING:
    from tests.helpers.firm import Firm

Figures = dict[str, list[tuple[float, float]]]  # (cancels/s, µs of CPU each) of each run, by kind


def main() -> None:
    """Run both kinds in turn; print medians of orders per second and what the chain takes."""
    parser = stage.options(__doc__, count=1000, runs=5, latency_ms=0)
    given = parser.parse_args()
    settings = {"AUDIT_CHECKPOINT_KEY": CHECKPOINT_KEY, "CREDITS_KEYLESS": 1_000_000}
    with stage.Stage(given, **settings) as theatre:
        firm = theatre.firm()
        figures: Figures = {"chained": [], "plain": []}
        _run(firm, given, is_chained=True)  # connections, caches
        for _ in range(given.runs):
            for kind in figures:
                figures[kind].append(_run(firm, given, is_chained=kind == "chained"))
    _tell(figures, given)


CHECKPOINT_KEY = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="


def _run(firm: "Firm", given: argparse.Namespace, *, is_chained: bool) -> tuple[float, float]:
    """Measure orders a second and µs of processor time each, from first claim to last record."""
    from orders.cancels import requests
    from orders.delivery import worker
    from orders.evidence import checkpoints
    from orders.models import Cancel

    firm.paper.rules(latency_ms=0)
    ids = [order.pk for order in firm.orders(given.count)]
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)
    firm.paper.rules(latency_ms=given.latency_ms)
    with ExitStack() as patches:
        if not is_chained:
            for patch in _unchained():
                patches.enter_context(patch)
        started, cpu = time.perf_counter(), time.process_time()
        while Cancel.objects.live().exists():
            worker.deliver_account(account_id=firm.account.pk)
        if is_chained:
            checkpoints.make()
        took, cpu = time.perf_counter() - started, time.process_time() - cpu
        return given.count / took, cpu / given.count * 1e6


def _unchained() -> "Iterator[mock._patch[Any]]":
    """Write records as mere rows, far above the chained ones, so that both may stand."""
    positions = itertools.count(time.time_ns() // 1000)
    yield mock.patch("orders.audit.log._locked_tip", lambda: (next(positions) * 1000, ""))
    unhashed = SimpleNamespace(hash_at=lambda position: "")
    yield mock.patch("orders.audit.log.Content", lambda values, rows: unhashed)
    yield mock.patch("orders.audit.log.chained", lambda previous_hash, content_hash: "")
    yield mock.patch(
        "orders.audit.log._sums", lambda fact, body: NOT_HASHED | {"body_length": len(body)}
    )


NOT_HASHED = {"body_sha256": "", "kept_sha256": ""}


def _tell(figures: Figures, given: argparse.Namespace) -> None:
    """Print the medians; processor time tells more where other work shares the machine."""
    print(f"{given.count} cancels at {given.latency_ms} ms, {given.runs} runs of each in turn:")
    medians = {}
    for kind, runs in figures.items():
        rates, costs = zip(*runs, strict=True)
        medians[kind] = statistics.median(rates), statistics.median(costs)
        told = ", ".join(f"{rate:.0f}" for rate in rates)
        rate, cost = medians[kind]
        print(f"{kind:8} {rate:6.0f} cancels/s, {cost:5.0f} µs of this process each   ({told})")
    (fast, cheap), (slow, dear) = medians["plain"], medians["chained"]
    print(
        f"With chain and checkpoints {(fast / slow - 1) * 100:+.1f} % time, "
        f"{(dear / cheap - 1) * 100:+.1f} % of this process's."
    )


if __name__ == "__main__":
    main()
