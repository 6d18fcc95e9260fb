"""Server time of a job's page with 10,000 cancels: `python -m benchmarks.job_page`.

In a database of its own that is thrown away. The first paint may take 500 ms, a refresh 50 ms.
"""

import os
import secrets
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from django.contrib.auth.models import User
    from django.test import Client

    from orders.models import Account, CancelJob, Desk, Preview


COUNT, TIMES = 10_000, 20
OUTCOMES = {"cancelled": 7000, "queued": 2500, "gone": 300, "refused": 200}


def main() -> None:
    """Set the database up, look at the pages, tell the times."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DATA_DIR": folder,
            "ENV_FILE": os.devnull,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "LOG_LEVEL": "ERROR",
        }
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/bench.sqlite3")
        import django

        django.setup()
        from django.core.management import call_command
        from django.test.utils import setup_test_environment

        call_command("migrate", verbosity=0)
        setup_test_environment()
        measure()


def measure() -> None:
    """Make three accounts, ten thousand orders, one running job; get every page a few times."""
    from django.contrib.auth import get_user_model
    from solders.keypair import Keypair

    from orders.accounts import provisioning
    from orders.audit import log
    from orders.cancels.bulk import previews
    from orders.models import CancelJob, Desk, Order
    from tests.helpers.screens import signed_in, url

    desk, _ = provisioning.add_desk(name="Bench")
    password = secrets.token_urlsafe(20)
    provisioning.add_operator(name="hannah", desk=desk, role="head", password=password)
    user, desk = get_user_model().objects.get(username="hannah"), Desk.objects.get()
    accounts = [
        provisioning.add_account(name=f"A{n}", desk=desk, address=str(Keypair().pubkey()))[0]
        for n in range(3)
    ]
    place(accounts)
    begin_s = time.perf_counter()
    orders, actor = Order.objects.all(), log.Actor(user.pk, "hannah")
    frozen = previews.of_orders(user=user, actor=actor, orders=orders, words="all of it")[0]
    freeze_s = time.perf_counter() - begin_s
    tell("freeze the set", [(freeze_s, freeze_s)])
    job = run(user, desk, frozen)
    client = signed_in(user)
    for name, address in {
        "preview": url("orders_preview_change", frozen.pk),
        "job page, first paint": url("orders_canceljob_change", job.pk),
        "job page, refresh": url("orders_canceljob_progress", job.pk),
        "refresh of page 200": url("orders_canceljob_progress", job.pk) + "?p=200",
        "refresh, one symbol": url("orders_canceljob_progress", job.pk) + "?symbol=BTC",
        "download": url("orders_canceljob_download", job.pk),
    }.items():
        tell(name, [timed(client, address) for _ in range(TIMES)])
    assert CancelJob.objects.count() == 1


def place(accounts: "list[Account]") -> None:
    """Make orders that only the app knows."""
    from django.utils.timezone import now

    from orders.models import Order

    times = dict.fromkeys(("created_at", "updated_at", "first_seen_at", "last_seen_at"), now())
    about: dict[str, Any] = {
        "symbol": "BTC",
        "side": "bid",
        "order_type": "limit",
        "price": "50000",
    }
    about |= {"price_number": 50_000, "initial_amount": "0.5", "open_amount_number": "0.5"} | times
    rows = (Order(account=accounts[n % 3], order_id=10**11 + n, **about) for n in range(COUNT))
    Order.objects.bulk_create(rows, batch_size=500)


def run(user: "User", desk: "Desk", frozen: "Preview") -> "CancelJob":
    """Make a job of the frozen set in the middle of its way."""
    from django.utils.timezone import now

    from orders.cancels.bulk import frozen_orders
    from orders.models import Cancel, CancelJob

    begun = now()
    job = CancelJob.objects.create(
        desk=desk,
        operator=user,
        operator_name="hannah",
        scope=frozen.scope,
        preview=frozen,
        is_urgent=False,
        created_at=begun - timedelta(seconds=60),
    )
    statuses = [status for status, count in OUTCOMES.items() for _ in range(count)]
    Cancel.objects.bulk_create(
        (
            Cancel(
                job=job,
                account_id=row.account_pk,
                known_order_id=row.order_pk,
                symbol=row.symbol,
                order_id=row.order_id,
                status=status,
                explanation="The exchange accepted the cancel.",
                requested_at=begun,
                first_sent_at=begun,
                concluded_at=None if status == "queued" else begun,
            )
            for row, status in zip(frozen_orders.frozen(frozen), statuses, strict=True)
        ),
        batch_size=500,
    )
    return job


def timed(client: "Client", address: str) -> tuple[float, float]:
    """Measure (wall seconds, CPU seconds) of one answer."""
    wall, cpu = time.perf_counter(), time.process_time()
    answer = client.get(address)
    assert answer.status_code == 200, answer.status_code
    return time.perf_counter() - wall, time.process_time() - cpu


def tell(name: str, times: list[tuple[float, float]]) -> None:
    """Print one line: median, worst, and the CPU's part, in ms.

    ``times``: (wall seconds, CPU seconds) pairs.
    """
    walls, cpus = zip(*times, strict=True)
    sys.stdout.write(
        f"{name:24} median {statistics.median(walls) * 1000:6.0f} ms, worst "
        f"{max(walls) * 1000:6.0f} ms, CPU {statistics.median(cpus) * 1000:6.0f} ms\n"
    )


if __name__ == "__main__":
    main()
