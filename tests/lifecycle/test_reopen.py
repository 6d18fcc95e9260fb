"""What was said to be over and is seen open or filled is asked about again, on the record."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.cancels import requests
from orders.delivery import batches, worker
from orders.lifecycle import transitions
from orders.models import (
    AuditRecord,
    Cancel,
    CancelJob,
    CancelKind,
    CancelStatus,
    Event,
    JobStatus,
    Order,
    Proof,
)
from orders.reconcile import resolve
from orders.reconcile import sync as account_sync
from tests.delivery.test_worker import recorded
from tests.reconcile.test_resolve import ask_and_deliver, by_id, settle


def sync(firm, after_s=0):
    later = timezone.now() + timedelta(seconds=after_s)
    return account_sync.sync_account(account_id=firm.account.pk, clock=lambda: later)


def falsely(firm, order, status=CancelStatus.CANCELLED, ago_s=60):
    """A cancel that came to rest though its order is open."""
    firm.paper.fault("/orders/cancel", "status", status=200)  # a yes that was none
    cancel = ask_and_deliver(firm, order)
    assert cancel.status == CancelStatus.CANCELLED
    long_ago = timezone.now() - timedelta(seconds=ago_s)
    Cancel.objects.update(status=status, concluded_at=long_ago)
    Order.objects.update(closed_at=long_ago)
    return Cancel.objects.get()


@pytest.mark.parametrize("status", ["cancelled", "filled", "gone", "not_found"])
def test_said_to_be_over_and_seen_open_is_asked_again_on_the_record(firm, status):
    order = firm.order()
    falsely(firm, order, status)
    sync(firm)
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.has_contradiction) == (CancelStatus.UNKNOWN, True)
    assert cancel.next_check_at is not None
    assert cancel.job.status == JobStatus.RUNNING
    order.refresh_from_db()
    assert order.has_contradiction
    record = AuditRecord.objects.get(event=Event.CONTRADICTION, job=cancel.job)
    assert record.order_rows.get().cancel_id == cancel.pk


def test_what_is_reopened_of_a_stopped_job_is_followed_and_not_sent(firm):
    falsely(firm, firm.order())
    CancelJob.objects.update(status=JobStatus.STOPPED)
    sync(firm)
    assert (Cancel.objects.get().status, CancelJob.objects.get().status) == ("unknown", "stopping")
    settle(firm, after_s=9)
    Cancel.objects.update(not_before_at=None)
    worker.deliver_account(account_id=firm.account.pk)
    assert (Cancel.objects.get().status, CancelJob.objects.get().status) == ("stopped", "stopped")
    assert len(firm.paper.requests("/orders/cancel")) == 1


def test_a_reopened_cancel_is_sent_afresh_and_ends_in_the_truth(firm):
    order = firm.order()
    falsely(firm, order)
    sync(firm)
    settle(firm, after_s=9)
    Cancel.objects.update(not_before_at=None)
    worker.deliver_account(account_id=firm.account.pk)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    assert not firm.paper.truth()[order.order_id]["is_open"]


def test_a_book_that_may_lag_behind_contradicts_nothing(firm):
    falsely(firm, firm.order(), ago_s=20)
    sync(firm)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    assert not AuditRecord.objects.filter(event=Event.CONTRADICTION).exists()


def test_a_cancel_by_an_id_we_did_not_know_is_contradicted_too(firm):
    ids = firm.paper.orders(firm.account.address, 1)
    firm.paper.fault("/orders/cancel", "status", status=200)
    by_id(firm, order_id=ids[0])
    Cancel.objects.update(concluded_at=timezone.now() - timedelta(minutes=1))
    sync(firm)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN


def test_an_order_with_a_live_cancel_is_flagged_and_not_doubled(firm):
    order = firm.order()
    first = falsely(firm, order)
    sync(firm)
    Cancel.objects.filter(pk=first.pk).update(status=CancelStatus.CANCELLED)
    Cancel.objects.update(concluded_at=timezone.now() - timedelta(minutes=1))
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    sync(firm, after_s=1)
    statuses = list(Cancel.objects.order_by("pk").values_list("status", flat=True))
    assert statuses == [CancelStatus.CANCELLED, CancelStatus.QUEUED]


def test_said_cancelled_and_filled_in_the_history_is_settled_as_filled(firm):
    order, other = firm.orders(2)
    firm.paper.fault("/orders/cancel", "status", status=200)
    ask_and_deliver(firm, order)
    firm.paper.fill(order.order_id)
    firm.paper.close(other.order_id)
    sync(firm)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    later = timezone.now() + timedelta(seconds=2)
    resolve.settle_account(account_id=firm.account.pk, clock=lambda: later)
    assert Cancel.objects.get().status == CancelStatus.FILLED
    assert CancelJob.objects.get().status == JobStatus.DONE


def test_a_lagging_book_contradicts_no_cancel_of_an_order_it_first_shows_now(firm):
    ids = firm.paper.orders(firm.account.address, 1)
    firm.paper.fault("*", "stale_reads", for_ms=60_000)
    assert by_id(firm, order_id=ids[0]).status == CancelStatus.CANCELLED
    sync(firm, after_s=20)
    assert Order.objects.get().state == "open"
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


def answered_too_late(firm, status):
    """A yes that arrives when the cancel, taken over meanwhile, has come to rest otherwise."""
    order = firm.order()
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    packs = recorded(firm)
    batches.send(packs, timezone.now, lambda: False)
    over = {"claim_token": None, "lease_until": None, "concluded_at": timezone.now()}
    Cancel.objects.update(status=status, next_check_at=timezone.now(), **over)
    transitions.conclude(packs, timezone.now())
    return Cancel.objects.get()


@pytest.mark.parametrize("status", ["gone", "not_found", "refused"])
def test_a_late_yes_reopens_what_was_said_to_have_ended_without_us(firm, status):
    cancel = answered_too_late(firm, status)
    assert (cancel.status, cancel.has_contradiction) == (CancelStatus.UNKNOWN, True)
    record = AuditRecord.objects.get(event=Event.CONTRADICTION, job=cancel.job)
    assert record.order_rows.get().cancel_id == cancel.pk
    assert settle(firm).status == CancelStatus.CANCELLED


@pytest.mark.parametrize("status", ["cancelled", "filled", "closed_by_operator"])
def test_a_late_yes_takes_nothing_back_that_it_confirms_or_that_stands_above_it(firm, status):
    cancel = answered_too_late(firm, status)
    assert (cancel.status, cancel.has_contradiction) == (status, False)
    assert not AuditRecord.objects.filter(event=Event.CONTRADICTION).exists()


def test_a_late_yes_and_absence_from_the_book_are_enough(firm):
    answered_too_late(firm, "not_found")
    for route in ("/orders/history", "/orders/history_by_id"):
        firm.paper.fault(route, "status", times=None, status=500)
    cancel = settle(firm)
    assert (cancel.status, cancel.proof) == (CancelStatus.CANCELLED, Proof.BOOK)


@pytest.mark.parametrize("status", ["unknown", "settling"])
def test_a_late_yes_counts_while_its_question_is_open(firm, status):
    assert answered_too_late(firm, status).was_accepted


def test_a_late_yes_does_not_stand_against_a_fill(firm):
    answered_too_late(firm, "not_found")
    firm.paper.reset()
    firm.paper.account(firm.account.address, agents=[])
    order = Order.objects.get()
    firm.paper.orders(firm.account.address, [{"order_id": order.order_id}])
    firm.paper.fill(order.order_id)
    assert settle(firm).status == CancelStatus.FILLED


def test_a_late_yes_by_client_order_id_reopens_too(firm):
    name = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
    firm.paper.orders(firm.account.address, [{"client_order_id": name}])
    requests.cancel_by_id(
        user=firm.operator,
        actor=firm.actor(),
        account_id=firm.account.pk,
        symbol="BTC",
        client_order_id=name,
    )
    packs = recorded(firm)
    batches.send(packs, timezone.now, lambda: False)
    Cancel.objects.update(status="not_found", claim_token=None, concluded_at=timezone.now())
    transitions.conclude(packs, timezone.now())
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    assert settle(firm).status == CancelStatus.CANCELLED


def test_an_order_that_is_open_contradicts_no_cancel_of_a_twap_of_the_same_id(firm):
    twap = {"symbol": "BTC", "side": "bid", "initial_amount": "0.5", "order_type": "twap"}
    (twap_id,) = firm.paper.orders(firm.account.address, [twap])
    about = {"user": firm.operator, "actor": firm.actor(), "account_id": firm.account.pk}
    requests.cancel_by_id(order_id=twap_id, symbol="BTC", kind=CancelKind.TWAP, **about)
    worker.deliver_account(account_id=firm.account.pk)
    settle(firm)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    firm.paper.reset(accounts=firm.bound)
    row = {"symbol": "BTC", "side": "bid", "price": "50000", "initial_amount": "0.5"}
    firm.paper.orders(firm.account.address, [row | {"order_id": twap_id}])
    sync(firm, after_s=40)
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.has_contradiction) == (CancelStatus.CANCELLED, False)
