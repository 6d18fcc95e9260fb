"""How surely and how soon a bot's silence is answered.

    python -m benchmarks.guarding [--part firings] [--firings 5] [--accounts 20] [--count 500]
                                  [--latency-ms 25] [--database URL]
    python -m benchmarks.guarding --part silences [--armings 10000] [--guards 40] [--minutes 0]
                                  [--database URL]

*firings*: two sweeps, no web, no workers, a broker that does not answer unless one is named, as
``embedded://`` is, with which the sweeps follow the stream on SQLite. A guard on a desk of 20
accounts with 500 open orders each falls silent. From its last beat to the arrival of the last
cancel-all at the exchange, by the exchange's own ledger, and to the last account seen empty, each
less the time to live of one second. The targets are p95 of 250 ms and 1.5 s.

*silences*: an hour at a tenfold pace: guards of one second are armed, beat, fall silent, are
disarmed or beat late, while two processes look, are killed by turns and together, and the
database's clock jumps to and fro. Jumps are made by moving what was dated before: to whoever reads
the database that is the same. Each silence must fire, once, and nothing else may.
"""

import argparse
import time
from typing import TYPE_CHECKING

from benchmarks import silences, stage
from benchmarks.silences import TTL_S

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from orders.models import Account, Guard
    from tests.helpers.firm import Firm

SETTLED_S = 15  # a desk's sweeps have been up for a while
NO_BROKER = "redis://127.0.0.1:9/0"  # nothing listens on the discard port


def main() -> None:
    parser = stage.options(
        __doc__, firings=5, accounts=20, count=500, latency_ms=25, armings=10000, guards=40, seed=1
    )
    parser.add_argument("--minutes", type=float, default=0, help="end sooner; 0: after all armings")
    parser.add_argument("--part", choices=["firings", "silences", "look"], default="firings")
    given = parser.parse_args()
    {"firings": _firings, "silences": silences.run, "look": silences.look}[given.part](given)


def _firings(given: argparse.Namespace) -> None:
    given.broker = given.broker or NO_BROKER
    with stage.Stage(given) as site:
        firm = site.firm()
        more = given.accounts - 1
        accounts = [firm.account]
        accounts += [firm.new_account(f"Book {n}", firm.momentum) for n in range(more)]
        site.start(workers={}, web=False)
        site.run("manage.py", "sweep")
        stage.await_senders(2)
        site.kinds.append("another sweep")
        time.sleep(SETTLED_S)
        print(
            f"{given.firings} firings, {given.accounts} accounts, {given.count} orders each, "
            f"{given.latency_ms} ms exchange, {site.conditions()}",
            flush=True,
        )
        guard = silences.guard(firm, "whole-desk")
        fired = [_fired(site, firm, guard, accounts, given) for _ in range(given.firings)]
    print("time to live to the last cancel-all:", stage.told([one[0] for one in fired]))
    every = [ms for one in fired for ms in one[1]]
    print("the same of every account:", stage.told(every), "(p95 target 250)")
    print("time to live to the last book seen empty:", stage.told([one[2] for one in fired]))


def _fired(
    site: stage.Stage,
    firm: "Firm",
    guard: "Guard",
    accounts: "list[Account]",
    given: argparse.Namespace,
) -> tuple[float, list[float], float]:
    """Let the guard fall silent; ms from its time to live on: last, each, seen empty."""
    from orders.models import CancelJob, Guard, Order
    from orders.panic.guard import arming

    stage.until(lambda: not Order.objects.open().exists(), "the orders of before, read as over")
    site.paper.rules(latency_ms=0)
    for account in accounts:
        firm.orders(given.count, account=account)
    site.paper.rules(latency_ms=given.latency_ms)
    mark = site.paper.ledger()["next"]
    arming.arm(user=firm.operator, actor=firm.actor(), guard_id=guard.pk)
    time.sleep(0.5)
    silent_ms = time.time() * 1000
    arming.beat(desk_id=guard.desk_id, guard_id=guard.pk)
    stage.until(lambda: Guard.objects.filter(status="fired").exists(), "a firing")
    job = CancelJob.objects.filter(is_panic=True).latest("created_at")
    stage.until(lambda: not job.panic_lines.unfinished().exists(), "the panic's end")
    entries = site.paper.ledger(since=mark)["requests"]
    alls = {e["account"]: e["at_ms"] for e in entries if e["route"] == "/orders/cancel_all"}
    since_ms = silent_ms + TTL_S * 1000
    ends = list(job.panic_lines.values_list("seen_empty_at", flat=True))
    empty_ms = max(end.timestamp() * 1000 for end in ends if end is not None) - since_ms
    each = [at_ms - since_ms for at_ms in alls.values()]
    return max(each), each, empty_ms


if __name__ == "__main__":
    main()
