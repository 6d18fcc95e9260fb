"""What grows with the tables: pages and a sender's steps on a small and on a large database.

    python -m benchmarks.growing [--orders 1000000] [--records 5000000] [--open 5000]
                                 [--less 100] [--times 15]

Makes two scratch databases, one with so many orders and records and one with a hundredth of them,
as many orders open in both. In one process each, and without a web server: each page by Django's
test client, and a click with its delivery, a sync and a settling against the paper exchange.
Medians in ms, and how many times as long the large one takes. ``DATABASE_URL`` names another engine
than SQLite.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from django.test import Client

    from tests.helpers.firm import Firm

WARM = 3  # rounds that are not counted


def main() -> None:
    """Measure both, each in a process of its own; tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--open", type=int, default=5_000)
    parser.add_argument("--less", type=int, default=100, help="times fewer in the small one")
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--part", choices=["one"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        print(json.dumps(_measured(given)))
        return
    small, large = (_asked(given, less) for less in (given.less, 1))
    few, many = (f"{given.orders // less:,} orders" for less in (given.less, 1))
    print(f"{'':26} {few:>16} {many:>16}")
    for name, ms in small.items():
        print(f"{name:26} {ms:13.1f} ms {large[name]:13.1f} ms {large[name] / ms:6.2f}")


def _asked(given: argparse.Namespace, less: int) -> dict[str, float]:
    """Have one database measured by another process; the medians by name."""
    orders, records = given.orders // less, given.records // less
    counts = {"orders": orders, "records": records, "open": min(given.open, orders)}
    words = [f"--{name}={count}" for name, count in counts.items()]
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.growing", "--part=one", *words]
    command += [f"--times={given.times}"]
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    medians: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return medians


def _measured(given: argparse.Namespace) -> dict[str, float]:
    os.environ["SCRATCH_NAME"] = f"growing_{given.orders}_{given.records}"
    from tests.helpers.scratch import scratch_database

    with scratch_database():
        firm = _firm(given)
        acts = [*_pages(firm), *_steps(firm)]
        return {name: _median_ms(act, given.times) for name, act in acts}


def _firm(given: argparse.Namespace) -> "Firm":
    """Return a firm on whose desks there is all that."""
    from django.conf import settings

    from orders.models.prepared import prepare_all
    from tests.helpers.firm import Firm
    from tests.helpers.make_records import bulk_load, make
    from tests.helpers.paper import shared_paper_exchange

    paper = shared_paper_exchange()
    settings.PACIFICA_URL, settings.ALLOWED_HOSTS = paper.url, ["testserver"]
    firm = Firm(paper)
    with bulk_load():
        make(count=given.records, orders=given.orders, are_open=given.open)
    prepare_all()
    return firm


def _pages(firm: "Firm") -> Iterator[tuple[str, Callable[[], object]]]:
    from orders.models import CancelJob, Order
    from tests.helpers.screens import signed_in, url

    head, auditor = signed_in(firm.head), signed_in(firm.auditor)
    order = Order.objects.open().visible_to(firm.head).order_by("pk").first()
    job = CancelJob.objects.visible_to(firm.head).order_by("pk").last()
    assert order and job
    orders, records = url("orders_order_changelist"), url("orders_auditrecord_changelist")
    yield "overview", _get(head, url("index"))
    yield "orders", _get(head, orders)
    since = int(time.time() * 1000)
    yield "orders, page 2", _get(head, orders, p=2, since=since)
    yield "orders by symbol", _get(head, orders, symbol="SOL")
    yield "orders of every state", _get(head, orders, state="every")
    yield "closed orders", _get(head, orders, state="closed")
    yield "closed orders, page 9", _get(head, orders, state="closed", p=9)
    yield "orders by id", _get(head, orders, q=order.order_id)
    yield "an order", _get(head, url("orders_order_change", order.pk))
    yield "unresolved", _get(head, url("orders_cancel_changelist"))
    yield "jobs", _get(head, url("orders_canceljob_changelist"))
    yield "jobs of a person", _get(head, url("orders_canceljob_changelist"), operator="oona")
    yield "a job", _get(head, url("orders_canceljob_change", job.pk))
    yield "accounts", _get(head, url("orders_account_changelist"))
    yield "an account", _get(head, url("orders_account_page", order.account_id))
    quiet = firm.new_account("Quiet", firm.momentum)
    yield "an account without jobs", _get(head, url("orders_account_page", quiet.pk))
    yield "pictures", _get(head, url("pictures"))
    yield "panic", _get(head, url("orders_panicline_pull"))
    yield "discrepancies", _get(head, url("orders_drift_changelist"))
    of_api = {"Authorization": f"Bearer {_secret(firm)}"}
    yield "open orders by the API", _get(head, "/api/v1/orders", headers=of_api)
    yield "records", _get(auditor, records)
    yield "records by symbol", _get(auditor, records, symbol="SOL")
    yield "records of an event", _get(auditor, records, event="login")


