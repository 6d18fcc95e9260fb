"""The sweep: everything that is due, without a broker."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from orders.accounts import wallet_check
from orders.cancels import requests
from orders.delivery import batches, packets, worker
from orders.management import sweep as orders_sweep
from orders.management.duty_threads import Duty, Sweep
from orders.models import (
    Account,
    AgentWallet,
    AuditRecord,
    Cancel,
    CancelStatus,
    Event,
    Sender,
)
from orders.reconcile import resolve, sync
from tests.helpers.claims import claim


def ask(firm, *orders):
    ids = [order.pk for order in orders]
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)


def now(seconds=0):
    return timezone.now() + timedelta(seconds=seconds)


def test_the_sweep_delivers_what_no_worker_was_woken_for(firm):
    ask(firm, firm.order())
    orders_sweep.deliver_overdue(now(2))
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


@pytest.mark.parametrize("duty", [orders_sweep.deliver_overdue, orders_sweep.recover_abandoned])
def test_a_round_with_nothing_to_do_opens_no_transaction(firm, duty, monkeypatch):
    """On SQLite each would hold up whoever writes, several times a second."""
    ask(firm, firm.order())

    def opened(*given):
        raise AssertionError

    monkeypatch.setattr(transaction, "atomic", opened)
    duty(now())


def test_the_sweep_leaves_a_fresh_cancel_to_its_worker(firm):
    ask(firm, firm.order())
    orders_sweep.deliver_overdue(now())
    assert Cancel.objects.get().status == CancelStatus.QUEUED


def test_a_cancel_never_sent_in_time_expires_loudly(firm):
    ask(firm, firm.order())
    Cancel.objects.update(not_before_at=now(9999))
    orders_sweep.deliver_overdue(now(601))
    cancel = Cancel.objects.get()
    assert cancel.status == CancelStatus.EXPIRED
    assert "Never sent" in cancel.explanation
    assert AuditRecord.objects.filter(event=Event.OUTCOME, outcome="expired").exists()
    assert not firm.paper.requests("/orders/cancel")


def test_a_claim_whose_sender_died_before_recording_goes_back_to_the_queue(firm):
    ask(firm, firm.order())
    claim(account_id=firm.account.pk, now=now())
    orders_sweep.recover_abandoned(now(1))
    assert Cancel.objects.get().status == CancelStatus.SENDING
    orders_sweep.recover_abandoned(now(31))
    assert Cancel.objects.get().status == CancelStatus.QUEUED
    assert AuditRecord.objects.filter(event=Event.SENDER_LOST).count() == 1


def test_a_claim_whose_sender_died_after_recording_is_unknown_and_then_settled(firm):
    order = firm.order()
    ask(firm, order)
    chunk = claim(account_id=firm.account.pk, now=now())
    pairs, _ = worker.sign(chunk, now())
    packs = worker.record_requests(packets.packed(pairs), now())
    batches.send(packs, timezone.now, lambda: False)  # sent; the sender dies before concluding
    orders_sweep.recover_abandoned(now(31))
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    orders_sweep.settle_due(now(32))
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    Cancel.objects.update(next_check_at=now())
    orders_sweep.settle_due(now())
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


def test_the_sweep_syncs_what_is_due_and_leaves_the_rest(firm):
    firm.paper.orders(firm.account.address, 1)
    orders_sweep.sync_due(now())
    assert firm.account.orders.count() == 1
    firm.paper.orders(firm.account.address, 1)
    orders_sweep.sync_due(now())
    assert firm.account.orders.count() == 1


def test_a_deactivated_account_is_not_synced(firm):
    Account.objects.update(is_active=False)
    orders_sweep.sync_due(now())
    assert not firm.paper.requests("/orders")


def test_a_sender_is_fresh_for_fifteen_seconds(db):
    orders_sweep.beat("sweep", now())
    assert Sender.objects.fresh(now(14)).count() == 1
    assert not Sender.objects.fresh(now(16)).exists()
    orders_sweep.beat("sweep", now(20))
    assert Sender.objects.count() == 1


def test_nothing_is_asked_beside_guards_and_panics():
    """What takes long there would keep a guard from firing."""
    urgent = [duty for duty in orders_sweep.duties() if duty.is_urgent]
    assert [duty.name for duty in urgent] == ["panic", "guard"]
    assert [duty.name for duty in urgent if duty.asks] == ["panic"]


def test_one_failing_duty_stops_no_other(committing_firm):
    import threading

    done = threading.Event()

    def fail(moment):
        raise RuntimeError

    sweep = Sweep(
        [
            Duty("fail", fail, 0.01),
            Duty("work", lambda moment: done.set(), 0.01),
        ]
    )
    sweep.start()
    assert done.wait(5)
    sweep.stop()


def test_two_sweeps_send_each_cancel_once(committing_firm):
    firm = committing_firm
    ask(firm, *firm.orders(20))
    Cancel.objects.update(requested_at=now(-5))
    sweeps = [Sweep([Duty("deliver", orders_sweep.deliver_overdue, 0.05)]) for _ in "12"]
    for sweep in sweeps:
        sweep.start()
    deadline = now(20)
    while Cancel.objects.live().exists() and now() < deadline:
        pass
    for sweep in sweeps:
        sweep.stop()
    assert set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.CANCELLED}
    batches = firm.paper.requests("/orders/batch")
    sent = [order_id for one in batches for order_id in one["order_ids"]]
    assert len(sent) == len(set(sent)) == 20


@pytest.mark.parametrize("seconds", [0, 1, 29])
def test_a_live_lease_is_left_alone(firm, seconds):
    ask(firm, firm.order())
    claim(account_id=firm.account.pk, now=now())
    orders_sweep.recover_abandoned(now(seconds))
    assert Cancel.objects.get().status == CancelStatus.SENDING


@pytest.mark.parametrize(
    ("owner", "name", "duty"),
    [
        (worker, "deliver_account", orders_sweep.deliver_overdue),
        (resolve, "settle_account", orders_sweep.settle_due),
        (sync, "sync_account", orders_sweep.sync_due),
        (wallet_check, "probe", orders_sweep.probe_overdue),
    ],
    ids=["deliver", "settle", "sync", "probe"],
)
def test_one_poisoned_account_does_not_starve_those_behind_it(
    firm, monkeypatch, caplog, owner, name, duty
):
    second = firm.new_account("Beta", firm.momentum)
    ask(firm, *firm.orders(1), *firm.orders(1, account=second))
    if duty is orders_sweep.settle_due:
        Cancel.objects.update(status=CancelStatus.UNKNOWN, next_check_at=now())
    AgentWallet.objects.update(test_asked_at=now())
    Account.objects.update(sync_started_at=None)
    done = []

    def act(**about):
        done.append(about)
        if len(done) == 1:
            raise ValueError

    monkeypatch.setattr(owner, name, act)
    monkeypatch.setattr(orders_sweep, "close_old_connections", lambda: None)  # the test's own
    duty(now(2))
    assert len(done) >= 2
    assert "could not do its part" in caplog.text
