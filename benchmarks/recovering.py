"""How soon after the exchange answers again the outcomes of 10,000 unknown cancels are proven.

    python -m benchmarks.recovering [--count 10000] [--older 5000] [--page 100] [--latency-ms 25]
                                    [--credits 12000] [--database URL] [--broker URL]

The exchange takes every cancel of a bulk job of one account, no two of one amount, and answers
none, nor any read. Once all are unknown it answers again, and the clock runs until the last of them
is at rest. ``--older`` orders closed before stand in the history too; a page of it has ``--page``
rows, however many are asked for. Told, too: the reads this took by the exchange's own ledger and
their credits (a quota of ``--credits`` a minute, with an API config key), and that each outcome is
what really became of its order. The target is 90 s.
"""

import argparse
import time
from collections import Counter
from typing import TYPE_CHECKING

from benchmarks import stage

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from orders.models import CancelJob
    from tests.helpers.firm import Firm

API_CONFIG_KEY = "benchmrk_2VfUX9xYzAbC"
DEAF = {"/orders/batch": "apply_then_drop", "/orders/cancel": "apply_then_drop", "*": "drop"}


def main() -> None:
    parser = stage.options(
        __doc__, count=10_000, older=5_000, page=100, latency_ms=25, credits=12_000
    )
    given = parser.parse_args()
    with stage.Stage(given, CREDITS_KEYED=given.credits) as site:
        firm = _prepared(site, given)
        site.start(web=False)
        print(
            f"{given.count} cancels of one account, {given.older} older orders, pages of "
            f"{given.page} rows, {given.latency_ms} ms exchange, {site.conditions()}",
            flush=True,
        )
        job = _all_unknown(site, firm, given)
        mark, began = site.paper.ledger()["next"], time.monotonic()
        site.paper.disarm()
        stage.until(lambda: not job.cancels.live().exists(), "outcomes", every_s=0.2)
        took_s = time.monotonic() - began
        _tell(site, firm, job, mark, took_s)


def _prepared(site: stage.Stage, given: argparse.Namespace) -> "Firm":
    from orders.accounts import account_keys
    from orders.reconcile import sync

    firm = site.firm()
    address, agent = firm.account.address, firm.account.agent_keypair.pubkey()
    for order_id in site.paper.orders(address, given.older):
        site.paper.close(order_id)
    amounts = ({"initial_amount": f"0.{n:05d}"} for n in range(1, given.count + 1))
    site.paper.orders(address, list(amounts))
    sync.sync_account(account_id=firm.account.pk)
    site.paper.account(address, agents=[agent], api_key=API_CONFIG_KEY, credits=given.credits)
    account_keys.set_api_config_key(
        account=firm.account,
        api_config_key=API_CONFIG_KEY,
        user=firm.administrator,
        actor=firm.actor(firm.administrator),
    )
    site.paper.rules(latency_ms=given.latency_ms, history_rows=given.page)
    return firm


def _all_unknown(site: stage.Stage, firm: "Firm", given: argparse.Namespace) -> "CancelJob":
    """Run a job until each of its cancels was taken and none of them answered."""
    preview = stage.frozen(firm)
    for route, kind in DEAF.items():
        site.paper.fault(route, kind, times=None)
    job = stage.confirmed(firm, preview)
    unknown = job.cancels.filter(status="unknown")
    stage.until(lambda: unknown.count() == given.count, "all to be unknown", every_s=0.5)
    return job


def _tell(site: stage.Stage, firm: "Firm", job: "CancelJob", mark: int, took_s: float) -> None:
    from orders.pacifica.paper import credits

    entries = site.paper.ledger(since=mark)["requests"]
    routes = [entry["route"] for entry in entries if entry["method"] == "GET"]
    reads = Counter(routes)
    cost = sum(credits.cost_of_read(route, has_key=True) for route in routes)
    outcomes = dict(job.cancels.values_list("order_id", "status"))
    truth = site.paper.truth(firm.account.address)
    false = sum(status != truth[order_id]["order_status"] for order_id, status in outcomes.items())
    print(f"all at rest after {took_s:.1f} s (target 90)")
    print(f"reads: {', '.join(f'{n} of {route}' for route, n in reads.items())}; {cost:g} credits")
    print(f"outcomes that are not what became of the order: {false} of {len(outcomes)}")


if __name__ == "__main__":
    main()
