"""Whatever befalls a panic's sender, its line ends in words, and the log stays whole."""

import json
import uuid
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from django.db import IntegrityError, OperationalError
from django.utils import timezone

from orders.audit import log
from orders.cancels import cancel_rows
from orders.evidence import outcome_checks, verify
from orders.exchange.client import signing_times
from orders.lifecycle import panic_facts
from orders.models import AuditRecord, Cancel, Event, JobStatus, PanicLine, PanicStatus
from orders.panic import cancel_all, decision, exchange_requests, readback, worker
from orders.reconcile import sync
from tests.helpers.panics import QUICK


@pytest.fixture(autouse=True)
def _quick(quick_panic):
    """Nothing here waits as long as it would on the desk."""


@pytest.fixture
def line(firm):
    """One line that waits."""
    firm.orders(2)
    return pulled(firm)


def pulled(firm):
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    return PanicLine.objects.select_related("account__desk", "job__desk").get()


def carry():
    for line in worker.claim_lines(timezone.now()):
        worker.empty(line, timings=QUICK)
    return PanicLine.objects.get()


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


def a_strategy(firm):
    rows = [{"symbol": "BTC", "side": "bid", "price": "1", "initial_amount": "1"}]
    firm.paper.strategy(firm.account.address, orders=rows, replaces_after_ms=0)


def is_whole():
    """Whether it is an hour from now, when no request may be under way any more."""
    with pytest.MonkeyPatch.context() as later:
        later.setattr(outcome_checks, "clock", lambda: timezone.now() + timedelta(hours=1))
        return verify.verify().fault_count == 0


def test_what_nobody_foresaw_is_left_to_a_person_in_words(firm, line, monkeypatch):
    monkeypatch.setattr(readback, "finish", failing(RuntimeError("whatever")))
    line = carry()
    assert line.status == PanicStatus.NEEDS_YOU
    assert "Its sender failed (RuntimeError)" in line.explanation
    assert "The exchange cancelled 2." in line.explanation


def test_a_failure_in_a_thread_of_the_sweep_is_said_too(committing_firm, monkeypatch):
    pulled(committing_firm)
    monkeypatch.setattr(readback, "finish", failing(RuntimeError("whatever")))
    emptier = worker.PanicWorker(timings=QUICK)
    emptier.take_due(timezone.now())
    emptier.close()
    assert PanicLine.objects.get().status == PanicStatus.NEEDS_YOU


def test_a_failure_between_request_and_answer_leaves_the_log_whole(firm, line, monkeypatch):
    monkeypatch.setattr(cancel_all, "_conclude", failing(RuntimeError("whatever")))
    assert carry().status == PanicStatus.NEEDS_YOU
    assert is_whole()


def test_a_database_that_comes_back_lets_the_next_sender_go_on(firm, line, monkeypatch):
    with monkeypatch.context() as trouble:
        trouble.setattr(readback, "finish", failing(OperationalError("gone")))
        line = carry()
    assert line.status == PanicStatus.FINISHING
    PanicLine.objects.update(lease_until=None)
    assert carry().status == PanicStatus.EMPTY
    assert len(firm.paper.requests("/orders/cancel_all")) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OperationalError("gone")])
def test_a_line_that_fails_its_senders_for_ever_is_left_to_a_person(firm, line, monkeypatch, error):
    monkeypatch.setattr(readback, "finish", failing(error))
    for _ in range(worker.MAX_TAKES):
        with suppress(KeyboardInterrupt):
            carry()
        PanicLine.objects.update(lease_until=None)
    line = carry()
    assert line.status == PanicStatus.NEEDS_YOU
    assert "Its senders failed 5 times" in line.explanation


def test_an_order_that_a_click_takes_meanwhile_stops_nothing(firm, line, monkeypatch):
    real, failures = cancel_rows.insert, [IntegrityError("unique")]

    def insert(*given, **options):
        if failures:
            raise failures.pop()
        return real(*given, **options)

    firm.paper.rules(cancel_all_takes_stops=False)
    firm.orders(1, order_type="stop_limit", stop_price="40000")
    monkeypatch.setattr(cancel_rows, "insert", insert)
    assert carry().status == PanicStatus.EMPTY
    assert not failures
    assert Cancel.objects.count() == 1


def test_trouble_with_the_purse_costs_no_answer(firm, line, monkeypatch):
    real = exchange_requests.credits.book

    def book(*, grant, **about):
        if not grant.is_reserved:
            raise OperationalError("locked")
        return real(grant=grant, **about)

    monkeypatch.setattr(exchange_requests.credits, "book", book)
    line = carry()
    assert (line.status, line.cancelled_count) == (PanicStatus.EMPTY, 2)


