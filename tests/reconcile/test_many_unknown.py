"""Many questions of one account are answered by one reading, within the purse."""

from datetime import timedelta
from math import ceil

import pytest
from django.utils import timezone

from orders.cancels import requests
from orders.delivery import worker
from orders.evidence import verify
from orders.exchange import credits, reader
from orders.models import AuditRecord, AuditRecordOrder, Cancel, CancelStatus, CreditPool, Event
from orders.reconcile import conclusions, read_evidence, resolve

MANY = 300


@pytest.fixture
def unknown(firm, settings):
    """So many cancels that worked, each answer lost; pages have a hundred rows, credits suffice."""
    settings.CREDIT_QUOTAS = {"keyless": 10_000, "keyed": 10_000}
    CreditPool.objects.all().delete()
    firm.paper.rules(history_rows=100)
    orders = firm.orders(MANY)
    for route in ("/orders/batch", "/orders/cancel"):
        firm.paper.fault(route, "apply_then_drop", times=None)
    ids = [order.pk for order in orders]
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)
    worker.deliver_account(account_id=firm.account.pk)
    assert Cancel.objects.filter(status=CancelStatus.UNKNOWN).count() == MANY
    return orders


def settle(firm, after_s=2, limits=resolve.LIMITS):
    later = timezone.now() + timedelta(seconds=after_s)
    resolve.settle_account(account_id=firm.account.pk, clock=lambda: later, limits=limits)
    return set(Cancel.objects.values_list("status", flat=True))


def reads(firm):
    routes = ("/orders", "/orders/history", "/orders/history_by_id")
    return [len([one for one in firm.paper.requests(r) if one["method"] == "GET"]) for r in routes]


def test_they_cost_the_pages_they_stand_on_and_no_look_up(firm, unknown):
    before = reads(firm)
    assert settle(firm) == {CancelStatus.CANCELLED}
    assert [now - then for then, now in zip(before, reads(firm), strict=True)] == [1, 3, 0]


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_what_closed_before_and_since_does_not_keep_them_from_it(firm, unknown, order):
    for one in firm.paper.orders(firm.account.address, 150):
        firm.paper.close(one)
    firm.paper.rules(history_order=order)
    assert settle(firm) == {CancelStatus.CANCELLED}


def test_long_pages_are_asked_for_after_the_first(firm, unknown):
    firm.paper.rules(history_rows=4000)
    settle(firm)
    limits = [one["query"].get("limit") for one in firm.paper.requests("/orders/history")]
    assert limits == [None, "1000"]


def test_where_long_pages_are_refused_the_usual_ones_do(firm, unknown):
    firm.paper.fault("/orders/history", "status", skip=1, status=422)
    assert settle(firm) == {CancelStatus.CANCELLED}


def test_each_page_is_recorded_with_the_orders_it_shows(firm, unknown):
    settle(firm, limits=resolve.Limits(at_once=70))
    assert AuditRecord.objects.filter(event=Event.OUTCOME).count() == ceil(MANY / 70)
    read = AuditRecord.objects.filter(event=Event.READ)
    pages = read.filter(data__contains="/orders/history")
    assert AuditRecordOrder.objects.filter(record__in=pages).count() == MANY
    assert verify.verify().is_whole


def test_what_the_exchange_could_not_be_asked_about_comes_due_together(firm, unknown):
    firm.paper.fault("/orders", "drop", times=None)
    Cancel.objects.filter(pk__lte=Cancel.objects.first().pk - MANY // 2).update(
        next_check_at=timezone.now() - timedelta(seconds=1)
    )
    settle(firm, after_s=0)
    settle(firm, after_s=1.5)
    due = set(Cancel.objects.values_list("next_check_at", flat=True))
    assert max(due) - timezone.now() < timedelta(seconds=conclusions.UNREADABLE_S + 2)
    assert len(due) <= 2


def test_an_exchange_that_is_away_for_long_makes_no_question_wait_longer(firm, unknown):
    firm.paper.fault("/orders", "drop", times=None)
    for after_s in range(10, 3600, 200):
        settle(firm, after_s=after_s)
    assert set(Cancel.objects.values_list("checks", flat=True)) == {1}
    firm.paper.disarm()
    assert settle(firm, after_s=3610) == {CancelStatus.CANCELLED}


@pytest.fixture
def two_pages_only(unknown, monkeypatch):
    """The purse allows bulk no more than two pages of the history."""
    monkeypatch.setattr(reader.answers, "quota", lambda headers: None)  # we alone count
    quota = credits.price_of_read("/orders/history", credits.KEYLESS) * 3
    CreditPool.objects.update(quota=quota, spent="{}")


def test_they_leave_what_is_kept_for_urgent_cancels(firm, two_pages_only):
    settle(firm)
    assert reads(firm)[1:] == [2, 0]
    balance = credits.balance(account=firm.account, now=timezone.now())
    assert balance.left >= balance.reserve


def test_where_the_purse_reaches_none_of_them_a_few_are_looked_up(firm, two_pages_only):
    for one in firm.paper.orders(firm.account.address, 250):
        firm.paper.close(one)
    settle(firm)
    assert reads(firm)[1:] == [2, read_evidence.BY_ID_THRESHOLD]
