"""Whether a bulk job keeps within a small purse, and whether its preview said how long it takes.

    python -m benchmarks.purse [--count 10000] [--credits 300] [--times 8] [--latency-ms 25]
                               [--database URL] [--broker URL]

An account with an API config key and 300 credits a minute, by the exchange's real rules (half a
credit a cancel, a rolling window, ratelimit headers). A minute is made 7.5 seconds on both sides:
in the exchange by its rule, in the senders by `benchmarks.fast`. Sending is not made faster, so it
weighs eight times what it really does. While the job runs, an urgent cancel is asked for in every
window. Told from the exchange's own ledger: answers of 429, the least
that was left in any window by what bulk and reads had spent, and the job's time against the
preview's estimate; the estimate is to be right within a tenth, the reserve (a fifth) untouched.
"""

import argparse
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmarks import stage

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from orders.models import Order, Preview
    from tests.helpers.firm import Firm

Entry = dict[str, Any]  # a request in the exchange's ledger
API_CONFIG_KEY = "benchmrk_2VfUX9xYzAbC"
MINUTE_S = 60
BULK_ROUTE = "/orders/batch"


def main() -> None:
    parser = stage.options(__doc__, count=10_000, credits=300, times=8, latency_ms=25)
    given = parser.parse_args()
    with stage.Stage(given, CREDITS_KEYED=given.credits) as site:
        firm, urgent, preview = _prepared(site, given)
        for kind in ("worker", "sweep"):
            site.run("-m", "benchmarks.fast", str(given.times), kind)
        stage.await_senders(2)
        site.kinds = ["one worker, one sweep"]
        print(
            f"{given.count} cancels, {given.credits} credits a minute, time {given.times} times as "
            f"fast, {given.latency_ms} ms exchange, {site.conditions()}",
            flush=True,
        )
        estimated_s = _estimate(preview)
        mark = site.paper.ledger()["next"]
        took_s = _run(firm, urgent, preview, given)
        _tell(site, given, mark, firm.account.address, urgent, estimated_s, took_s * given.times)


def _prepared(
    site: stage.Stage, given: argparse.Namespace
) -> "tuple[Firm, Sequence[Order], Preview]":
    """Set up the firm, orders to click on meanwhile, and the preview of all the others."""
    from orders.accounts import account_keys

    firm = site.firm()
    firm.orders(given.count)
    urgent = firm.orders(40, symbol="ETH")
    address, agent = firm.account.address, firm.account.agent_keypair.pubkey()
    site.paper.account(address, agents=[agent], api_key=API_CONFIG_KEY, credits=given.credits)
    window_s = MINUTE_S / given.times
    site.paper.rules(latency_ms=given.latency_ms, credit_window_s=window_s)
    account_keys.set_api_config_key(
        account=firm.account,
        api_config_key=API_CONFIG_KEY,
        user=firm.administrator,
        actor=firm.actor(firm.administrator),
    )
    return firm, urgent, stage.frozen(firm, symbols=("BTC",))


def _estimate(preview: "Preview") -> float:
    """Return what the preview's page says, in seconds of the purse."""
    from orders.cancels.bulk import estimate

    return estimate.plan(preview).estimated_s


def _run(
    firm: "Firm", urgent: "Sequence[Order]", preview: "Preview", given: argparse.Namespace
) -> float:
    """Run the job, and ask for an urgent cancel in each window.

    Returns the seconds from the confirmation to the last cancel at rest.
    """
    from orders.cancels import requests

    job, orders, next_at = stage.confirmed(firm, preview), iter(urgent), time.monotonic()
    while job.cancels.live().exists():
        if time.monotonic() >= next_at:
            next_at += MINUTE_S / given.times
            ids = [next(orders).pk]
            requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)
        time.sleep(0.1)
    ended_at = job.cancels.latest("concluded_at").concluded_at
    assert ended_at is not None  # none of them is live any more
    return (ended_at - job.created_at).total_seconds()


def _tell(
    site: stage.Stage,
    given: argparse.Namespace,
    mark: int,
    address: str,
    urgent: "Sequence[Order]",
    estimated_s: float,
    took_s: float,
) -> None:
    entries = site.paper.ledger(since=mark)["requests"]
    paid = [entry for entry in entries if _is_paid(entry, address)]
    throttled = sum(entry["status"] == 429 for entry in paid)
    clicked, reserve = {order.order_id for order in urgent}, given.credits / 5
    clicks = [entry for entry in paid if clicked.intersection(entry["order_ids"])]
    left, parts = _least_left([entry for entry in paid if entry not in clicks], given)
    off = (took_s - estimated_s) / estimated_s * 100
    print(f"answers of 429: {throttled} of {len(paid)} requests")
    print(f"urgent cancels meanwhile: {len(clicks)}, taken {_taken(clicks)}")
    print(f"least left in any window: {left:g} of {given.credits} credits, reserve {reserve:g}")
    print(
        f"spent in that window: {', '.join(f'{name} {spent:g}' for name, spent in parts.items())}"
    )
    print(f"took {took_s:.0f} s of the purse, estimated {estimated_s:.0f} s: {off:+.1f} %")


def _is_paid(entry: Entry, address: str) -> bool:
    """Whether a request is charged to this account's purse: the desk's others are read, too."""
    return entry["account"] in {address, None}


def _taken(entries: list[Entry]) -> int:
    return sum(entry["verdict"] == "accepted" for entry in entries)


def _least_left(entries: list[Entry], given: argparse.Namespace) -> tuple[float, dict[str, float]]:
    """Return what these leave of the quota in the fullest window, and what was spent there.

    Times are the ledger's; credits spent are by route.
    """
    window_ms, least = MINUTE_S / given.times * 1000, float(given.credits)
    parts: dict[str, float] = {}
    charges: deque[tuple[float, str, float]] = deque()  # (ms since the epoch, route, credits)
    spent: dict[str, float] = defaultdict(float)
    for entry in entries:
        while charges and charges[0][0] <= entry["at_ms"] - window_ms:
            _, route, cost = charges.popleft()
            spent[route] -= cost
        charges.append((entry["at_ms"], entry["route"], _cost(entry)))
        spent[entry["route"]] += _cost(entry)
        if given.credits - sum(spent.values()) < least:
            least, parts = given.credits - sum(spent.values()), dict(spent)
    return least, parts


def _cost(entry: Entry) -> float:
    """Return a request's credits as the exchange's documentation says.

    See orders/pacifica/paper/credits.py.
    """
    from orders.pacifica.paper import credits

    if entry["method"] == "GET":
        return credits.cost_of_read(entry["route"], has_key=True)
    if entry["route"] == BULK_ROUTE:
        return max(credits.ORDINARY, credits.CANCEL * len(entry["order_ids"]))
    return credits.cost_of_action(entry["route"])


if __name__ == "__main__":
    main()
