"""The bar and the badge of a job say how far it is and the worst that became of its orders."""

import re

import pytest
from django.utils.timezone import now

from orders.admin.jobs.progress import Pace
from orders.admin.jobs.tally import Tally, complete, tallies
from orders.cancels import jobs
from orders.delivery import worker
from orders.models import (
    AgentWallet,
    Cancel,
    CancelJob,
    CancelStatus,
    JobStatus,
    PanicLine,
    PanicStatus,
)
from orders.panic import decision
from tests.cancels.test_jobs import ask, press
from tests.helpers.bulk import a_book
from tests.helpers.claims import claim
from tests.helpers.screens import known_order, page, signed_in, url

RUNNING = {"queued": 127, "sending": 40, "unknown": 3, "cancelled": 130, "refused": 2}


def badge(status, lines=None, **counts):
    """Words and tone of a job's badge."""
    told = Tally(counts, lines).badge(CancelJob(status=status))
    return told.words, told.tone


def test_the_bar_begins_with_what_is_done_and_ends_with_what_waits():
    order = [part["status"] for part in Tally(RUNNING).stretches]
    assert order == ["cancelled", "refused", "unknown", "sending", "queued"]
    assert float(Tally(RUNNING).stretches[0]["start"]) == 0


def test_what_waits_fills_nothing_of_the_bar():
    assert Tally({"queued": 311}).words == "0 % · 0 / 311"
    assert Tally(RUNNING).words == "43 % · 132 / 302"


def test_a_hundred_per_cent_is_all_of_it():
    assert Tally({"cancelled": 999, "sending": 1}).percentage == 99
    assert Tally({"cancelled": 1000}).percentage == 100


def test_a_stopped_job_never_says_that_all_is_done():
    tally = Tally({"cancelled": 156, "stopped": 155})
    assert tally.words == "156 of 311 sent; 155 not sent"
    assert tally.percentage == 50
    assert badge("stopped", cancelled=156, stopped=155) == ("Stopped: 155 not sent", "warn")


def test_what_never_left_is_not_called_sent(firm, django_assert_num_queries):
    """Two are refused here, for want of an agent wallet; the other two are stopped."""
    job = ask(firm, a_book(firm, 4))
    AgentWallet.objects.update(is_active=False)
    worker.deliver(claim(account_id=firm.account.pk, now=now(), limit=2))
    with django_assert_num_queries(1):
        assert tallies([job])[job.pk].words == "50 % · 2 / 4"
    press(firm, jobs.stop, job)
    with django_assert_num_queries(2):
        assert tallies([job])[job.pk].words == "0 of 4 sent; 4 not sent"
    assert Pace(CancelJob.objects.get(), now()).tally.words == "0 of 4 sent; 4 not sent"
    Cancel.objects.filter(status=CancelStatus.REFUSED).update(first_sent_at=now())
    assert tallies([job])[job.pk].words == "2 of 4 sent; 2 not sent"
    assert Pace(CancelJob.objects.get(), now()).tally.words == "2 of 4 sent; 2 not sent"
    assert told(job).badge.words == "Stopped: 2 refused, 2 not sent"


@pytest.mark.parametrize(
    ("counts", "words", "tone"),
    [
        ({"cancelled": 3}, "Done", "good"),
        ({"cancelled": 310, "refused": 1}, "Done: 1 refused", "alarm"),
        ({"cancelled": 1, "filled": 2}, "Done: 2 filled first", "filled"),
        ({"not_found": 1, "gone": 5}, "Done: 1 not found", "warn"),
        ({"expired": 4, "refused": 1}, "Done: 1 refused", "alarm"),
        ({"expired": 4, "cancelled": 1}, "Done: 4 expired, never sent", "alarm"),
    ],
)
def test_the_badge_has_the_worst_outcomes_words_and_tone(counts, words, tone):
    assert badge("done", **counts) == (words, tone)


