"""What never left says so; what may have left is never called refused without asking."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from orders.cancels import requests
from orders.delivery import expiry, worker
from orders.exchange import client, clock, credits
from orders.exchange import reader as exchange_reader
from orders.models import AuditRecord, Cancel, CancelJob, CancelStatus, JobStatus, Membership
from orders.pacifica import reads
from orders.reconcile import resolve
from tests.reconcile.test_resolve import ask_and_deliver, settle


def ask(firm, count=1):
    orders = firm.orders(count)
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[o.pk for o in orders])
    return orders


def as_bulk(idle_for_s):
    long_ago = timezone.now() - timedelta(seconds=700)
    Cancel.objects.update(is_urgent=False, requested_at=long_ago)
    idle_since_at = timezone.now() - timedelta(seconds=idle_for_s)
    CancelJob.objects.update(is_urgent=False, created_at=long_ago, idle_since_at=idle_since_at)


@pytest.fixture
def unreachable(firm, settings):
    """An exchange at whose address nobody listens."""
    settings.PACIFICA_URL = "http://127.0.0.1:9/api/v1"
    client.forget()
    return firm


def test_what_could_never_connect_expires_though_it_was_tried(firm, unreachable):
    firm.paper.orders(firm.account.address, 1)
    requests.cancel_by_id(
        user=firm.operator,
        actor=firm.actor(),
        account_id=firm.account.pk,
        symbol="BTC",
        order_id=28_000_000_000,
    )
    worker.deliver_account(account_id=firm.account.pk)
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.first_sent_at) == (CancelStatus.QUEUED, None)
    expiry.expire_unsent(timezone.now() + timedelta(seconds=601))
    assert Cancel.objects.get().status == CancelStatus.EXPIRED


def test_what_may_have_left_never_expires_as_never_sent(firm):
    ask(firm)
    firm.paper.fault("/orders/cancel", "drop")
    worker.deliver_account(account_id=firm.account.pk)
    Cancel.objects.update(status=CancelStatus.QUEUED)
    expiry.expire_unsent(timezone.now() + timedelta(seconds=601))
    assert Cancel.objects.get().status == CancelStatus.QUEUED


def test_a_bulk_job_that_could_send_and_did_not_expires(firm):
    ask(firm, 2)
    as_bulk(idle_for_s=601)
    expiry.expire_unsent(timezone.now())
    assert set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.EXPIRED}
    assert CancelJob.objects.get().status == JobStatus.DONE
    assert AuditRecord.objects.filter(outcome="expired").exists()


def test_a_bulk_job_that_waits_for_credits_does_not_expire(firm, monkeypatch):
    ask(firm, 2)
    as_bulk(idle_for_s=601)
    reserve = worker.credits.reserve

    def nothing(**asked):
        return reserve(**asked | {"wanted": 0})

    monkeypatch.setattr(worker.credits, "reserve", nothing)
    worker.deliver_account(account_id=firm.account.pk)
    expiry.expire_unsent(timezone.now())
    assert set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.QUEUED}


def test_a_bulk_job_that_gets_on_does_not_expire(firm):
    ask(firm, 2)
    as_bulk(idle_for_s=601)
    worker.deliver_account(account_id=firm.account.pk)
    assert CancelJob.objects.get().idle_since_at > timezone.now() - timedelta(seconds=60)


def silence(firm):
    """An attempt that acted, whose answer was lost, and that a stale book made us repeat."""
    order = firm.order()
    firm.paper.fault("*", "stale_reads", for_ms=60_000)
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    ask_and_deliver(firm, order)
    assert settle(firm, after_s=9).status == CancelStatus.QUEUED
    firm.paper.disarm()
    Cancel.objects.update(not_before_at=None)
    return order


def test_a_refusal_after_silence_proves_nothing(firm):
    silence(firm)
    firm.paper.account(firm.account.address, agents=[])
    worker.deliver_account(account_id=firm.account.pk)
    cancel = Cancel.objects.get()
    assert cancel.status == CancelStatus.SETTLING
    assert "not bound" in cancel.explanation
    assert settle(firm).status == CancelStatus.CANCELLED


def test_a_lost_right_after_silence_proves_nothing(firm):
    silence(firm)
    Membership.objects.filter(user=firm.operator).delete()
    worker.deliver_account(account_id=firm.account.pk)
    assert settle(firm).status == CancelStatus.CANCELLED
    assert len(firm.paper.requests("/orders/cancel")) == 1


def test_a_refusal_after_silence_stands_once_the_order_is_seen_open(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    ask_and_deliver(firm, order)
    settle(firm, after_s=9)
    Cancel.objects.update(not_before_at=None)
    firm.paper.account(firm.account.address, agents=[])
    worker.deliver_account(account_id=firm.account.pk)
    assert settle(firm, after_s=5).status == CancelStatus.SETTLING
    assert "not bound" in Cancel.objects.get().explanation
    Cancel.objects.update(next_check_at=timezone.now())
    cancel = settle(firm, after_s=31)
    assert cancel.status == CancelStatus.REFUSED
    assert "not bound" in cancel.explanation


@pytest.mark.parametrize(("offset_ms", "side"), [(40_000, "behind"), (-40_000, "ahead of")])
def test_a_clock_that_is_off_is_told_in_words(firm, offset_ms, side):
    order = firm.order()
    firm.paper.rules(clock_offset_ms=offset_ms, future_tolerance_ms=1000)
    cancel = ask_and_deliver(firm, order)
    assert cancel.status == CancelStatus.REFUSED
    assert f"{side} the exchange's" in cancel.explanation
    assert "clock" in cancel.explanation.split(" The exchange said")[0]


def test_the_clock_is_measured_by_settling_and_syncing(firm):
    firm.paper.rules(clock_offset_ms=40_000)
    firm.orders(1)
    assert clock.current(timezone.now()).is_off
    assert resolve.settle_account(account_id=firm.account.pk) == 0


def test_what_expires_on_two_accounts_is_found_under_each(firm):
    """One job over both: who asks the log about the second account finds its orders there."""
    second = firm.new_account("Beta", firm.momentum)
    orders = firm.orders(1) + firm.orders(1, account=second)
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[o.pk for o in orders])
    expiry.expire_unsent(timezone.now() + timedelta(seconds=601))
    for order in orders:
        record = AuditRecord.objects.get(outcome="expired", account=order.account_id)
        assert [line.order_id for line in record.order_rows.all()] == [order.order_id]


def is_expired_in_an_outage(firm):
    """Whether a bulk job that had two turns, in which nothing could leave, gave up."""
    as_bulk(idle_for_s=601)
    for _ in range(2):
        worker.deliver_account(account_id=firm.account.pk)
        Cancel.objects.update(not_before_at=None)
    expiry.expire_unsent(timezone.now())
    return set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.EXPIRED}


def test_a_bulk_job_expires_in_an_outage_for_it_spends_no_credits(firm, settings, monkeypatch):
    monkeypatch.setattr(worker, "PRICE", Decimal(40_000))  # a turn would take all there are
    ask(firm, 2)
    settings.PACIFICA_URL = "http://127.0.0.1:9/api/v1"
    client.forget()
    before = credits.balance(account=firm.account, now=timezone.now()).left
    assert is_expired_in_an_outage(firm)
    assert credits.balance(account=firm.account, now=timezone.now()).left == before


def test_what_is_refused_before_signing_spends_no_credits(firm):
    ask(firm, 2)
    as_bulk(idle_for_s=0)
    Membership.objects.filter(user=firm.operator).delete()
    before = credits.balance(account=firm.account, now=timezone.now()).left
    worker.deliver_account(account_id=firm.account.pk)
    assert credits.balance(account=firm.account, now=timezone.now()).left == before


def test_a_read_that_could_not_leave_spends_no_credits(firm, unreachable):
    reader = exchange_reader.Reader(firm.account)
    before = credits.balance(account=firm.account, now=timezone.now()).left
    assert reader.ask("/orders", {}, reads.open_orders).value is None
    assert credits.balance(account=firm.account, now=timezone.now()).left == before
