"""The stream process is killed again and again while orders come and go: is anything missing?

    python -m benchmarks.interrupting [--kills 100] [--stale-every 10] [--credits 100000]
                                      [--seed 1] [--database URL]

Orders are placed, filled, edited and cancelled at random at the paper exchange, on two accounts,
without pause. ``manage.py stream`` follows them and is killed (SIGKILL) at a random moment once it
is live; the next one starts then. Its lease is ended by hand, for waiting takes 12 seconds each.
Every ``--stale-every`` kills the exchange's reads show a state 20 seconds old. In the end trading
stops, and every order of the exchange is compared with ours: status and amounts. Told, too: how
many orders only the history could tell of, and what was read.
"""

import argparse
import random
import subprocess
import time
from collections import Counter
from typing import TYPE_CHECKING

from benchmarks import stage

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from tests.helpers.firm import Firm

PATIENCE_S = 180
STALE_MS = 20_000


def main() -> None:
    parser = stage.options(__doc__, kills=100, stale_every=10, credits=100_000, seed=1)
    given = parser.parse_args()
    with stage.Stage(given, CREDITS_KEYLESS=given.credits) as site:
        firm, began = site.firm(), time.monotonic()
        site.kinds = ["stream", "sweep without a stream"]
        site.environment["STREAM"] = "false"
        site.run("manage.py", "sweep")
        site.environment["STREAM"] = "true"
        _trade(site, firm, given)
        stopped = time.monotonic()
        wrong = _until_known(site, firm)
        took_s, since_s = time.monotonic() - began, time.monotonic() - stopped
        print(f"{given.kills} kills in {took_s:.0f} s, seed {given.seed}, {site.conditions()}")
        _tell(site, firm, wrong, since_s)
        if wrong:
            raise SystemExit(1)


def _trade(site: stage.Stage, firm: "Firm", given: argparse.Namespace) -> None:
    """Kill the process so many times meanwhile; the last one lives."""
    from tests.helpers.trading import Trading

    chance = random.Random(given.seed)
    addresses = [firm.account.address, firm.foreign_account.address]
    process = site.run("manage.py", "stream")
    with Trading(site.paper, addresses, seed=given.seed):
        for number in range(1, given.kills + 1):
            stage.until_live(firm)
            time.sleep(chance.random())
            if number % given.stale_every == 0:
                site.paper.fault("*", "stale_reads", for_ms=STALE_MS, history=True)
            _kill(process)
            process = site.run("manage.py", "stream")
        stage.until_live(firm)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    from django.utils.timezone import now

    from orders.models import AccountStream

    process.kill()
    process.wait()
    AccountStream.objects.update(leased_until=now())


def _until_known(site: stage.Stage, firm: "Firm") -> dict[int, object]:
    """Wait until every order is known as it is; return those that are not."""
    from tests.helpers.trading import unknown

    accounts = [firm.account, firm.foreign_account]
    ends_at, wrong = time.monotonic() + PATIENCE_S, dict[int, object]()
    while time.monotonic() < ends_at:
        wrong = unknown(site.paper, accounts)
        if not wrong:
            break
        time.sleep(0.5)
    return wrong


def _tell(site: stage.Stage, firm: "Firm", wrong: dict[int, object], since_s: float) -> None:
    from orders.models import AuditRecordOrder, Order

    truth = site.paper.truth()
    events = sum(len(order["events"]) for order in truth.values())
    lines = AuditRecordOrder.objects.values_list("order_id", "record__event", "outcome")
    told: dict[int | None, set[str]] = {}
    for order_id, event, outcome in lines:
        told.setdefault(order_id, set()).add("stream" if event == "stream" else outcome)
    alone = sum(kinds == {"closed"} for kinds in told.values())
    reads = Counter(entry["route"] for entry in site.paper.requests())
    print(f"orders: {len(truth)}, events: {events}; in our rows: {Order.objects.count()}")
    print(f"orders that the history alone told of: {alone}")
    print(f"reads: {', '.join(f'{count} of {route}' for route, count in sorted(reads.items()))}")
    print(f"all known {since_s:.1f} s after the last order came and went")
    print(f"not known as they are: {len(wrong)} {dict(list(wrong.items())[:5]) if wrong else ''}")


if __name__ == "__main__":
    main()