def test_a_sender_that_dies_while_it_cancels_a_strategy_leaves_the_log_whole(
    firm, line, monkeypatch
):
    a_strategy(firm)
    with monkeypatch.context() as crash, pytest.raises(KeyboardInterrupt):
        crash.setattr(exchange_requests, "record_answers", failing(KeyboardInterrupt()))
        carry()
    assert not is_whole()
    PanicLine.objects.update(lease_until=None)
    assert carry().status == PanicStatus.EMPTY
    assert AuditRecord.objects.filter(event=Event.SENDER_LOST).count() == 1
    assert is_whole()


def test_an_answer_that_comes_after_another_took_over_is_evidence_only(firm, line, monkeypatch):
    real = exchange_requests._sent

    def slow(request, key):
        result = real(request, key)
        monkeypatch.setattr(exchange_requests, "_sent", real)
        PanicLine.objects.update(lease_until=timezone.now())
        carry()
        return result

    monkeypatch.setattr(exchange_requests, "_sent", slow)
    carry()
    answers = AuditRecord.objects.filter(event=Event.ANSWER, job=line.job)
    assert '"is_late":true' in answers.get().data
    assert PanicLine.objects.get().cancelled_count is None
    assert len(firm.paper.requests("/orders/cancel_all")) == 1
    assert is_whole()


def test_a_late_answer_ends_no_request_of_the_sender_that_took_over(firm, line):
    (line,) = worker.claim_lines(timezone.now())
    signer, _ = exchange_requests.signer_of(line)
    times = signing_times(timezone.now())
    request = signer.cancel_strategy(strategy_id=str(uuid.uuid4()), **times)
    result = exchange_requests._sent(request, None)
    log.record(
        panic_facts.request_fact(line, request),
        panic_facts.lost_fact(line, timezone.now()),
        panic_facts.request_fact(line, request),
        panic_facts.answer_fact(line, result, "", is_late=True),
        panic_facts.answer_fact(line, result, "refused"),
    )
    assert is_whole()


@pytest.mark.parametrize("end", ["record_empty", "leave_to_person"])
def test_a_sender_that_lost_its_claim_says_no_end(firm, line, monkeypatch, end):
    real = getattr(readback, end)

    def taken_over(*given, **more):
        PanicLine.objects.update(claim_token=uuid.uuid4())
        return real(*given, **more)

    monkeypatch.setattr(readback, end, taken_over)
    if end == "leave_to_person":
        firm.paper.fault("*", "stale_reads", for_ms=60_000)
    line = carry()
    assert line.status == PanicStatus.FINISHING
    ends = [PanicStatus.EMPTY, PanicStatus.NEEDS_YOU]
    assert not AuditRecord.objects.filter(event=Event.OUTCOME, outcome__in=ends).exists()
    line.job.refresh_from_db()
    assert line.job.status == JobStatus.RUNNING


def test_books_that_cannot_be_read_in_change_nothing_of_how_the_panic_ended(
    firm, line, monkeypatch
):
    monkeypatch.setattr(sync, "sync_account", failing(OperationalError("gone")))
    assert carry().status == PanicStatus.EMPTY


def test_a_cancel_all_that_was_recorded_too_late_is_not_sent_and_signed_anew(firm, monkeypatch):
    firm.orders(3)
    line, stale = pulled(firm), [True, *[False] * 9]
    monkeypatch.setattr(exchange_requests, "is_stale", lambda *_: stale.pop(0))
    carry()
    line.refresh_from_db()
    assert (line.status, line.sent_at, line.cancel_alls) == ("waiting", None, 0)
    assert line.explanation == (
        "Nothing was sent: recording it took longer than its signature counts. "
        "It is sent again by itself."
    )
    assert not firm.paper.requests("/orders/cancel_all")
    PanicLine.objects.update(lease_until=timezone.now() - timedelta(hours=1))
    carry()
    line.refresh_from_db()
    assert (line.status, len(firm.paper.requests("/orders/cancel_all"))) == ("empty", 1)
    assert verify.verify().is_whole


def test_a_cancel_all_is_signed_once_the_database_may_be_written(firm, monkeypatch):
    firm.orders(1)
    pulled(firm)
    real, begun_at = exchange_requests.writing, timezone.now()
    waited = []

    @contextmanager
    def writing():
        waited.append(timedelta(seconds=4))
        with real():
            yield

    monkeypatch.setattr(exchange_requests, "writing", writing)
    monkeypatch.setattr(cancel_all, "clock", lambda: timezone.now() + sum(waited[:1], timedelta()))
    carry()
    (request,) = AuditRecord.objects.filter(event=Event.REQUEST)
    signed_at = json.loads(request.data)["timestamp"] / 1000
    assert signed_at >= begun_at.timestamp() + 4
