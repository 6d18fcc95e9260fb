"""Stop, resume, retry: a job's cancels are all accounted for, whatever is pressed."""

import contextlib
import json
import threading
import uuid

import pytest
from django.db import connection, connections
from django.utils import timezone

from orders.access.permissions import NotAllowed
from orders.audit import log, sentences
from orders.cancels import jobs, requests
from orders.delivery import batches, turns, worker
from orders.management import sweep
from orders.models import (
    Account,
    AuditRecord,
    Cancel,
    CancelJob,
    CancelStatus,
    Desk,
    Event,
    JobStatus,
    Order,
    OrderState,
)
from orders.models.cancels import LEASE
from tests.helpers.claims import claim, tells

CLIENT_ORDER_ID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


def ask(firm, orders, **options):
    ids = [order.pk for order in orders]
    asked = requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids, **options)
    return asked.jobs[0]


def deliver(firm):
    worker.deliver_account(account_id=firm.account.pk)


def press(firm, act, job, user=None):
    user = user or firm.operator
    return act(user=user, actor=firm.actor(user), job_id=job.pk)


def stop_on_the_wire(firm, job, monkeypatch):
    """Press *Stop* between a request and the record of its answer; what it said, once it has."""
    real, told = batches.send, []

    def send(*args, **options):
        real(*args, **options)
        told.append(press(firm, jobs.stop, job))

    monkeypatch.setattr(batches, "send", send)
    return told


def statuses():
    return list(Cancel.objects.order_by("pk").values_list("status", flat=True))


def test_a_stopped_job_sends_nothing_more_and_says_what_it_left(firm):
    job = ask(firm, firm.orders(3))
    said = press(firm, jobs.stop, job)
    deliver(firm)
    job.refresh_from_db()
    assert said == "Stopped: 3 not sent, 0 still being followed to their end."
    assert (job.status, set(statuses())) == (JobStatus.STOPPED, {CancelStatus.STOPPED})
    assert not firm.paper.requests("/orders/batch")
    assert AuditRecord.objects.filter(event=Event.JOB_STOPPED).count() == 1


def told(event):
    """(order id, outcome) of each order row of the one record of this event."""
    record = AuditRecord.objects.get(event=event)
    return list(record.order_rows.values_list("order_id", "outcome"))


def test_the_log_names_every_order_that_was_stopped_or_resumed(firm):
    orders = firm.orders(4)
    job = ask(firm, orders)
    claim(account_id=firm.account.pk, now=timezone.now(), limit=1)
    press(firm, jobs.stop, job)
    left = [order.order_id for order in orders]
    assert told(Event.JOB_STOPPED) == [(order_id, "stopped") for order_id in left]
    press(firm, jobs.resume, job)
    assert told(Event.JOB_RESUMED) == [(order_id, "queued") for order_id in left]


def test_what_comes_back_to_a_stopped_job_is_told_as_stopped(firm, monkeypatch):
    order = firm.order()
    job = ask(firm, [order])
    claimed = claim(account_id=firm.account.pk, now=timezone.now())
    firm.paper.fault("/orders/cancel", "status", status=429)
    stop_on_the_wire(firm, job, monkeypatch)
    worker.deliver(claimed)
    assert statuses() == ["stopped"]
    assert told(Event.OUTCOME) == [(order.order_id, "stopped")]


def test_what_was_claimed_and_not_sent_counts_as_not_sent_and_stays_unsent(firm):
    job = ask(firm, firm.orders(3))
    claimed = claim(account_id=firm.account.pk, now=timezone.now(), limit=2)
    assert press(firm, jobs.stop, job) == (
        "Stopped: 3 not sent, 0 still being followed to their end."
    )
    assert worker.deliver(claimed) == (0, None)  # its sender comes too late
    assert not firm.paper.requests("/orders/cancel") + firm.paper.requests("/orders/batch")
    job.refresh_from_db()
    assert (job.status, set(statuses())) == (JobStatus.STOPPED, {CancelStatus.STOPPED})
    record = AuditRecord.objects.get(event=Event.JOB_STOPPED)
    assert json.loads(record.data) == {"stopped": 3, "under_way": 0}
    assert sentences.of_record(record).endswith(f"stopped job {job.pk}: 3 not sent.")


