"""How much of a cancelled order had traded follows from the history; the outcome does not wait."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.admin.jobs import csv_download
from orders.audit import sentences
from orders.cancels import requests
from orders.delivery import worker
from orders.exchange import credits
from orders.models import (
    AmountsState,
    AuditRecord,
    Cancel,
    CancelKind,
    CancelStatus,
    CreditPool,
    Event,
    Order,
)
from orders.reconcile import filled_amounts, resolve, sync
from tests.helpers.screens import page, signed_in, url

TOLD = ("0.3", "0.7")


def part_filled(firm, count=1, **fields):
    """Known orders of 1 of which 0.3 trades after the book was read."""
    orders = firm.orders(count, initial_amount="1", **fields)
    for order in orders:
        firm.paper.fill(order.order_id, "0.3")
    return orders


def click(firm, *orders):
    requests.cancel_orders(
        user=firm.operator, actor=firm.actor(), order_ids=[order.pk for order in orders]
    )
    worker.deliver_account(account_id=firm.account.pk)


def by_id(firm, order_id, kind=CancelKind.ORDER):
    requests.cancel_by_id(
        user=firm.operator,
        actor=firm.actor(),
        account_id=firm.account.pk,
        symbol="BTC",
        kind=kind,
        order_id=order_id,
    )
    worker.deliver_account(account_id=firm.account.pk)


def read(firm, after_s=0):
    now = timezone.now() + timedelta(seconds=after_s)
    return filled_amounts.read(account_id=firm.account.pk, clock=lambda: now)


def both(rows):
    return set(rows.values_list("filled_amount", "cancelled_amount"))


@pytest.mark.parametrize("count", [1, 2, 30])
def test_what_traded_before_our_cancel_is_told_of_order_and_cancel(firm, count):
    click(firm, *part_filled(firm, count))
    assert set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.CANCELLED}
    assert set(Order.objects.values_list("amounts_state", flat=True)) == {AmountsState.BEING_READ}
    assert read(firm) == count
    assert both(Order.objects) == both(Cancel.objects) == {TOLD}
    assert set(Order.objects.values_list("amounts_state", flat=True)) == {AmountsState.TOLD}
    assert read(firm) == 0


def test_many_are_told_by_few_reads(firm):
    click(firm, *firm.orders(30))
    read(firm)
    reads = firm.paper.requests("/orders/history") + firm.paper.requests("/orders/history_by_id")
    assert len(reads) == 1


def test_a_stop_is_told_too(firm):
    click(firm, *part_filled(firm, order_type="stop_limit", stop_price="40000"))
    read(firm)
    assert both(Order.objects) == both(Cancel.objects) == {TOLD}


def test_an_order_that_the_app_never_saw_has_its_amounts_with_its_cancel(firm):
    (order_id,) = firm.paper.orders(firm.account.address, [{"initial_amount": "1"}])
    firm.paper.fill(order_id, "0.3")
    by_id(firm, order_id)
    read(firm)
    assert both(Cancel.objects) == {TOLD}


def test_a_twap_tells_its_amounts_with_its_outcome(firm):
    fields = {"order_type": "twap", "initial_amount": "1"}
    (order_id,) = firm.paper.orders(firm.account.address, [fields])
    firm.paper.fill(order_id, "0.3")
    by_id(firm, order_id, kind=CancelKind.TWAP)
    resolve.settle_account(account_id=firm.account.pk)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    assert both(Cancel.objects) == {TOLD}


def test_what_another_hand_cancelled_is_told_by_the_next_sync(firm):
    (order,) = part_filled(firm)
    firm.paper.close(order.order_id)
    sync.sync_account(account_id=firm.account.pk)
    assert both(Order.objects) == {TOLD}


def test_until_it_is_told_page_list_and_download_say_so(firm):
    (order,) = part_filled(firm)
    click(firm, order)
    client = signed_in(firm.operator)
    assert "amounts being read" in page(client, "orders_order_change", order.pk)
    shown = client.get(url("orders_order_changelist"), {"state": "every"}).content.decode()
    assert "amounts being read" in shown
    job = Cancel.objects.get().job
    assert "Amounts being read." in page(client, "orders_canceljob_change", job.pk)
    assert "Amounts being read." in csv_download.of_job(job, actor=firm.actor()).content.decode()
    read(firm)
    assert "being read" not in page(client, "orders_order_change", order.pk)
    assert ",0.3,0.7," in csv_download.of_job(job, actor=firm.actor()).content.decode()


def test_the_record_tells_the_amounts_with_the_read_that_shows_them(firm):
    (order,) = part_filled(firm)
    click(firm, order)
    read(firm)
    record = AuditRecord.objects.filter(event=Event.READ).get()
    said = sentences.of_record(record, row=record.order_rows.get(), count=1)
    assert said.endswith(f"the amounts of BTC {order.order_id}: filled 0.3, cancelled 0.7.")


def test_a_history_that_cannot_be_read_ends_in_saying_so(firm):
    (order,) = part_filled(firm)
    click(firm, order)
    firm.paper.fault("/orders/history_by_id", "status", status=504, times=None)
    reads, after_s = 0, 0
    while Cancel.objects.filter(amounts_due_at__isnull=False).exists():
        read(firm, after_s)
        after_s, reads = after_s + 600, reads + 1
        assert reads < 200
    order.refresh_from_db()
    assert order.amounts_state == AmountsState.UNTOLD
    assert "does not tell its amounts" in Cancel.objects.get().explanation
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


def test_an_empty_purse_makes_them_wait_and_costs_nothing(firm):
    click(firm, *part_filled(firm))
    paused = timezone.now() + timedelta(seconds=30)
    CreditPool.objects.update_or_create(
        name=credits.pool_of(firm.account), defaults={"paused_until": paused}
    )
    assert read(firm) == 0
    assert not firm.paper.requests("/orders/history_by_id")
    CreditPool.objects.update(paused_until=None)
    assert read(firm, after_s=90) == 1


def test_a_history_that_says_filled_reopens_what_was_called_cancelled(firm):
    order = firm.order()
    firm.paper.fill(order.order_id)
    body = {"success": True, "data": None, "error": None, "code": None}
    firm.paper.fault("/orders/cancel", "status", status=200, body=body)
    click(firm, order)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    read(firm)
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.amounts_due_at) == (CancelStatus.UNKNOWN, None)


def test_a_cancel_by_client_order_id_that_filled_is_reopened_too(firm):
    name = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
    order_id = firm.order(client_order_id=name).order_id
    Order.objects.all().delete()  # as if it were never seen
    body = {"success": True, "data": None, "error": None, "code": None}
    firm.paper.fault("/orders/cancel", "status", status=200, body=body)
    about = {"account_id": firm.account.pk, "symbol": "BTC", "client_order_id": name}
    requests.cancel_by_id(user=firm.operator, actor=firm.actor(), kind=CancelKind.ORDER, **about)
    worker.deliver_account(account_id=firm.account.pk)
    firm.paper.fill(order_id)
    read(firm)
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.order_id) == (CancelStatus.UNKNOWN, None)
    later = timezone.now() + timedelta(seconds=2)
    resolve.settle_account(account_id=firm.account.pk, clock=lambda: later)
    assert (Cancel.objects.get().status, both(Cancel.objects)) == ("filled", {("0.5", "0")})


def test_a_cancel_gone_by_the_book_has_its_amounts_once_a_sync_reads_them(firm):
    (order,) = part_filled(firm)
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    for route in ("/orders/history", "/orders/history_by_id"):
        firm.paper.fault(route, "status", status=504, times=None)
    click(firm, order)
    for after_s in (2, 400):
        later = timezone.now() + timedelta(seconds=after_s)
        Cancel.objects.update(next_check_at=later)
        resolve.settle_account(account_id=firm.account.pk, clock=lambda later=later: later)
    assert both(Cancel.objects.filter(status=CancelStatus.GONE)) == {("", "")}
    firm.paper.disarm()
    sync.sync_account(account_id=firm.account.pk)
    assert both(Cancel.objects) == {TOLD}


def test_of_two_readers_one_asks(firm):
    click(firm, *part_filled(firm))
    due = filled_amounts._due(timezone.now())
    assert len(filled_amounts._take(due, timezone.now())) == 1
    assert read(firm) == 0
    assert read(firm, after_s=61) == 1


def test_urgent_clicks_are_read_before_bulk(firm):
    click(firm, *firm.orders(2))
    newest = Cancel.objects.order_by("-pk").first()
    Cancel.objects.exclude(pk=newest.pk).update(is_urgent=False)
    assert filled_amounts._due(timezone.now()).order_by("-is_urgent").first() == newest
    assert filled_amounts.accounts_due(timezone.now()) == [firm.account.pk]
