"""How much later an urgent cancel leaves while a bulk job of 10,000 orders runs.

    python -m benchmarks.overtaking [--count 10000] [--clicks 100] [--latency-ms 25]
                                    [--database URL] [--broker URL]

Clicks Cancel over HTTP on orders of the very account that the bulk job empties: on an idle system,
while jobs run one after another, and while every answer to bulk is held back for ten seconds.
From the click to the request's arrival in the exchange's own ledger. The target is p95 no more
than 250 ms above the idle system's. Of every job it tells, too, how long after its confirmation
its first request arrived; that target is a second.
"""

import argparse
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmarks import stage
from benchmarks.browser import Browser

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from orders.models import CancelJob
    from tests.helpers.firm import Firm

EVERY_S = 0.1  # a click; a person is slower
HELD_BACK_MS = 10_000
BULK = "/orders/batch"


def main() -> None:
    given = stage.options(__doc__, count=10_000, clicks=100, latency_ms=25).parse_args()
    with stage.Stage(given) as site:
        firm = site.firm()
        site.paper.rules(latency_ms=given.latency_ms)
        site.start()
        print(
            f"{given.clicks} clicks, one every {EVERY_S * 1000:.0f} ms, jobs of {given.count} "
            f"orders, {given.latency_ms} ms exchange, {site.conditions()}",
            flush=True,
        )
        Overtaking(site, firm, given).measure()


class Overtaking:
    """The three measurements on one site."""

    def __init__(self, site: stage.Stage, firm: "Firm", given: argparse.Namespace) -> None:
        self.site, self.firm, self.given = site, firm, given
        self.operator = Browser(site.site, "olivia")
        self.first_ms: list[float] = []

    def measure(self) -> None:
        clicked = self._clicked(lambda: True)
        idle = self._tell("idle", clicked)
        clicked = {}
        while len(clicked) < self.given.clicks:
            job = self._started()
            queued = job.cancels.filter(status="queued")
            clicked |= self._clicked(queued.exists, self.given.clicks - len(clicked))
            _await_sent(job)
        busy = self._tell("while a bulk job runs", clicked)
        self.site.paper.fault(BULK, "delay_after", times=None, delay_ms=HELD_BACK_MS)
        job = self._started()
        held = self._tell("while its answers are held back 10 s", self._clicked(lambda: True))
        waiting = job.cancels.filter(status="queued").count()
        print(f"    of that job {waiting} of {self.given.count} still waited to be sent")
        print(f"p95 above idle: {busy - idle:.0f} ms, held back {held - idle:.0f} ms (target 250)")
        print("confirmation to a job's first request:", stage.told(self.first_ms), "(target 1000)")

    def _started(self) -> "CancelJob":
        """Confirm a job of fresh orders, and wait until it has begun."""
        self.site.paper.rules(latency_ms=0)
        self.firm.orders(self.given.count)
        self.site.paper.rules(latency_ms=self.given.latency_ms)
        preview = stage.frozen(self.firm, symbols=("BTC",))
        mark, at_ms = self.site.paper.ledger()["next"], time.time() * 1000
        job = stage.confirmed(self.firm, preview)
        self.first_ms.append(stage.first_request(self.site.paper, BULK, mark) - at_ms)
        return job

    def _clicked(self, goes_on: Callable[[], bool], most: int | None = None) -> dict[int, float]:
        """Click at an even pace for as long as it goes on.

        Returns when each click was, in ms since the epoch, by order id.
        """
        orders = self.firm.orders(most or self.given.clicks, symbol="ETH")
        clicked: dict[int, float] = {}
        for order in orders:
            if not goes_on():
                break
            clicked[order.order_id] = self.operator.click(order.pk)
            time.sleep(max(0, EVERY_S - (time.time() - clicked[order.order_id] / 1000)))
        return clicked

    def _tell(self, when: str, clicked: dict[int, float]) -> float:
        """Print the times from click to first byte; return their p95, in ms."""
        took = stage.to_first_byte(self.site.paper, clicked)
        print(f"click to first byte at the exchange, {when}: {stage.told(took)}")
        return stage.percentile(took, 95)


def _await_sent(job: "CancelJob") -> None:
    """Wait until no cancel of the job waits to be sent."""
    stage.until(lambda: not job.cancels.filter(status="queued").exists(), "the job")


if __name__ == "__main__":
    main()
