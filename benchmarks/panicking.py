"""How soon a panic has sent its last request, and has seen every book empty.

    python -m benchmarks.panicking [--panics 5] [--accounts 20] [--count 500] [--stops 0]
                                   [--latency-ms 25] [--only-sweep 1]
                                   [--database URL] [--broker URL]

Each panic is pulled over HTTP on a desk of 20 accounts with 500 open orders each, of which so many
are stop orders that cancel-all leaves. From the moment the panic was recorded to the arrival of an
account's last signed request, by the exchange's own ledger, and to the read that showed its book
empty; one figure for each account of each panic. The targets are p95 of one and three seconds.
``--only-sweep 1`` runs neither Celery workers nor, where it is Redis, a broker that answers.
"""

import argparse
import time
from typing import TYPE_CHECKING

from benchmarks import stage
from benchmarks.browser import Browser

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from orders.models import Account, CancelJob
    from tests.helpers.firm import Firm

NO_BROKER = "redis://127.0.0.1:9/0"  # nothing listens on the discard port
STOP = {"order_type": "stop_limit", "stop_price": "40000"}


def main() -> None:
    parser = stage.options(
        __doc__, panics=5, accounts=20, count=500, stops=0, latency_ms=25, only_sweep=0
    )
    given = parser.parse_args()
    given.broker = NO_BROKER if given.only_sweep else given.broker
    with stage.Stage(given) as site:
        firm = site.firm()
        more = given.accounts - 1
        accounts = [firm.account]
        accounts += [firm.new_account(f"Book {n}", firm.momentum) for n in range(more)]
        site.start(workers={} if given.only_sweep else stage.WORKERS)
        print(
            f"{given.panics} panics, {given.accounts} accounts, {given.count} orders each, "
            f"{given.stops} of them stops, {given.latency_ms} ms exchange, {site.conditions()}",
            flush=True,
        )
        pulled = [_pulled(site, firm, accounts, given) for _ in range(given.panics)]
    sent, empty = ([ms for panic in pulled for ms in panic[part]] for part in (0, 1))
    print("recorded to an account's last signed request:", stage.told(sent), "(p95 target 1000)")
    print("recorded to its book seen empty:", stage.told(empty), "(p95 target 3000)")


def _pulled(
    site: stage.Stage, firm: "Firm", accounts: "list[Account]", given: argparse.Namespace
) -> tuple[list[float], list[float]]:
    """Pull a panic; return ms to the last signed request and ms to seen empty, by account."""
    from orders.models import CancelJob

    site.paper.rules(latency_ms=0)
    for account in accounts:
        firm.orders(given.count - given.stops, account=account)
        if given.stops:
            firm.orders(given.stops, account=account, **STOP)
    site.paper.rules(latency_ms=given.latency_ms)
    mark = site.paper.ledger()["next"]
    Browser(site.site, "hannah").post(
        "/admin/orders/panicline/pull/", desk=firm.momentum.pk, reason="bench"
    )
    job = CancelJob.objects.filter(is_panic=True).latest("created_at")
    stage.until(lambda: not job.panic_lines.unfinished().exists(), "the panic's end")
    time.sleep(0.2)
    return _sent(site, accounts, mark, job), _seen_empty(job)


def _sent(site: stage.Stage, accounts: "list[Account]", mark: int, job: "CancelJob") -> list[float]:
    entries = site.paper.ledger(since=mark)["requests"]
    last_ms = {entry["account"]: entry["at_ms"] for entry in entries if entry["method"] == "POST"}
    began_ms = job.created_at.timestamp() * 1000
    return [last_ms[account.address] - began_ms for account in accounts]


def _seen_empty(job: "CancelJob") -> list[float]:
    took_ms = []
    for line in job.panic_lines.all():
        if line.seen_empty_at is None:
            raise SystemExit(f"not seen empty: {line.account}: {line.explanation}")
        took_ms.append((line.seen_empty_at - job.created_at).total_seconds() * 1000)
    return took_ms


if __name__ == "__main__":
    main()