def _secret(firm: "Firm") -> str:
    from tests.helpers.tokens import new_token

    secret: str = new_token(firm)[1]
    return secret


def _get(
    client: "Client", path: str, headers: dict[str, str] | None = None, **query: str | int
) -> Callable[[], object]:
    def get() -> None:
        answer = client.get(path, query, headers=headers)
        assert answer.status_code == 200, (path, answer.status_code)

    return get


def _steps(firm: "Firm") -> Iterator[tuple[str, Callable[[], object]]]:
    from django.utils import timezone

    from orders.cancels import requests
    from orders.delivery import worker
    from orders.management import sweep
    from orders.models import Cancel, CancelStatus
    from orders.operations.alerts import watch
    from orders.operations.monitoring import state
    from orders.reconcile import resolve, sync

    account_id, waiting = firm.account.pk, firm.orders(100)
    looks = [duty.asks for duty in sweep.duties() if duty.asks]

    def cancel() -> None:
        about = {"user": firm.operator, "actor": firm.actor()}
        requests.cancel_orders(order_ids=[waiting.pop().pk], **about)
        worker.deliver_account(account_id=account_id)

    def settle() -> None:
        newest = Cancel.objects.filter(account=account_id).order_by("-pk")[:1].values("pk")
        asked = {"status": CancelStatus.UNKNOWN, "next_check_at": timezone.now()}
        Cancel.objects.filter(pk=newest[0]["pk"]).update(**asked)
        resolve.settle_account(account_id=account_id)

    yield "click, claim, sent, proven", cancel
    yield "an unknown one settled", settle
    yield "an account synced", lambda: sync.sync_account(account_id=account_id)
    yield from _panics(firm)
    yield "the sweep's looks", lambda: [look(timezone.now()) for look in looks]
    yield "the alerts' looks", lambda: watch.matters(timezone.now())
    yield "a monitor's figures", lambda: list(state.figures(timezone.now()))


def _panics(firm: "Firm") -> Iterator[tuple[str, Callable[[], object]]]:
    from django.utils import timezone

    from orders.models import Latch
    from orders.panic import decision
    from orders.panic.guard import latches, new_orders
    from tests.helpers.guards import new_guard

    guard = new_guard(firm, hears_orders=True)
    latch = Latch(account=firm.account, set_at=timezone.now())
    accounts, newest = list(firm.momentum.accounts.all()), new_orders.newest(guard)
    yield "a guard's look at orders", lambda: new_orders.hear(guard, newest)
    yield "a latch's look", lambda: latches.appeared(latch).count()
    yield "a panic's symbol", lambda: decision.warned(accounts=accounts, symbol="NEW")
    yield "its spelling", lambda: decision.check_spelling("NEW", firm.momentum)


def _median_ms(act: Callable[[], object], times: int) -> float:
    took = []
    for _ in range(WARM + times):
        began = time.perf_counter()
        act()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took[WARM:])


if __name__ == "__main__":
    main()
