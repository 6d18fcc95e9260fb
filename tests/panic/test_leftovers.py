"""What a panic's cancel-all leaves: cancelled once each, at once, whoever had it queued before."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db.models import Q
from django.utils import timezone

from orders.cancels import intake, jobs, requests
from orders.exchange import client
from orders.lifecycle.targets import target_of
from orders.models import (
    AgentWallet,
    Cancel,
    CancelJob,
    CancelStatus,
    JobStatus,
    PanicLine,
    PanicStatus,
)
from orders.panic import decision, exchange_requests, leftovers, readback, worker
from tests.helpers.panics import QUICK

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def _quick(quick_panic):
    """Nothing here waits as long as it would on the desk."""


@pytest.fixture
def stops(firm):
    """Two stop orders, which this exchange's cancel-all leaves."""
    firm.paper.rules(cancel_all_takes_stops=False)
    return firm.orders(2, order_type="stop_limit", stop_price="40000")


def pull(firm):
    about = {"user": firm.operator, "actor": firm.actor(), "desk_id": firm.momentum.pk}
    return decision.record_panic(**about)


def carry(timings=QUICK):
    for line in worker.claim_lines(timezone.now()):
        worker.empty(line, timings=timings)
    return PanicLine.objects.get()


def emptied(firm, timings=QUICK):
    pull(firm)
    return carry(timings)


def is_open(firm):
    truth = firm.paper.truth(firm.account.address)
    return [order_id for order_id, order in truth.items() if order["is_open"]]


def refusal(error):
    return {"status": 400, "body": {"success": False, "error": error, "code": 400}}


NO = "Agent not authorized for account"


def test_an_order_is_cancelled_once_and_a_refusal_is_counted_with_its_reason(firm, stops):
    for route in ("/orders/batch", "/orders/stop/cancel"):
        firm.paper.fault(route, "status", times=None, **refusal(NO))
    line = emptied(firm)
    assert line.status == PanicStatus.NEEDS_YOU
    assert Cancel.objects.count() == 2
    assert "2 still listed" in line.explanation
    assert "2 refused: The agent wallet is not bound" in line.explanation


def bulk(firm, orders):
    """A bulk job whose cancels of these orders wait."""
    actor = firm.actor()
    asked = intake.record_request(actor, [target_of(order) for order in orders], scope="bulk")
    CancelJob.objects.filter(pk=asked.jobs[0].pk).update(is_urgent=False)
    Cancel.objects.update(is_urgent=False, not_before_at=timezone.now() + timedelta(minutes=5))
    return asked.jobs[0]


def test_what_waits_in_bulk_for_the_same_orders_is_sent_at_once(firm, stops):
    job = bulk(firm, stops)
    assert emptied(firm).status == PanicStatus.EMPTY
    assert set(job.cancels.values_list("status", flat=True)) == {CancelStatus.CANCELLED}
    assert Cancel.objects.count() == 2


def test_what_a_stopped_job_gave_up_is_the_panics_own_to_cancel(firm, stops):
    job = bulk(firm, stops)
    jobs.stop(user=firm.operator, actor=firm.actor(), job_id=job.pk)
    assert emptied(firm).status == PanicStatus.EMPTY
    assert set(job.cancels.values_list("status", flat=True)) == {CancelStatus.STOPPED}


def test_a_stop_that_comes_while_the_panic_reads_back_sends_nothing_of_its_job(
    firm, stops, monkeypatch
):
    job, real = bulk(firm, stops), leftovers._hurry

    def stopped_meanwhile(*given):
        real(*given)
        jobs.stop(user=firm.operator, actor=firm.actor(), job_id=job.pk)

    monkeypatch.setattr(leftovers, "_hurry", stopped_meanwhile)
    assert emptied(firm).status == PanicStatus.EMPTY
    assert set(job.cancels.values_list("status", flat=True)) == {CancelStatus.STOPPED}


def test_what_a_stopping_job_still_holds_is_not_hurried(firm, stops):
    job = bulk(firm, stops)
    CancelJob.objects.filter(pk=job.pk).update(status=JobStatus.STOPPING)
    pull(firm)
    (line,) = worker.claim_lines(timezone.now())
    leftovers._hurry(line, Q(order_id__in=[order.order_id for order in stops]))
    assert not job.cancels.filter(is_urgent=True).exists()


def test_an_operators_own_click_that_waits_is_sent_too(firm, stops):
    requests.cancel_orders(
        user=firm.operator, actor=firm.actor(), order_ids=[order.pk for order in stops]
    )
    assert emptied(firm).status == PanicStatus.EMPTY


# Strategies


def strategy(firm, **about):
    rows = [{"symbol": "BTC", "side": "bid", "price": "1", "initial_amount": "1"}]
    return firm.paper.strategy(firm.account.address, orders=rows, replaces_after_ms=0, **about)