@pytest.mark.parametrize("count", [1, 12], ids=["one request", "two requests"])
def test_a_stop_that_comes_before_the_first_request_leaves_is_kept(firm, monkeypatch, count):
    job = ask(firm, firm.orders(count))
    real = worker.record_requests

    def record_requests(*args):
        recorded = real(*args)
        press(firm, jobs.stop, job)
        return recorded

    monkeypatch.setattr(worker, "record_requests", record_requests)
    deliver(firm)
    assert not firm.paper.requests("/orders/cancel") + firm.paper.requests("/orders/batch")
    assert set(statuses()) == {CancelStatus.STOPPED}
    job.refresh_from_db()
    assert job.status == JobStatus.STOPPED


def test_what_is_stopped_promises_no_further_request(firm):
    """Neither what waited when *Stop* was pressed nor what came back to the queue afterwards."""
    job = ask(firm, firm.orders(3))
    said = "Nothing was sent: connect. It is sent again by itself."
    Cancel.objects.update(explanation=said)
    first = job.cancels.order_by("pk").first()
    job.cancels.filter(pk=first.pk).update(has_unanswered=True)
    claim(account_id=firm.account.pk, now=timezone.now(), limit=1)
    press(firm, jobs.stop, job)
    sweep.recover_abandoned(timezone.now() + LEASE + sweep.GRACE)
    told = list(job.cancels.order_by("pk").values_list("status", "explanation"))
    unanswered = "Its job was stopped. An earlier request had no answer: it may have acted."
    assert told == [("stopped", unanswered)] + [("stopped", "Its job was stopped.")] * 2


def test_what_is_under_way_is_followed_to_its_end(firm, monkeypatch):
    job = ask(firm, firm.orders(3))
    claimed = claim(account_id=firm.account.pk, now=timezone.now(), limit=2)
    told = stop_on_the_wire(firm, job, monkeypatch)
    worker.deliver(claimed)
    assert told == ["Stopped: 1 not sent, 2 still being followed to their end."]
    job.refresh_from_db()
    assert statuses() == ["cancelled", "cancelled", "stopped"]
    assert job.status == JobStatus.STOPPED


