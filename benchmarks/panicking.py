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

import time
from typing import Any

from benchmarks import stage
from orders.models import CancelJob

NO_BROKER = "redis://127.0.0.1:9/0"  # nothing listens on the discard port
STOP = {"order_type": "stop_limit", "stop_price": "40000"}


def main() -> None:
    defaults: dict[str, Any] = {
        "panics": 5,
        "accounts": 20,
        "count": 500,
        "stops": 0,
        "latency_ms": 25,
    }
    given = stage.options(__doc__, **defaults, only_sweep=0).parse_args()
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


def _pulled(site, firm, accounts, given):
    """(milliseconds to the last signed request, milliseconds to seen empty), one an account."""
    from orders.models import CancelJob

    site.paper.rules(latency_ms=0)
    for account in accounts:
        firm.orders(given.count - given.stops, account=account)
        if given.stops:
            firm.orders(given.stops, account=account, **STOP)
    site.paper.rules(latency_ms=given.latency_ms)
    mark = site.paper.ledger()["next"]
    stage.Browser(site.site, "hannah").post(
        "/admin/orders/panicline/pull/", desk=firm.momentum.pk, reason="bench"
    )
    job = CancelJob.objects.filter(is_panic=True).latest("created_at")
    stage.until(lambda: not job.panic_lines.unfinished().exists(), "the panic's end")
    time.sleep(0.2)
    return _sent(site, accounts, mark, job), _seen_empty(job)


def _sent(site, accounts, mark, job: CancelJob):
    asked = [one for one in site.paper.ledger(since=mark)["requests"] if one["method"] == "POST"]
    last_ms = {one["account"]: one["at_ms"] for one in asked}
    began_ms = job.created_at.timestamp() * 1000
    return [last_ms[account.address] - began_ms for account in accounts]


def _seen_empty(job: CancelJob):
    lines = list(job.panic_lines.all())
    left = [line for line in lines if line.seen_empty_at is None]
    if left:
        raise SystemExit(f"not seen empty: {left[0].account}: {left[0].explanation}")
    return [(line.seen_empty_at - job.created_at).total_seconds() * 1000 for line in lines]


if __name__ == "__main__":
    main()
