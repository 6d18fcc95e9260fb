"""What a panic's line says of its cancel-all is what happened, no more."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from orders.exchange import client
from orders.exchange.reader import Reader
from orders.lifecycle.targets import CannotAsk
from orders.models import CancelJob, CreditPool, PanicLine, PanicStatus
from orders.panic import decision, exchange_requests, worker
from tests.helpers.panics import QUICK


@pytest.fixture(autouse=True)
def _quick(quick_panic):
    """Nothing here waits as long as it would on the desk."""


def pull(firm, **about):
    who = {"user": firm.operator, "actor": firm.actor(), "desk_id": firm.momentum.pk}
    return decision.record_panic(**who | about)


def carry(timings=QUICK):
    for line in worker.claim_lines(timezone.now()):
        worker.empty(line, timings=timings)
    return PanicLine.objects.first()


def carry_on():
    """The pauses are over."""
    PanicLine.objects.update(lease_until=None)
    CreditPool.objects.update(paused_until=None)
    return carry()


def test_what_was_repeated_by_itself_was_not_sent_twice_by_a_person(firm):
    firm.orders(2)
    firm.paper.fault("/orders/cancel_all", "status", status=429)
    pull(firm)
    line = carry()
    assert (line.status, line.cancel_alls) == (PanicStatus.WAITING, 0)
    assert line.answered_at is not None
    line = carry_on()
    assert (line.status, line.cancel_alls) == (PanicStatus.EMPTY, 1)


def test_what_never_left_was_not_sent(firm, settings):
    settings.PACIFICA_URL = "http://127.0.0.1:9/api/v1"
    client.forget()
    pull(firm)
    line = carry()
    assert line.status == PanicStatus.WAITING
    assert (line.sent_at, line.last_sent_at, line.answered_at) == (None, None, None)
    assert "Nothing was sent" in line.explanation
    assert line.cancel_alls == 0


def test_an_answer_that_was_lost_has_no_time(firm):
    firm.paper.fault("/orders/cancel_all", "drop")
    pull(firm)
    line = carry()
    assert line.answered_at is None
    assert "was lost" in line.explanation


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 500}, "proves nothing (HTTP 500)"),
        (
            {
                "status": 422,
                "body": {"success": False, "error": "Failed to cancel order", "code": 5},
            },
            "The exchange said: Failed to cancel order",
        ),
    ],
)
def test_an_answer_that_came_is_not_called_lost(firm, answer, said):
    firm.paper.fault("/orders/cancel_all", "status", **answer)
    pull(firm)
    line = carry()
    assert said in line.explanation
    assert "lost" not in line.explanation
    assert line.answered_at is not None


def test_a_429_pauses_the_pool_and_the_line_for_as_long_as_it_says(firm):
    limits = {"ratelimit": '"credits";r=0;t=20'}
    firm.paper.fault("/orders/cancel_all", "status", status=429, headers=limits)
    pull(firm)
    told, earliest = timedelta(seconds=20), timezone.now()
    line, latest = carry(), timezone.now()
    assert earliest + told <= line.lease_until <= latest + told
    paused_until = CreditPool.objects.get(name="keyless").paused_until
    assert earliest + told <= paused_until <= latest + told


def test_a_cancel_all_in_a_paused_pool_is_sent_and_booked(firm, monkeypatch):
    booked = []
    monkeypatch.setattr(
        exchange_requests.credits,
        "book",
        lambda *, grant, unused, **_: booked.append((grant, unused)),
    )
    later = timezone.now() + timedelta(seconds=30)
    CreditPool.objects.update_or_create(
        name="keyless", defaults={"quota": 100, "spent": "{}", "paused_until": later}
    )
    pull(firm)
    for line in worker.claim_lines(timezone.now()):
        worker.cancel_all.send(line)
    assert PanicLine.objects.get().cancelled_count == 0
    assert [(grant.count, unused) for grant, unused in booked] == [(1, 0)] * 2  # with a read


def test_waiting_for_credits_does_not_count_against_the_deadline(firm):
    later = timezone.now() + timedelta(seconds=2)
    CreditPool.objects.update_or_create(
        name="keyless", defaults={"quota": 100, "spent": "{}", "paused_until": later}
    )
    firm.paper.rules(cancel_all_takes_stops=False)
    firm.paper.orders(firm.account.address, [{"order_type": "stop_limit", "stop_price": "1"}])
    pull(firm)
    line = carry()
    assert line.status == PanicStatus.EMPTY, line.explanation


def test_waiting_for_credits_ends_too(firm):
    later = timezone.now() + timedelta(seconds=30)
    CreditPool.objects.update_or_create(
        name="keyless", defaults={"quota": 100, "spent": "{}", "paused_until": later}
    )
    pull(firm)
    line = carry(replace(QUICK, credit_wait_s=0.2))
    assert line.status == PanicStatus.NEEDS_YOU
    assert "for credits" in line.explanation


def test_the_same_key_with_another_scope_is_another_panic(firm):
    key = uuid.uuid4()
    jobs = {
        pull(firm, request_key=key, **scope).pk
        for scope in ({}, {"symbol": "BTC"}, {"keep_reduce_only": True}, {"symbol": "BTC"})
    }
    assert len(jobs) == 3


def test_a_panic_never_fails_for_its_words(firm):
    firm.momentum.name = "M" * 80
    firm.momentum.save()
    firm.account.name = "A" * 80
    firm.account.save()
    pull(firm, symbol="S" * 64, reason="r" * 500, keep_reduce_only=True)
    job = CancelJob.objects.get()
    assert (len(job.scope), len(job.reason)) == (200, 300)
    with pytest.raises(CannotAsk, match="at most 64"):
        pull(firm, symbol="S" * 65)


@pytest.mark.parametrize("error", [OperationalError("deadlock detected"), ValueError("odd")])
def test_trouble_with_what_came_before_costs_neither_booking_nor_pause(firm, monkeypatch, error):
    """The read of strategies is paid for together with the cancel-all."""

    def book(reader, reading):
        raise error

    firm.orders(2)
    firm.paper.fault("/orders/cancel_all", "status", status=429)
    monkeypatch.setattr(Reader, "book", book)
    pull(firm)
    line = carry()
    pool = CreditPool.objects.get()
    assert line.status == PanicStatus.WAITING
    assert pool.paused_until is not None
    assert pool.spent != "{}"
