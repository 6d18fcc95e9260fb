"""What guards and panics ask takes no longer however many orders of their accounts are over."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from orders.models import CancelJob, Guard, Latch, Order, PanicLine
from orders.panic import decision
from orders.panic.guard import latches, new_orders
from tests.helpers import counted
from tests.helpers.guards import new_guard
from tests.helpers.screens import known_order
from tests.panic.test_request import pull


def latch(firm, symbol=""):
    """A latch of a panic of half a minute ago, that spared stops."""
    job = CancelJob.objects.first() or pull(firm, keep_stops=True)
    set_at = timezone.now() - timedelta(seconds=30)
    return Latch(account=firm.account, job=job, symbol=symbol, set_at=set_at)


def look(firm):
    """A sweep looks at latches, of which one holds on the account and one on a symbol of it."""
    if not Latch.objects.exists():
        Latch.objects.bulk_create(latch(firm, symbol) for symbol in ("", "BTC"))
        PanicLine.objects.update(status="empty")
    assert len(latches.due(timezone.now())) == 2


ACTS = {
    "what appeared after a halt": lambda firm: latches.appeared(latch(firm)).count(),
    "on a symbol": lambda firm: latches.appeared(latch(firm, "BTC")).count(),
    "a sweep looks at latches": look,
    "a guard looks": lambda firm: new_orders.hear(Guard.objects.get(), _newest()),
    "a symbol is met": lambda firm: decision._met("BTC", firm.momentum),
    "in the wrong case": lambda firm: decision._met("btc", firm.momentum),
    "never met": lambda firm: decision._met("NEW", firm.momentum),
    "warned of": lambda firm: decision.warned(accounts=[firm.account], symbol="NEW"),
}


def _newest():
    return Order.objects.order_by("pk").last().pk


def closed_orders(firm, count):
    """So many of two days ago on the account, and as many on a foreign one."""
    at = timezone.now() - timedelta(days=2)
    times = dict.fromkeys(("first_seen_at", "last_seen_at", "created_at"), at)
    Order.objects.bulk_create(
        Order(
            account=account, order_id=count * 10**6 + number, state="closed", symbol="BTC", **times
        )
        for account in (firm.account, firm.foreign_account)
        for number in range(count)
    )


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite tells what it did")
@pytest.mark.parametrize("name", ACTS)
def test_it_takes_no_longer(firm, name):
    known_order(firm.account, 1)
    new_guard(firm, hears_orders=True)
    work = []
    for count in (30, 900):
        closed_orders(firm, count)
        known_order(firm.account, count)
        for _ in range(3):
            ACTS[name](firm)
        with counted.work() as done:
            ACTS[name](firm)
        work.append(len(done))
    assert work[1] < 1.25 * work[0] + 20, work
