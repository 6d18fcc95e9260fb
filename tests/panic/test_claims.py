"""Panic lines have one sender at a time: a cancel-all that two would send hits newer orders."""

import threading
import time
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from orders.models import AuditRecord, Event, PanicLine, PanicStatus
from orders.panic import decision, exchange_requests, readback, worker
from tests.helpers.panics import QUICK


@pytest.fixture
def line(firm):
    """One line, claimed and not yet carried."""
    firm.orders(2)
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    (line,) = worker.claim_lines(timezone.now())
    return line


def cancel_alls(firm):
    return len(firm.paper.requests("/orders/cancel_all"))


def test_a_line_that_waited_longer_than_its_lease_is_sent_by_the_next_sender_alone(firm, line):
    PanicLine.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    (again,) = worker.claim_lines(timezone.now())
    worker.empty(again)
    worker.empty(line)
    assert cancel_alls(firm) == 1
    assert PanicLine.objects.get().status == PanicStatus.EMPTY


def test_a_sender_that_stood_still_between_signing_and_recording_sends_nothing(
    firm, line, monkeypatch
):
    real = exchange_requests.credits.reserve

    def frozen(**about):
        PanicLine.objects.update(claim_token=uuid.uuid4())
        return real(**about)

    monkeypatch.setattr(exchange_requests.credits, "reserve", frozen)
    worker.empty(line)
    assert cancel_alls(firm) == 0
    assert not AuditRecord.objects.filter(event=Event.REQUEST, job=line.job).exists()
    assert PanicLine.objects.get().status == PanicStatus.WAITING


def test_a_claimed_line_is_carried_as_it_stands_not_as_it_was_read(firm, line, quick_panic):
    """Its own sender had gone on already, as far as the answer."""
    PanicLine.objects.update(status=PanicStatus.FINISHING)
    worker.empty(line, timings=QUICK)
    assert cancel_alls(firm) == 0


def test_no_more_lines_are_taken_than_threads_are_free(committing_firm, monkeypatch):
    firm, gate = committing_firm, threading.Event()
    for n in range(4):
        firm.new_account(f"Book {n}", firm.momentum)
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    monkeypatch.setattr(worker, "empty", lambda *_: gate.wait(10))
    emptier = worker.PanicWorker(threads=2)
    try:
        assert len(emptier.take_due(timezone.now())) == 2
        assert emptier.take_due(timezone.now()) == []
    finally:
        gate.set()
        emptier.close()
    assert PanicLine.objects.filter(claim_token=None).count() == 3


def test_a_cancel_all_that_waits_is_taken_before_a_book_that_is_read_back(firm):
    firm.new_account("Beta", firm.momentum)
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    first, second = PanicLine.objects.order_by("pk")
    PanicLine.objects.filter(pk=first.pk).update(status=PanicStatus.FINISHING)
    assert worker.claim_lines(timezone.now(), most=1) == [second]


def test_a_book_that_is_read_back_makes_way_for_a_cancel_all_that_waits(
    committing_firm, monkeypatch
):
    """One thread, two accounts, and the first book takes its time."""
    firm = committing_firm
    firm.new_account("Beta", firm.momentum)
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    first, second = PanicLine.objects.order_by("pk")

    def is_empty(line):
        return PanicLine.objects.get(pk=line.pk).status == PanicStatus.EMPTY

    def slow_first(line, *_):
        return 0.05 if line.pk == first.pk and not is_empty(second) else 0

    monkeypatch.setattr(readback, "_unsettled_s", slow_first)
    emptier, ends_at = worker.PanicWorker(threads=1), time.monotonic() + 60
    try:
        while not (is_empty(first) and is_empty(second)) and time.monotonic() < ends_at:
            emptier.take_due(timezone.now())
            time.sleep(0.02)
    finally:
        emptier.close(is_hurried=True)
    assert is_empty(second)
    assert is_empty(first)


def test_a_thread_keeps_its_connection_to_a_file_for_the_next_panic(committing_firm):
    """Opened anew for each of twenty accounts it is a tenth of the time to empty books."""
    firm, is_open = committing_firm, lambda: connection.connection is not None
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    emptier = worker.PanicWorker(threads=1, timings=QUICK)
    for future in emptier.take_due(timezone.now()):
        future.result()
    assert emptier._pool.submit(is_open).result() == (connection.vendor == "sqlite")
    (kept,) = emptier._connections
    emptier.close()
    assert kept.connection is None
