"""What every page shows around it is fetched anew when it is another, and only then."""

from datetime import timedelta

from django.utils import timezone

from orders.admin.push.changes import Change, RunningJobs
from orders.admin.push.limits import Limits
from orders.admin.push.watch import StateWatch, Ticks
from orders.models import CancelJob, Guard, JobStatus, Latch, Sender
from tests.helpers.guards import new_guard


def job_of(firm, **about):
    return CancelJob.objects.create(
        desk=firm.momentum,
        operator=firm.operator,
        operator_name="olivia",
        scope="x",
        created_at=timezone.now(),
        **about,
    )


def is_marked(jobs, job):
    (change,) = jobs.marked([Change(1, desk_id=job.desk_id, job_id=job.pk)])
    return change.is_frame


def test_a_bulk_job_marks_the_frame_as_it_begins_ends_and_resumes_and_never_between(firm):
    jobs, job = RunningJobs(), job_of(firm, is_urgent=False)
    assert [is_marked(jobs, job) for _ in range(3)] == [True, False, False]
    for status in (JobStatus.DONE, JobStatus.RUNNING):
        CancelJob.objects.filter(pk=job.pk).update(status=status)
        assert [is_marked(jobs, job) for _ in range(2)] == [True, False]


def test_a_click_never_marks_the_frame_and_a_panic_always_does(firm):
    jobs, click, panic = RunningJobs(), job_of(firm), job_of(firm, is_panic=True)
    assert [is_marked(jobs, click) for _ in range(2)] == [False, False]
    assert [is_marked(jobs, panic) for _ in range(2)] == [True, True]


def test_what_runs_already_is_no_news_after_a_restart(firm):
    job = job_of(firm, is_urgent=False)
    jobs = RunningJobs()
    jobs.load()
    assert not is_marked(jobs, job)


def test_senders_that_fall_silent_are_told_to_everybody_once(firm):
    watch, now = StateWatch(), timezone.now()
    Sender.objects.create(name="s", kind="sweep", started_at=now, seen_at=now)
    assert watch.look(now) == []
    assert watch.look(now + timedelta(seconds=10)) == []
    (change,) = watch.look(now + timedelta(seconds=16))
    assert (change.is_frame, change.is_for_all, change.position) == (True, True, 0)
    assert watch.look(now + timedelta(seconds=17)) == []


def test_a_guard_that_runs_out_and_what_appears_on_a_latched_account_are_told(firm):
    watch, now = StateWatch(), timezone.now()
    guard = new_guard(firm)
    assert watch.look(now) == []
    Guard.objects.filter(pk=guard.pk).update(warned=50)
    assert [change.is_frame for change in watch.look(now)] == [True]
    latch = Latch.objects.create(account=firm.account, job=job_of(firm), set_at=now)
    assert len(watch.look(now)) == 1
    Latch.objects.filter(pk=latch.pk).update(appeared=1)
    assert len(watch.look(now)) == 1
    assert watch.look(now) == []


def test_a_running_job_ticks_only_where_nothing_else_is_told_of_it():
    clock = iter(range(100)).__next__
    ticks = Ticks(Limits(tick_s=3), clock)
    told = [Change(1, desk_id=7, job_id=1)]
    rounds = [ticks.due({1: 7, 2: 8}, told if second < 6 else []) for second in range(9)]
    assert [[change.job_id for change in due] for due in rounds] == [
        *([], [], [], [2], [], []),
        *([2], [], [1]),
    ]
    assert rounds[8][0].desk_id == 7
    assert ticks.due({}, []) == []
