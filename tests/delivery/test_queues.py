"""Urgent work has a lane of its own: bulk, however much, keeps nobody waiting."""

import pytest
from django.utils import timezone

from orders import tasks
from orders.cancels import requests, unresolved
from orders.delivery import worker
from orders.lifecycle import wakeups
from orders.management import sweep
from orders.models import Cancel, CancelStatus
from tests.helpers.screens import known_order


@pytest.fixture
def woken(monkeypatch, django_capture_on_commit_callbacks):
    """Runs a piece of work and gives the messages it left: task, arguments, queue."""
    sent = []
    monkeypatch.setattr(wakeups, "_running_publisher", lambda: type("P", (), {"put": sent.append}))

    def by(work):
        sent.clear()
        with django_capture_on_commit_callbacks(execute=True):
            work()
        return [message[:3] for message in sent if message[0] != "orders.sync"]

    return by


@pytest.fixture
def bulk(firm, settings):
    """Two cancels of a bulk job, waiting."""
    settings.URGENT_UP_TO = 1
    ask(firm, *firm.orders(2))
    return Cancel.objects.filter(is_urgent=False)


def ask(firm, *orders):
    ids = [order.pk for order in orders]
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)


@pytest.mark.parametrize(("count", "senders"), [(1, 1), (249, 1), (250, 2), (10_000, 4)])
def test_several_senders_are_woken_for_much_bulk_on_one_account(db, woken, count, senders):
    wake = lambda: wakeups.deliver(account_ids=[7], is_urgent=False, count=count)  # noqa: E731
    assert woken(wake) == [("orders.deliver", [7, False], "bulk")] * senders


def test_a_worker_woken_for_an_urgent_cancel_leaves_bulk_alone(firm, bulk, woken):
    (_, arguments, lane), *_ = woken(lambda: ask(firm, firm.order()))
    assert lane == "urgent"
    tasks.deliver(*arguments)
    assert Cancel.objects.get(is_urgent=True).status == CancelStatus.CANCELLED
    assert set(bulk.values_list("status", flat=True)) == {CancelStatus.QUEUED}


def test_a_worker_woken_for_bulk_takes_what_is_urgent_first(firm, bulk, woken):
    ask(firm, firm.order())
    tasks.deliver(firm.account.pk, False)
    assert {cancel.status for cancel in Cancel.objects.all()} == {CancelStatus.CANCELLED}
    first, *_ = firm.paper.requests("/orders/cancel")
    assert first["order_ids"] == [Cancel.objects.get(is_urgent=True).order_id]
    assert first["n"] < firm.paper.requests("/orders/batch")[0]["n"]


def test_the_sweep_delivers_what_is_urgent_while_bulk_keeps_its_other_duty(firm, bulk):
    ask(firm, firm.order())
    sweep.deliver_urgent(timezone.now() + 2 * sweep.GRACE)
    assert Cancel.objects.get(is_urgent=True).status == CancelStatus.CANCELLED
    assert set(bulk.values_list("status", flat=True)) == {CancelStatus.QUEUED}
    assert sweep.deliver_urgent in {duty.act for duty in sweep.duties()}


@pytest.mark.parametrize(("count", "lane"), [(1, "urgent"), (2, "bulk")])
def test_open_questions_are_asked_in_the_lane_that_left_them(firm, settings, woken, count, lane):
    settings.URGENT_UP_TO = 1
    ask(firm, *firm.orders(count))
    firm.paper.fault("*", "apply_then_drop", times=None)
    left = woken(lambda: worker.deliver_account(account_id=firm.account.pk))
    assert left == [("orders.settle", [firm.account.pk], lane)]


@pytest.mark.parametrize(("is_urgent", "lane"), [(True, "urgent"), (False, "bulk")])
def test_what_a_person_has_sent_again_goes_in_its_own_lane(firm, woken, is_urgent, lane):
    ask(firm, known_order(firm.account, 71_000_000_000))
    Cancel.objects.update(status="unknown", next_check_at=timezone.now(), is_urgent=is_urgent)
    about = {"user": firm.operator, "actor": firm.actor()}
    left = woken(lambda: unresolved.send_again(cancel_ids=[Cancel.objects.get().pk], **about))
    assert left == [("orders.deliver", [firm.account.pk, is_urgent], lane)]