def test_a_running_jobs_badge_tells_what_cannot_wait_alone():
    assert badge("running", queued=5, gone=1, settling=2) == ("Running", "busy")
    assert badge("running", queued=5, refused=1) == ("Running: 1 refused", "alarm")
    assert badge("stopped", refused=1, stopped=2) == ("Stopped: 1 refused, 2 not sent", "alarm")


@pytest.fixture
def panic(firm):
    for number in range(4):
        known_order(firm.account, 71_000_000_000 + number)
    actor = firm.actor(firm.head)
    return decision.record_panic(user=firm.head, actor=actor, desk_id=firm.momentum.pk)


def told(job):
    return complete([CancelJob.objects.get(pk=job.pk)])[0]


def test_a_panics_total_counts_what_cancel_all_took_and_what_is_left(panic):
    assert told(panic).tally.words == "0 % · 0 / 4"
    PanicLine.objects.update(status="finishing", sent_at=now(), cancelled_count=3)
    assert told(panic).tally.words == "75 % · 3 / 4"  # by what we knew before
    PanicLine.objects.update(left_open=2)
    assert told(panic).tally.words == "60 % · 3 / 5"  # by its own read
    PanicLine.objects.update(status=PanicStatus.EMPTY, left_open=0)
    CancelJob.objects.update(status=JobStatus.DONE, done_at=now())
    assert told(panic).tally.words == "100 % · 3 / 3"
    assert (told(panic).badge.words, told(panic).badge.tone) == ("Done: 1 of 1 seen empty", "good")


@pytest.mark.parametrize(
    ("status", "words", "tone"),
    [
        (PanicStatus.NEEDS_YOU, "Needs you: 0 of 1 seen empty", "alarm"),
        (PanicStatus.CLOSED, "Done: 0 of 1 seen empty, 1 closed by operator", "warn"),
        (PanicStatus.WITHDRAWN, "Done: 0 of 1 seen empty, 1 withdrawn", "warn"),
    ],
)
def test_a_panic_that_did_not_see_all_empty_is_never_green(panic, status, words, tone):
    PanicLine.objects.update(status=status)
    CancelJob.objects.update(status=JobStatus.DONE)
    assert (told(panic).badge.words, told(panic).badge.tone) == (words, tone)


def test_a_panic_that_was_given_up_on_has_its_orders_left_and_no_full_bar(firm, panic):
    PanicLine.objects.update(status=PanicStatus.NEEDS_YOU, sent_at=now())
    CancelJob.objects.update(status=JobStatus.DONE, done_at=now())
    assert told(panic).tally.words == "0 % · 0 / 4"
    text = page(signed_in(firm.head), "orders_canceljob_change", panic.pk)
    assert "<b>about 4</b>" in text
    PanicLine.objects.update(status=PanicStatus.CLOSED)
    assert "<b>about" not in page(signed_in(firm.head), "orders_canceljob_change", panic.pk)


def test_a_panic_tells_its_figures_large_and_its_time_by_a_clock(firm, panic):
    PanicLine.objects.update(status="finishing", sent_at=now(), left_open=1349)
    text = page(signed_in(firm.head), "orders_canceljob_change", panic.pk)
    figures = re.search(r'<div class="dk-figures dk-large-figures">.*?</section>', text)[0]
    for said in ("0 of 1", "about 1,349", "0 or more", "1 account without a clear yes"):
        assert said in figures, said
    assert re.search(r"data-clock>00:0\d</time>", figures)


def test_lists_show_bar_and_badge_with_the_same_words(firm, panic):
    PanicLine.objects.update(status="finishing", sent_at=now(), cancelled_count=3, left_open=1)
    for name in ("orders_canceljob_changelist", "index"):
        text = page(signed_in(firm.head), name)
        assert "75 % · 3 / 4" in text
        assert "Running: 0 of 1 seen empty" in text
    assert url("orders_canceljob_change", panic.pk) in text


def test_every_status_has_its_place_in_the_bar():
    counts = dict.fromkeys(CancelStatus.values, 1)
    assert len(Tally(counts).parts) == len(CancelStatus.values)