def asked(firm):
    return len(firm.paper.requests("/order_strategies/cancel"))


@pytest.mark.parametrize(
    ("kind", "about"),
    [("drop", {}), ("status", {"status": 500}), ("status", {"status": 429})],
)
def test_a_strategys_cancel_is_repeated_until_the_exchange_took_it(firm, kind, about, monkeypatch):
    monkeypatch.setattr(exchange_requests, "slow_down_s", lambda headers: 0.2)  # after a 429
    strategy(firm)
    firm.paper.fault("/order_strategies/cancel", kind, times=2, **about)
    line = emptied(firm, replace(QUICK, deadline_s=20))  # three rounds, however slow the machine
    assert line.status == PanicStatus.EMPTY, line.explanation
    assert asked(firm) == 3


def test_a_strategy_that_is_refused_is_not_asked_again_and_its_reason_is_told(firm, monkeypatch):
    strategy(firm)
    firm.paper.fault("/order_strategies/cancel", "status", times=None, **refusal(NO))
    line = emptied(firm)
    assert line.status == PanicStatus.NEEDS_YOU
    assert "The agent wallet is not bound" in line.explanation
    assert asked(firm) == 1


def test_a_strategy_that_cannot_be_signed_keeps_no_order_open(firm, stops):
    strategy(firm, strategy_id="no uuid")
    pull(firm)
    line = carry()
    assert line.status == PanicStatus.NEEDS_YOU
    assert "strategy no uuid: strategy_id must be a full UUID" in line.explanation
    cancelled = Cancel.objects.filter(status=CancelStatus.CANCELLED)
    assert {order.order_id for order in stops} <= set(cancelled.values_list("order_id", flat=True))


def test_an_agent_wallet_that_is_disabled_after_cancel_all_is_told_in_words(firm, monkeypatch):
    strategy(firm)
    firm.paper.fault("/order_strategies", "status", status=500)  # so it is found after cancel-all
    real = readback.finish

    def disabled_before(line, *given):
        AgentWallet.objects.update(is_active=False)
        return real(line, *given)

    monkeypatch.setattr(readback, "finish", disabled_before)
    line = emptied(firm)
    assert line.status == PanicStatus.NEEDS_YOU
    assert "has no active agent wallet" in line.explanation


# A book that lags: for so many passes, however long they take


PATIENT = replace(QUICK, deadline_s=60)


def _lagging(firm, monkeypatch, *, until):
    """The book is stale until a pass over what it lists has made this true."""
    real = leftovers.Leftovers.cancel

    def cancel(self, rows):
        real(self, rows)
        if until():
            firm.paper.disarm()

    monkeypatch.setattr(leftovers.Leftovers, "cancel", cancel)
    firm.paper.fault("*", "stale_reads", for_ms=60_000)


def test_what_an_accepted_cancel_all_took_gets_a_moment_to_leave_the_book(firm, monkeypatch):
    firm.orders(3)
    _lagging(firm, monkeypatch, until=lambda: True)
    assert emptied(firm, replace(PATIENT, lag=timedelta(minutes=1))).status == PanicStatus.EMPTY
    assert not Cancel.objects.exists()


def test_what_is_still_listed_after_that_moment_is_cancelled_singly(firm, monkeypatch):
    firm.orders(2)
    _lagging(firm, monkeypatch, until=Cancel.objects.exists)
    assert emptied(firm, replace(PATIENT, lag=timedelta(0))).status == PanicStatus.EMPTY
    assert Cancel.objects.count() == 2


def test_a_newer_order_and_a_stop_get_no_such_moment(firm, stops, monkeypatch):
    real = readback.finish

    def placed_before(line, *given):
        firm.paper.orders(firm.account.address, 1)
        return real(line, *given)

    monkeypatch.setattr(readback, "finish", placed_before)
    assert emptied(firm, replace(QUICK, lag=timedelta(seconds=30))).status == PanicStatus.EMPTY
    assert Cancel.objects.count() == 3


# Times that are true


def test_the_last_request_is_one_that_left(firm, stops):
    line = emptied(firm)
    assert line.last_sent_at == max(Cancel.objects.values_list("sent_at", flat=True))


def test_nothing_that_did_not_leave_counts_as_sent(firm, stops, settings, monkeypatch):
    real = readback.finish

    def cut_off(line, *given):
        settings.PACIFICA_URL = "http://127.0.0.1:9/api/v1"
        client.forget()
        return real(line, *given)

    pull(firm)
    monkeypatch.setattr(readback, "finish", cut_off)
    line = carry()
    assert line.status == PanicStatus.NEEDS_YOU
    assert line.last_sent_at == line.sent_at
