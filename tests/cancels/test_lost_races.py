"""Two take the same orders at once: each has an answer, and each order one live cancel."""

import contextlib
import threading

import pytest
from django.conf import settings

from orders.cancels import cancel_rows, intake, jobs, lost_races, requests
from orders.lifecycle.targets import target_of
from orders.models import AuditRecord, Cancel, CancelJob, CancelStatus, Event
from orders.panic import decision
from tests.helpers.bulk import a_book
from tests.helpers.elsewhere import elsewhere

pytestmark = pytest.mark.skipif(settings.IS_SQLITE, reason="SQLite has one writer at a time")


def click(firm, *orders):
    ids = [order.pk for order in orders]
    return requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)


def at_once(act):
    """Do it on another connection, and see it end."""
    assert not elsewhere(act).is_alive()


def before_each_insert(monkeypatch, acts):
    """Do the next of these elsewhere between each look of this thread and its insert."""
    real, here = cancel_rows.insert, threading.current_thread()

    def insert(*args, **options):
        if threading.current_thread() is here and acts:
            at_once(acts.pop(0))
        return real(*args, **options)

    monkeypatch.setattr(cancel_rows, "insert", insert)


def clicks_on(firm, orders):
    return [lambda order=order: click(firm, order) for order in orders]


def test_many_are_recorded_though_their_orders_are_clicked_at_each_look(
    committing_firm, monkeypatch
):
    firm = committing_firm
    book = a_book(firm, 6)
    before_each_insert(monkeypatch, clicks_on(firm, book[:2]))
    asked = click(firm, *book)
    assert asked.sentence() == "4 cancels recorded, 2 skipped: already being cancelled."
    job = asked.jobs[0]
    record = AuditRecord.objects.get(event=Event.CANCEL_ASKED, job_id=job.pk)
    told = [(row.order_id, row.outcome) for row in record.order_rows.order_by("pk")]
    worked = [(order.order_id, "") for order in book[2:]]
    assert told == worked + [(order.order_id, "skipped") for order in book[:2]]
    of_job = job.cancels.order_by("pk").values_list("order_id", flat=True)
    assert list(of_job) == [order.order_id for order in book[2:]]


def test_a_panic_goes_on_though_its_leftovers_are_clicked_at_each_look(
    committing_firm, monkeypatch
):
    firm = committing_firm
    book = a_book(firm, 6)
    job = decision.record_panic(
        user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk, reason="limit"
    )
    before_each_insert(monkeypatch, clicks_on(firm, book[:2]))
    assert intake.extend(job, [target_of(order) for order in book]) == 4
    assert job.cancels.count() == 4
    assert Cancel.objects.count() == 6


def test_no_job_is_made_where_others_took_every_order_meanwhile(committing_firm, monkeypatch):
    firm = committing_firm
    book = a_book(firm, 6)
    before_each_insert(monkeypatch, [lambda: click(firm, *book)])
    asked = click(firm, *book)
    assert asked.sentence() == "0 cancels recorded, 6 skipped: already being cancelled."
    assert CancelJob.objects.count() == 1


def test_an_order_of_which_another_ones_click_takes_the_name_is_cancelled_by_its_id(
    committing_firm, monkeypatch
):
    """An edited order keeps its client order id, and the one before it may still be cancelled."""
    firm = committing_firm
    book = a_book(firm, 3)
    named = a_book(firm, 2, first=72_000_000_000, client_order_id="of both")
    before_each_insert(monkeypatch, clicks_on(firm, [book[0], named[0]]))
    asked = click(firm, *book, named[1])
    assert asked.sentence() == "3 cancels recorded, 1 skipped: already being cancelled."
    last = asked.jobs[0].cancels.order_by("pk").last()
    assert (last.order_id, last.client_order_id) == (named[1].order_id, None)


def test_a_resume_goes_on_though_its_orders_are_clicked_at_each_look(committing_firm, monkeypatch):
    firm = committing_firm
    book = a_book(firm, 6)
    (job,) = click(firm, *book).jobs
    about = {"user": firm.operator, "actor": firm.actor(), "job_id": job.pk}
    jobs.stop(**about)
    acts, real = clicks_on(firm, [book[5], book[0]]), jobs._queue

    def queue(*args):
        if acts:
            at_once(acts.pop(0))
        return real(*args)

    monkeypatch.setattr(jobs, "_queue", queue)
    said = jobs.resume(**about)
    assert said == "Resumed: 4 waiting to be sent, 2 skipped: already being cancelled."
    queued = job.cancels.filter(status=CancelStatus.QUEUED).order_by("pk")
    assert list(queued.values_list("order_id", flat=True)) == [o.order_id for o in book[1:5]]


def test_two_bulks_of_the_same_orders_in_different_orders_of_work_do_not_deadlock(
    committing_firm, monkeypatch
):
    """Each holds what it inserted, and would wait for what the other one did."""
    firm = committing_firm
    *book, mine, yours = a_book(firm, 602)
    both, told = threading.Barrier(2), []
    real = cancel_rows.insert

    def insert(model, columns, rows, **options):
        if len(rows) == 601 and not options.get("skips_taken"):
            real(model, columns, rows[:300], **options)
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(0.5)  # where the other one inserts the same rows first, it waits
            return real(model, columns, rows[300:], **options)
        return real(model, columns, rows, **options)

    def cancel(orders):
        targets = [target_of(order) for order in orders]
        told.append(intake.record_request(firm.actor(), targets).sentence())

    monkeypatch.setattr(cancel_rows, "insert", insert)
    monkeypatch.setattr(lost_races, "TRIES", 1)
    other = threading.Thread(target=at_once, args=(lambda: cancel([*book[::-1], yours]),))
    other.start()
    cancel([*book, mine])
    other.join(10)
    assert sorted(told) == [
        "1 cancel recorded, 600 skipped: already being cancelled.",
        "601 cancels recorded.",
    ]
