"""How soon an order that appears on a latched account is cancelled, and whether the purse holds.

    python -m benchmarks.latching [--count 1000] [--per-s 20] [--credits 0] [--latency-ms 25]
                                  [--broker URL] [--database URL]

A panic latches an account, whose bot lives on: it places so many orders a second at the paper
exchange. From when the stream's order is in our database to when its cancel arrives at the
exchange, by the exchange's own ledger; the target is one second for each. ``--credits``: of a keyed
account a minute; the latch then cancels as far as they go, and no answer may be a 429.
"""

import argparse
import time
from typing import TYPE_CHECKING

from benchmarks import stage

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from tests.helpers.firm import Firm

API_CONFIG_KEY = "benchmrk_2VfUX9xYzAbC"
ROUTES = ("/orders/cancel", "/orders/batch")


def main() -> None:
    parser = stage.options(__doc__, count=1000, per_s=20, credits=0, latency_ms=25)
    given = parser.parse_args()
    with stage.Stage(given, CREDITS_KEYED=given.credits or 300) as site:
        firm = site.firm()
        if given.credits:
            _limit(site, firm, given.credits)
        site.start(web=False)
        if given.database:
            site.run("manage.py", "stream")
            site.kinds.append("stream")
        stage.until_live(firm)
        _halt(firm)
        site.paper.rules(latency_ms=given.latency_ms)
        print(
            f"{given.count} orders, {given.per_s} a second, {given.credits or 'free'} credits, "
            f"{given.latency_ms} ms exchange, {site.conditions()}",
            flush=True,
        )
        mark = site.paper.ledger()["next"]
        ids = _placed(site, firm, given)
        _tell(site, mark, ids)


def _limit(site: stage.Stage, firm: "Firm", credits: int) -> None:
    """Have the exchange count credits, by an API config key."""
    from orders.accounts import account_keys

    address, agent = firm.account.address, firm.account.agent_keypair.pubkey()
    site.paper.account(address, agents=[agent], api_key=API_CONFIG_KEY, credits=credits)
    account_keys.set_api_config_key(
        account=firm.account,
        api_config_key=API_CONFIG_KEY,
        user=firm.administrator,
        actor=firm.actor(firm.administrator),
    )


def _halt(firm: "Firm") -> None:
    """Pull a panic on an empty account of a desk that cancels what appears."""
    from orders.models import Latch
    from orders.panic import decision

    firm.momentum.latch_mode = "cancel"
    firm.momentum.save()
    job = decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    stage.until(lambda: not job.panic_lines.unfinished().exists(), "the panic's end")
    assert Latch.objects.holding().exists()


def _placed(site: stage.Stage, firm: "Firm", given: argparse.Namespace) -> list[int]:
    """Place orders at an even pace; their ids."""
    ids: list[int] = []
    began = time.monotonic()
    for number in range(given.count):
        time.sleep(max(0, began + number / given.per_s - time.monotonic()))
        ids += site.paper.orders(firm.account.address, 1)
    return ids


def _tell(site: stage.Stage, mark: int, ids: list[int]) -> None:
    from orders.models import Cancel, Order

    cancels = Cancel.objects.filter(order_id__in=ids)
    over = cancels.filter(status="cancelled")
    stage.until(lambda: over.count() == len(ids), "every cancel's end", every_s=0.5)
    entries = site.paper.ledger(since=mark)["requests"]
    sent = {
        order_id: entry["at_ms"]
        for entry in reversed(entries)
        if entry["route"] in ROUTES
        for order_id in entry["order_ids"]
    }
    seen = dict(Order.objects.filter(order_id__in=ids).values_list("order_id", "first_seen_at"))
    took = [sent[one] - seen[one].timestamp() * 1000 for one in ids]
    asked = dict(cancels.values_list("order_id", "requested_at"))
    recorded = [(asked[one] - seen[one]).total_seconds() * 1000 for one in ids]
    print("seen to recorded:", stage.told(recorded))
    print("seen to its cancel at the exchange:", stage.told(took), "(each at most 1000)")
    limited = sum(entry["status"] == 429 for entry in entries)
    print(f"{len(entries)} requests, {limited} of them answered 429, {cancels.count()} cancels")


if __name__ == "__main__":
    main()
