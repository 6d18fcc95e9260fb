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

import time
from collections import Counter, deque
from typing import Any

from benchmarks import stage
from orders.models import Preview
from orders.pacifica.paper.request_handler import Asked

API_CONFIG_KEY = "benchmrk_2VfUX9xYzAbC"
MINUTE_S = 60
BULK_ROUTE = "/orders/batch"


def main() -> None:
    defaults: dict[str, Any] = {"count": 10_000, "credits": 300, "times": 8, "latency_ms": 25}
    given = stage.options(__doc__, **defaults).parse_args()
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
        estimated_s = _estimate(preview, given)
        mark = site.paper.ledger()["next"]
        took_s = _run(firm, urgent, preview, given)
        _tell(site, given, mark, firm.account.address, urgent, estimated_s, took_s * given.times)


def _prepared(site, given):
    """The firm, orders to click on meanwhile, and the preview of all the others."""
    from orders.accounts import provisioning

    firm = site.firm()
    firm.orders(given.count)
    urgent = firm.orders(40, symbol="ETH")
    keyed: dict[str, Any] = {"api_key": API_CONFIG_KEY, "credits": given.credits}
    address, agent = firm.account.address, firm.account.agent_keypair.pubkey()
    site.paper.account(address, agents=[agent], **keyed)
    window_s = MINUTE_S / given.times
    site.paper.rules(latency_ms=given.latency_ms, credit_window_s=window_s)
    about: dict[str, Any] = {"actor": firm.actor(firm.administrator), "user": firm.administrator}
    provisioning.set_api_config_key(account=firm.account, api_config_key=API_CONFIG_KEY, **about)
    return firm, urgent, stage.frozen(firm, symbols=("BTC",))


def _estimate(preview: Preview, given):
    """What the preview's page says, in seconds of the purse."""
    from orders.cancels.bulk import estimate

    return estimate.plan(preview).estimated_s


def _run(firm, urgent, preview: Preview, given) -> float:
    """Seconds from the confirmation to the last cancel at rest; an urgent cancel in each window."""
    from orders.cancels import requests

    job, orders, next_at = stage.confirmed(firm, preview), iter(urgent), time.monotonic()
    while job.cancels.live().exists():
        if time.monotonic() >= next_at:
            next_at += MINUTE_S / given.times
            ids = [next(orders).pk]
            requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)
        time.sleep(0.1)
    ended_at = max(job.cancels.values_list("concluded_at", flat=True))
    return (ended_at - job.created_at).total_seconds()


def _tell(site, given, mark, address: str, urgent, estimated_s, took_s) -> None:
    asked = [one for one in site.paper.ledger(since=mark)["requests"] if _is_paid(one, address)]
    throttled = sum(one["status"] == 429 for one in asked)
    clicked, reserve = {order.order_id for order in urgent}, given.credits / 5
    clicks = [one for one in asked if clicked.intersection(one["order_ids"])]
    left, parts = _least_left([one for one in asked if one not in clicks], given)
    off = (took_s - estimated_s) / estimated_s * 100
    print(f"answers of 429: {throttled} of {len(asked)} requests")
    print(f"urgent cancels meanwhile: {len(clicks)}, taken {_taken(clicks)}")
    print(f"least left in any window: {left:g} of {given.credits} credits, reserve {reserve:g}")
    print(
        f"spent in that window: {', '.join(f'{name} {spent:g}' for name, spent in parts.items())}"
    )
    print(f"took {took_s:.0f} s of the purse, estimated {estimated_s:.0f} s: {off:+.1f} %")


def _is_paid(one, address: str) -> bool:
    """Whether it is charged to this account's purse: the desk's other accounts are read, too."""
    return one["account"] in {address, None}


def _taken(asked: Asked):
    return sum(one["verdict"] == "accepted" for one in asked)


def _least_left(asked: Asked, given):
    """Quota less what these cost in the fullest window, by the ledger's times; what that was."""
    window_ms, least, parts = MINUTE_S / given.times * 1000, float(given.credits), {}
    charges, spent = deque(), Counter()
    for one in asked:
        while charges and charges[0][0] <= one["at_ms"] - window_ms:
            _, name, cost = charges.popleft()
            spent[name] -= cost
        charges.append((one["at_ms"], one["route"], _cost(one)))
        spent[one["route"]] += _cost(one)
        if given.credits - spent.total() < least:
            least, parts = given.credits - spent.total(), dict(spent)
    return least, parts


def _cost(one):
    """As the exchange's documentation says; see orders/pacifica/paper/credits.py."""
    from orders.pacifica.paper import credits

    if one["method"] == "GET":
        return credits.cost_of_read(one["route"], has_key=True)
    if one["route"] == BULK_ROUTE:
        return max(credits.ORDINARY, credits.CANCEL * len(one["order_ids"]))
    return credits.cost_of_action(one["route"])


if __name__ == "__main__":
    main()
