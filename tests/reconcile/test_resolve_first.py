"""A new sender settles an account's open questions before it sends new bulk work for it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.cancels import requests
from orders.delivery import worker
from orders.lifecycle import wakeups
from orders.management import sweep
from orders.models import Cancel, CancelStatus
from orders.reconcile import check_leases, resolve
from tests.helpers.claims import claim


@pytest.fixture(autouse=True)
def bulk_from_two_up(settings):
    settings.URGENT_UP_TO = 1


@pytest.fixture
def woken(monkeypatch):
    """What was woken: ("deliver", is_urgent) or ("settle", None), in order."""
    seen = []
    note = lambda *, is_urgent, **_: seen.append(("deliver", is_urgent))  # noqa: E731
    monkeypatch.setattr(wakeups, "deliver", note)
    monkeypatch.setattr(wakeups, "settle", lambda **_: seen.append(("settle", None)))
    return seen


def now(seconds=0):
    return timezone.now() + timedelta(seconds=seconds)


def ask(firm, count):
    ids = [order.pk for order in firm.orders(count)]
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)


def deliver(firm):
    worker.deliver_account(account_id=firm.account.pk)


def settle(firm, after_s=1.5):
    resolve.settle_account(account_id=firm.account.pk, clock=lambda: now(after_s))


def lose_an_answer(firm):
    """One cancel whose answer was lost, left open by a sender that has stopped since."""
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    ask(firm, 1)
    deliver(firm)
    Cancel.objects.update(sent_at=now(-20), first_sent_at=now(-20))


def start_a_sender(monkeypatch, seconds_ago=0):
    monkeypatch.setattr(worker, "STARTED_AT", now(-seconds_ago))


def queued(**filters):
    return Cancel.objects.filter(status=CancelStatus.QUEUED, **filters).count()


def test_bulk_waits_for_a_first_look_at_what_an_earlier_sender_left_open(firm, monkeypatch, woken):
    lose_an_answer(firm)
    start_a_sender(monkeypatch)
    ask(firm, 3)
    woken.clear()
    deliver(firm)
    assert (queued(), woken) == (3, [("settle", None)])
    settle(firm)
    assert woken[-1] == ("deliver", False)
    deliver(firm)
    assert set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.CANCELLED}


def test_a_look_that_only_just_began_is_none_yet(firm, monkeypatch):
    lose_an_answer(firm)
    start_a_sender(monkeypatch)
    ask(firm, 2)
    check_leases.lease_due(account_id=firm.account.pk, now=now(1.5), is_twap=False)
    deliver(firm)
    assert queued() == 2


def test_bulk_waits_for_a_dead_senders_expired_claims_too(firm, monkeypatch):
    ask(firm, 1)
    chunk = claim(account_id=firm.account.pk, now=now(-60))
    pairs, _ = worker.sign(chunk, now())
    worker.record_requests(worker.packets.packed(pairs), now(-60))
    start_a_sender(monkeypatch)
    ask(firm, 2)
    deliver(firm)
    assert queued() == 2
    sweep.recover_abandoned(now())
    deliver(firm)
    assert queued() == 2
    settle(firm)
    deliver(firm)
    assert queued(is_urgent=False) == 0


def test_an_exchange_that_cannot_be_asked_holds_bulk_back_only_once(firm, monkeypatch):
    lose_an_answer(firm)
    start_a_sender(monkeypatch)
    ask(firm, 2)
    firm.paper.fault("/orders", "status", status=500)
    settle(firm)
    assert Cancel.objects.filter(status=CancelStatus.UNKNOWN).exists()
    deliver(firm)
    assert queued() == 0


def test_bulk_does_not_wait_for_ever_where_nobody_settles(firm, monkeypatch):
    lose_an_answer(firm)
    start_a_sender(monkeypatch, seconds_ago=10)
    ask(firm, 2)
    deliver(firm)
    assert queued() == 2
    worker.deliver_account(account_id=firm.account.pk, clock=lambda: now(51))
    assert queued() == 0


def test_an_urgent_cancel_and_other_accounts_do_not_wait(firm, monkeypatch):
    lose_an_answer(firm)
    start_a_sender(monkeypatch)
    other = firm.new_account("Beta", firm.momentum)
    ids = [order.pk for order in firm.orders(2, account=other)]
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)
    ask(firm, 1)
    deliver(firm)
    worker.deliver_account(account_id=other.pk)
    assert queued() == 0


def test_bulk_does_not_wait_for_what_this_very_sender_left_open(firm, monkeypatch):
    start_a_sender(monkeypatch, seconds_ago=30)
    lose_an_answer(firm)
    ask(firm, 2)
    deliver(firm)
    assert queued() == 0
