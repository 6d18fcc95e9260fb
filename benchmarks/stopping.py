"""How soon after the press of Stop a bulk job sends nothing new.

    python -m benchmarks.stopping [--tries 20] [--count 3000] [--latency-ms 25]
                                  [--database URL] [--broker URL]

Each try starts a bulk job of fresh orders, presses Stop over HTTP while it runs, and looks in the
exchange's own ledger for the last request that arrived. The target is a second, in every try.
"""

import argparse
import random
import time
from typing import TYPE_CHECKING, Any

from benchmarks import stage
from benchmarks.browser import Browser

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from orders.models import CancelJob
    from tests.helpers.firm import Firm

BULK = "/orders/batch"
QUIET_S = 2  # so long after the press nothing more may have come


def main() -> None:
    given = stage.options(__doc__, tries=20, count=3000, latency_ms=25).parse_args()
    with stage.Stage(given) as site:
        firm = site.firm()
        site.start()
        print(
            f"{given.tries} tries, jobs of {given.count} orders, {given.latency_ms} ms exchange, "
            f"{site.conditions()}",
            flush=True,
        )
        head = Browser(site.site, "hannah")
        late_ms = [_tried(site, firm, head, given) for _ in range(given.tries)]
    in_time = sum(late <= 1000 for late in late_ms)
    print(f"press of Stop to the last new request: {stage.told(late_ms)}")
    print(f"within a second: {in_time} of {given.tries}")


def _tried(site: stage.Stage, firm: "Firm", head: Browser, given: argparse.Namespace) -> float:
    """Stop one job; return the milliseconds from the press to the last request's arrival."""
    site.paper.rules(latency_ms=0)
    firm.orders(given.count)
    preview = stage.frozen(firm)
    site.paper.rules(latency_ms=given.latency_ms)
    mark = site.paper.ledger()["next"]
    job = stage.confirmed(firm, preview)
    stage.first_request(site.paper, BULK, mark)
    time.sleep(random.uniform(0, 0.2))
    pressed_ms = time.time() * 1000
    head.post(f"/admin/orders/canceljob/{job.pk}/stop/")
    time.sleep(QUIET_S)
    entries = site.paper.ledger(since=mark)["requests"]
    sent: list[float] = [entry["at_ms"] for entry in entries if _is_new(entry)]
    _check_the_rest(site, firm, job)
    head.post(f"/admin/orders/canceljob/{job.pk}/resume/")
    stage.until(lambda: not job.cancels.live().exists(), "the end of the resumed job")
    return max(sent) - pressed_ms


def _is_new(entry: dict[str, Any]) -> bool:
    return bool(entry["method"] == "POST")


def _check_the_rest(site: stage.Stage, firm: "Firm", job: "CancelJob") -> None:
    """Check that what was stopped is exactly what is still open on the exchange."""
    stage.until(lambda: not job.cancels.live().exists(), "what was under way")
    stopped = set(job.cancels.filter(status="stopped").values_list("order_id", flat=True))
    truth = site.paper.truth(firm.account.address).items()
    if not stopped:
        raise SystemExit("the job was over before Stop was pressed: take a larger --count")
    if stopped != {order_id for order_id, order in truth if order["is_open"]}:
        raise SystemExit("what was stopped is not what is still open on the exchange")


if __name__ == "__main__":
    main()
