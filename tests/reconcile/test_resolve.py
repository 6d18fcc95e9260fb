"""Settle: unknown becomes proven by asking, never by guessing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.cancels import requests
from orders.delivery import worker
from orders.evidence import verify
from orders.models import AuditRecord, Cancel, CancelStatus, Event, Order, OrderState, Proof
from orders.reconcile import check_leases, resolve

CLIENT_ORDER_ID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


def ask_and_deliver(firm, order):
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    worker.deliver_account(account_id=firm.account.pk)
    return Cancel.objects.get()


def settle(firm, after_s=1.5, limits=resolve.LIMITS):
    """Settle as if this many seconds had passed."""
    later = timezone.now() + timedelta(seconds=after_s)
    resolve.settle_account(account_id=firm.account.pk, clock=lambda: later, limits=limits)
    return Cancel.objects.get()


def by_id(firm, **fields):
    requests.cancel_by_id(
        user=firm.operator, actor=firm.actor(), account_id=firm.account.pk, symbol="BTC", **fields
    )
    worker.deliver_account(account_id=firm.account.pk)
    return Cancel.objects.get()


def test_a_lost_yes_is_proven_by_the_history(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    ask_and_deliver(firm, order)
    cancel = settle(firm)
    assert (cancel.status, cancel.proof) == (CancelStatus.CANCELLED, Proof.HISTORY)
    assert "answer to us was lost" in cancel.explanation
    assert cancel.cancelled_amount == "0.5"
    assert Order.objects.get().state == OrderState.CLOSED


def test_a_fill_that_won_the_race_is_filled_with_its_amount(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "fill_first")
    assert ask_and_deliver(firm, order).status == CancelStatus.SETTLING
    cancel = settle(firm)
    assert (cancel.status, cancel.filled_amount) == (CancelStatus.FILLED, "0.5")
    assert Order.objects.get().order_status == "filled"


def test_cancelled_by_someone_else_before_us_is_gone(firm):
    order = firm.order()
    firm.paper.close(order.order_id)
    ask_and_deliver(firm, order)
    cancel = settle(firm)
    assert cancel.status == CancelStatus.GONE
    assert "someone else" in cancel.explanation


def test_partly_filled_then_cancelled_keeps_both_amounts(firm):
    order = firm.order()
    firm.paper.fill(order.order_id, "0.2")
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    ask_and_deliver(firm, order)
    cancel = settle(firm)
    assert cancel.status == CancelStatus.CANCELLED
    assert (cancel.filled_amount, cancel.cancelled_amount) == ("0.2", "0.3")


def test_a_cancel_event_older_than_our_first_byte_is_not_ours(firm):
    order = firm.order()
    firm.paper.rules(clock_offset_ms=-10_000)
    firm.paper.close(order.order_id)
    firm.paper.rules(clock_offset_ms=0)
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    ask_and_deliver(firm, order)
    assert settle(firm).status == CancelStatus.GONE


def test_an_open_order_concludes_nothing_while_our_request_can_still_act(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    ask_and_deliver(firm, order)
    cancel = settle(firm, after_s=3)
    assert cancel.status == CancelStatus.UNKNOWN
    assert cancel.attempt == 1


def test_an_open_order_gets_a_fresh_attempt_once_the_old_one_is_dead(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    ask_and_deliver(firm, order)
    assert settle(firm, after_s=8).status == CancelStatus.QUEUED
    Cancel.objects.update(not_before_at=None)
    worker.deliver_account(account_id=firm.account.pk)
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.attempt) == (CancelStatus.CANCELLED, 2)
    timestamps = [one["timestamp"] for one in firm.paper.requests("/orders/cancel")]
    assert len(set(timestamps)) == len(timestamps)


@pytest.mark.parametrize(("repeats", "wait_s"), [(0, 0), (1, 1), (3, 7)])
def test_each_fresh_attempt_waits_longer_than_the_one_before(firm, repeats, wait_s):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    ask_and_deliver(firm, order)
    Cancel.objects.update(repeats=repeats)
    began_at = timezone.now()
    cancel = settle(firm, after_s=8)
    ended_at, wait = timezone.now(), timedelta(seconds=8 + wait_s)
    assert cancel.status == CancelStatus.QUEUED
    assert began_at + wait <= cancel.not_before_at <= ended_at + wait


def test_after_five_attempts_it_needs_an_operator_and_is_still_looked_at(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    ask_and_deliver(firm, order)
    Cancel.objects.update(attempt=5, repeats=4)
    cancel = settle(firm, after_s=8)
    assert cancel.status == CancelStatus.UNKNOWN
    assert "needs an operator" in cancel.explanation
    assert cancel.next_check_at is not None


def test_not_found_is_believed_only_after_the_reads_had_time_to_catch_up(firm):
    cancel = by_id(firm, order_id=28_999_999_999)
    assert cancel.status == CancelStatus.SETTLING
    for after_s in (5, 25):  # the signature is dead after seven
        assert settle(firm, after_s=after_s).status == CancelStatus.SETTLING
        Cancel.objects.update(next_check_at=timezone.now())
    cancel = settle(firm, after_s=31)
    assert (cancel.status, cancel.proof) == (CancelStatus.NOT_FOUND, Proof.HISTORY)


def test_an_unreadable_book_keeps_the_question_open(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    ask_and_deliver(firm, order)
    firm.paper.fault("/orders", "status", status=200, body='{"success":true,"data":{}}')
    cancel = settle(firm)
    assert cancel.status == CancelStatus.UNKNOWN
    assert "could not be asked" in cancel.explanation


def test_a_row_that_cannot_be_read_may_be_the_order_in_question(firm):
    """Absent is not said while it stands, whoever else is silent; the row is named."""
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    ask_and_deliver(firm, order)
    body = '{"success":true,"data":[{"symbol":"BTC"}]}'
    firm.paper.fault("/orders", "status", status=200, body=body, times=None)
    for route in ("/orders/history", "/orders/history_by_id"):
        firm.paper.fault(route, "status", status=500, times=None)
    cancel = settle(firm, after_s=300)
    assert cancel.status == CancelStatus.UNKNOWN
    assert 'row 1: {"symbol": "BTC"}' in cancel.explanation


def test_what_the_history_proves_counts_beside_a_row_that_cannot_be_read(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    ask_and_deliver(firm, order)
    firm.paper.fault("/orders", "status", status=200, body='{"success":true,"data":[{}]}')
    assert settle(firm).status == CancelStatus.CANCELLED


def test_a_stale_book_makes_no_double_of_a_cancel_that_worked(firm):
    """The book still lists what is gone: once the signature is dead, another try is harmless."""
    order = firm.order()
    firm.paper.fault("*", "stale_reads", for_ms=60_000)
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    ask_and_deliver(firm, order)
    assert settle(firm).status == CancelStatus.UNKNOWN
    assert settle(firm, after_s=9).status == CancelStatus.QUEUED
    firm.paper.disarm()
    Cancel.objects.update(not_before_at=None)
    worker.deliver_account(account_id=firm.account.pk)
    assert settle(firm).status == CancelStatus.CANCELLED


def test_a_client_order_id_is_settled_by_book_and_history(firm):
    firm.paper.orders(firm.account.address, [{"client_order_id": CLIENT_ORDER_ID}])
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    by_id(firm, client_order_id=CLIENT_ORDER_ID)
    assert settle(firm).status == CancelStatus.CANCELLED


def test_a_client_order_id_is_repeated_only_by_the_order_id_it_resolved_to(firm):
    firm.paper.rules(clock_offset_ms=-10_000)
    ids = firm.paper.orders(firm.account.address, [{"client_order_id": CLIENT_ORDER_ID}])
    firm.paper.rules(clock_offset_ms=0)
    firm.paper.fault("/orders/cancel", "drop")
    by_id(firm, client_order_id=CLIENT_ORDER_ID)
    assert settle(firm, after_s=8).status == CancelStatus.QUEUED
    Cancel.objects.update(not_before_at=None)
    worker.deliver_account(account_id=firm.account.pk)
    last = firm.paper.requests("/orders/cancel")[-1]
    assert (last["order_ids"], last["client_order_ids"]) == (ids, [])


def test_a_client_order_id_nobody_knows_ends_not_found(firm):
    by_id(firm, client_order_id=CLIENT_ORDER_ID)
    assert settle(firm, after_s=31).status == CancelStatus.NOT_FOUND


def test_a_twaps_200_only_means_asked(firm):
    ids = firm.paper.orders(firm.account.address, [{"order_type": "twap"}])
    cancel = by_id(firm, kind="twap", order_id=ids[0])
    assert cancel.status == CancelStatus.SETTLING
    assert settle(firm).status == CancelStatus.CANCELLED


def test_a_twap_that_never_was_is_not_found_despite_the_200(firm):
    by_id(firm, kind="twap", order_id=28_999_999_999)
    assert settle(firm, after_s=31).status == CancelStatus.NOT_FOUND


def test_many_missing_orders_are_looked_for_in_the_paged_history(firm):
    orders = firm.orders(8)
    for order in orders:
        firm.paper.fill(order.order_id)
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[o.pk for o in orders])
    worker.deliver_account(account_id=firm.account.pk)
    later = timezone.now() + timedelta(seconds=2)
    resolve.settle_account(account_id=firm.account.pk, clock=lambda: later)
    assert set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.FILLED}
    assert len(firm.paper.requests("/orders/history")) == 1
    assert not firm.paper.requests("/orders/history_by_id")


def test_the_reads_that_settled_it_are_in_the_log_with_their_bytes(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    ask_and_deliver(firm, order)
    settle(firm)
    reads = AuditRecord.objects.filter(event=Event.READ)
    assert [bytes(r.payload.body)[:1] for r in reads] == [b"{"] * 3  # book, events, edits
    assert AuditRecord.objects.filter(event=Event.OUTCOME, outcome="cancelled").count() == 1
    assert verify.verify().is_whole


def test_two_settlers_do_not_take_the_same_question(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    ask_and_deliver(firm, order)
    later = timezone.now() + timedelta(seconds=2)
    options = {"account_id": firm.account.pk, "now": later, "is_twap": False}
    assert len(check_leases.lease_due(**options)) == 1
    assert check_leases.lease_due(**options) == []


def test_what_was_decided_while_the_exchange_was_being_asked_stays_decided(firm, monkeypatch):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    ask_and_deliver(firm, order)
    real = resolve.read_evidence.gather

    def gather(*args, **options):
        found = real(*args, **options)
        Cancel.objects.update(status=CancelStatus.CLOSED_BY_OPERATOR, next_check_at=None)
        return found

    monkeypatch.setattr(resolve.read_evidence, "gather", gather)
    assert settle(firm).status == CancelStatus.CLOSED_BY_OPERATOR
    assert not AuditRecord.objects.filter(event=Event.READ).exists()


@pytest.mark.parametrize("event", ["expired", "force_cancel", "self_trade_prevented"])
def test_closed_by_the_exchange_is_gone_in_the_exchanges_words(firm, event):
    order = firm.order()
    firm.paper.close(order.order_id, event=event)
    ask_and_deliver(firm, order)
    cancel = settle(firm)
    assert cancel.status == CancelStatus.GONE
    assert event in cancel.explanation