def test_of_two_chunks_that_end_together_one_finishes_the_job(committing_firm, monkeypatch):
    """Until it commits, each sees the other's cancel as live."""
    firm = committing_firm
    job = ask(firm, firm.orders(2))
    chunks = [claim(account_id=firm.account.pk, now=timezone.now(), limit=1) for _ in range(2)]
    about_to_commit, real = threading.Barrier(2), log.append

    def append(*facts):
        if tells(facts, Event.ANSWER):
            with contextlib.suppress(threading.BrokenBarrierError):
                about_to_commit.wait(0.3)
        return real(*facts)

    monkeypatch.setattr(log, "append", append)

    def carry(chunk):
        worker.deliver(chunk)
        connections.close_all()

    threads = [threading.Thread(target=carry, args=(chunk,)) for chunk in chunks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    job.refresh_from_db()
    assert (statuses(), job.status) == (["cancelled"] * 2, JobStatus.DONE)


def test_what_a_stopping_job_would_queue_again_is_stopped(firm, monkeypatch):
    job = ask(firm, firm.orders(2))
    claimed = claim(account_id=firm.account.pk, now=timezone.now())
    stop_on_the_wire(firm, job, monkeypatch)
    firm.paper.fault("/orders/batch", "status", status=429)
    worker.deliver(claimed)
    job.refresh_from_db()
    assert set(statuses()) == {CancelStatus.STOPPED}
    assert job.status == JobStatus.STOPPED


def test_a_resumed_job_sends_what_was_stopped(firm):
    job = ask(firm, firm.orders(3))
    press(firm, jobs.stop, job)
    assert press(firm, jobs.resume, job) == "Resumed: 3 waiting to be sent."
    deliver(firm)
    job.refresh_from_db()
    assert (job.status, set(statuses())) == (JobStatus.DONE, {CancelStatus.CANCELLED})


def test_resuming_skips_orders_that_another_cancel_has_by_now(firm):
    orders = firm.orders(2)
    job = ask(firm, orders)
    press(firm, jobs.stop, job)
    ask(firm, orders[:1])
    said = press(firm, jobs.resume, job)
    assert said == "Resumed: 1 waiting to be sent, 1 skipped: already being cancelled."


def stop_and_end_elsewhere(firm):
    """A stopped job of five, of whose orders one filled and two were cancelled by later cancels."""
    orders = firm.orders(3)
    job = ask(firm, orders)
    about = {"job": job, "account": firm.account, "symbol": "BTC", "requested_at": timezone.now()}
    Cancel.objects.create(order_id=29_000_000_000, **about)  # unknown here
    Cancel.objects.create(client_order_id=CLIENT_ORDER_ID, **about)
    press(firm, jobs.stop, job)
    about |= {"status": CancelStatus.CANCELLED, "job": ask(firm, firm.orders(1))}
    Order.objects.filter(pk=orders[0].pk).update(state=OrderState.CLOSED)
    Cancel.objects.create(order_id=orders[1].order_id, known_order=orders[1], **about)
    Cancel.objects.create(order_id=29_000_000_001, client_order_id=CLIENT_ORDER_ID, **about)
    return job, {orders[2].order_id, 29_000_000_000}


def test_a_resume_leaves_out_what_has_ended_since(firm):
    job, left = stop_and_end_elsewhere(firm)
    assert jobs.has_left(job, jobs.RETRIED)
    said = press(firm, jobs.resume, job)
    assert said == "Resumed: 2 waiting to be sent, 3 skipped: ended since."
    queued = job.cancels.filter(status=CancelStatus.QUEUED)
    assert set(queued.values_list("order_id", flat=True)) == left


def test_a_retry_leaves_out_what_has_ended_since(firm):
    job, left = stop_and_end_elsewhere(firm)
    asked = press(firm, jobs.retry, job)
    assert asked.sentence() == "2 cancels recorded, 3 skipped: ended since."
    assert set(asked.jobs[0].cancels.values_list("order_id", flat=True)) == left
    Cancel.objects.filter(job=asked.jobs[0]).update(status=CancelStatus.FILLED)
    assert not jobs.has_left(job, jobs.RETRIED)
    assert press(firm, jobs.retry, job).sentence() == "0 cancels recorded, 5 skipped: ended since."


BARRED = {
    "its account is deactivated": lambda firm: {"is_active": False},
    "its account is another desk's by now": lambda firm: {"desk": firm.basis},
}


@pytest.mark.parametrize("why", BARRED)
def test_nothing_is_promised_for_an_account_that_is_out_of_reach(firm, why):
    job = ask(firm, firm.orders(2))
    press(firm, jobs.stop, job)
    Account.objects.filter(pk=firm.account.pk).update(**BARRED[why](firm))
    left_out = f"2 skipped: {why}."
    assert press(firm, jobs.retry, job).sentence() == f"0 cancels recorded, {left_out}"
    assert press(firm, jobs.resume, job) == f"Resumed: 0 waiting to be sent, {left_out}"
    assert set(statuses()) == {CancelStatus.STOPPED}
    assert not CancelJob.objects.filter(desk=firm.basis).exists()


def test_resuming_twice_as_many_is_twice_the_work(firm, settings):
    """Each held against every live cancel of its account, it would be four times as much."""
    if not settings.IS_SQLITE:
        pytest.skip("SQLite alone counts its steps")

    def steps(count, first):
        job = ask(firm, firm.orders(1))
        press(firm, jobs.stop, job)
        other = CancelJob.objects.create(
            desk=firm.momentum, created_at=timezone.now(), **firm.actor().columns()
        )
        owners = (job, "stopped", 0), (other, "queued", 5000), (other, "cancelled", 0)
        for owner, status, further in owners:
            about = {"job": owner, "account": firm.account, "requested_at": timezone.now()}
            start = first + owner.pk * 10_000 + further
            ids = range(start, start + count)
            Cancel.objects.bulk_create(Cancel(order_id=n, status=status, **about) for n in ids)
        counted = []
        connection.connection.set_progress_handler(lambda: counted.append(1), 100)
        press(firm, jobs.resume, job)
        connection.connection.set_progress_handler(None, 0)
        Cancel.objects.update(status=CancelStatus.CANCELLED)
        return len(counted)

    few, many = steps(400, 71_000_000_000), steps(800, 72_000_000_000)
    assert many < few * 3


def test_stopping_twice_and_resuming_a_done_job_say_so(firm):
    job = ask(firm, firm.orders(1))
    press(firm, jobs.stop, job)
    assert press(firm, jobs.stop, job).startswith("Nothing to stop")
    press(firm, jobs.resume, job)
    deliver(firm)
    assert press(firm, jobs.resume, job).startswith("Nothing to resume")


@pytest.mark.parametrize("act", ["stop", "resume"])
def test_who_was_too_late_reads_what_the_job_is_by_now(firm, monkeypatch, act):
    job = ask(firm, firm.orders(1))
    if act == "resume":
        press(firm, jobs.stop, job)
    real = jobs._permitted

    def permitted(*args):
        found = real(*args)
        monkeypatch.setattr(jobs, "_permitted", real)
        press(firm, getattr(jobs, act), job)  # somebody is faster
        return found

    monkeypatch.setattr(jobs, "_permitted", permitted)
    by_now = {"stop": "stopped", "resume": "running"}[act]
    assert press(firm, getattr(jobs, act), job) == f"Nothing to {act}: the job is {by_now}."


def test_a_retry_is_a_new_job_for_what_was_refused_or_stopped(firm):
    orders = firm.orders(3)
    job = ask(firm, orders)
    Cancel.objects.filter(order_id=orders[0].order_id).update(status=CancelStatus.REFUSED)
    Cancel.objects.filter(order_id=orders[1].order_id).update(status=CancelStatus.CANCELLED)
    press(firm, jobs.stop, job)
    asked = press(firm, jobs.retry, job)
    new = asked.jobs[0]
    assert (asked.recorded, new.retry_of, new.reason) == (2, job, f"Retry of job {job.pk}")
    deliver(firm)
    done = new.cancels.filter(status=CancelStatus.CANCELLED)
    assert {c.order_id for c in done} == {orders[0].order_id, orders[2].order_id}


def test_the_same_retry_twice_is_one_job(firm):
    job, key = ask(firm, firm.orders(2)), uuid.uuid4()
    press(firm, jobs.stop, job)
    about = {"user": firm.operator, "actor": firm.actor(), "job_id": job.pk, "request_key": key}
    assert jobs.retry(**about).jobs == jobs.retry(**about).jobs
    assert CancelJob.objects.count() == 2


@pytest.mark.parametrize("act", [jobs.stop, jobs.resume, jobs.retry])
@pytest.mark.parametrize("who", ["viewer", "auditor", "stranger", "administrator"])
def test_who_may_not_cancel_may_not_touch_a_job(firm, act, who):
    job = ask(firm, firm.orders(1))
    with pytest.raises(NotAllowed):
        press(firm, act, job, user=getattr(firm, who))
    assert statuses() == ["queued"]
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 1


@pytest.mark.parametrize("act", [jobs.stop, jobs.resume, jobs.retry])
def test_a_panics_job_is_touched_only_by_who_may_pull_one(firm, act):
    Desk.objects.update(operators_may_panic=False)
    job = ask(firm, firm.orders(1))
    CancelJob.objects.update(is_panic=True)
    with pytest.raises(NotAllowed):
        press(firm, act, job)
    assert statuses() == ["queued"]
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 1
    press(firm, act, job, user=firm.head)


def test_many_orders_are_bulk_and_a_few_are_urgent(firm, settings):
    settings.URGENT_UP_TO = 2
    orders = firm.orders(5)
    assert ask(firm, orders[:2]).is_urgent
    assert not ask(firm, orders[2:]).is_urgent


def test_urgent_work_overtakes_a_bulk_job_at_the_next_chunk(firm, settings):
    settings.URGENT_UP_TO = 2
    orders = firm.orders(5)
    ask(firm, orders[:4])
    urgent = ask(firm, orders[4:])
    chunk = claim(account_id=firm.account.pk, now=timezone.now())
    assert [cancel.job_id for cancel in chunk] == [urgent.pk]


def test_bulk_leaves_a_thread_to_urgent_work(firm, settings, monkeypatch):
    """While bulk holds every thread it may, an urgent cancel still goes out at once."""
    settings.URGENT_UP_TO = 2
    orders = firm.orders(6)
    ask(firm, orders[:5])
    monkeypatch.setattr(turns, "BULK_THREADS", threading.BoundedSemaphore(1))
    turns.BULK_THREADS.acquire()
    deliver(firm)
    assert not firm.paper.requests("/orders/batch")
    ask(firm, orders[5:])
    deliver(firm)
    assert len(firm.paper.requests("/orders/cancel")) == 1


def test_bulk_waits_for_credits_and_urgent_does_not(firm, settings):
    from orders.models import CreditPool

    settings.URGENT_UP_TO = 2
    orders = firm.orders(8)
    agents = [str(firm.account.agent_keypair.pubkey())]
    firm.paper.account(firm.account.address, agents=agents, credits=2)
    CreditPool.objects.update(quota=2, spent="{}")
    ask(firm, orders[:7])
    deliver(firm)
    sent = sum(len(one["order_ids"]) for one in firm.paper.requests("/orders/batch"))
    assert sent == 3  # 2 credits less a fifth kept, half a credit each
    ask(firm, orders[7:])
    deliver(firm)
    assert Cancel.objects.get(order_id=orders[7].order_id).status == CancelStatus.CANCELLED
    assert Cancel.objects.filter(status=CancelStatus.QUEUED).count() == 4
