"""What goes on being wrong is in the log files: once, again after long, and when it is over."""

import logging

import pytest
from django.utils import timezone

from desk import repeated_warnings
from orders.cancels import requests
from orders.delivery import worker
from orders.management.commands import watch
from orders.models import Sender
from orders.operations.alerts import watch as alert_watch
from orders.reconcile import sync


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch):
    for module, name in (
        (alert_watch, "standing"),
        (worker, "failing"),
        (sync, "unread"),
        (watch, "nobody"),
    ):
        fresh = repeated_warnings.Matters(logging.getLogger(module.__name__))
        monkeypatch.setattr(module, name, fresh)


def warnings_of(caplog):
    return [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]


def test_a_matter_is_told_once_again_after_long_and_when_it_is_over(caplog):
    seconds = [0]
    some = repeated_warnings.Matters(logging.getLogger("x"), clock=lambda: seconds[0])
    for at in (0, 1, 3599, 3600, 3601):
        seconds[0] = at
        some.wrong("a", "The book\nof Alpha.")
    some.over("a", "Over.")
    some.over("a", "Over.")
    told = "The book\N{REPLACEMENT CHARACTER}of Alpha."
    assert warnings_of(caplog) == [told, f"{told} (still)", "Over."]


def test_a_sync_that_fails_is_in_the_log_file_once_and_again_when_it_goes(firm, caplog):
    firm.paper.fault("/orders", "status", status=500, times=2)
    for _ in range(3):
        sync.sync_account(account_id=firm.account.pk)
    begun, over = [one for one in warnings_of(caplog) if "The open orders" in one]
    assert begun.startswith("The open orders of Alpha could not be read: ")
    assert over == "The open orders of Alpha are read again."


def test_attempts_that_fail_are_in_the_log_file_once(firm, caplog):
    ids = [order.pk for order in firm.orders(2)]
    firm.paper.fault("/orders/cancel", "status", status=500, times=2)
    for pk in ids:
        requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[pk])
        worker.deliver_account(account_id=firm.account.pk)
    (told,) = [one for one in warnings_of(caplog) if "did not get through" in one]
    assert told.startswith("Alpha: 1 cancel did not get through: ")


def test_that_nobody_is_sending_is_in_the_log_file_once(firm, caplog):
    order = firm.order()
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    for _ in range(2):
        alert_watch.watch(timezone.now())
    (told,) = [one for one in warnings_of(caplog) if "Nothing is sending" in one]
    assert "no sender is alive" in told


def test_one_round_of_watch_says_that_nobody_is_alive_and_exits_1(firm, run):
    code, _, err = run("watch", "--once")
    assert (code, "no sender is alive" in err) == (1, True)
    now = timezone.now()
    Sender.objects.create(name="sweep", kind="sweep", started_at=now, seen_at=now)
    assert run("watch", "--once")[0] == 0
