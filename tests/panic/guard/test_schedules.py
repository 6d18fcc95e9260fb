"""What is due at its time is done once, or said to be missed."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from orders.access.permissions import NotAllowed
from orders.audit import log, sentences
from orders.cancels import requests
from orders.lifecycle.targets import CannotAsk
from orders.models import AuditRecord, CancelJob, Event, Order, Schedule
from orders.operations.alerts import guard_matters
from orders.panic.guard import schedules

EVENING = datetime(2031, 5, 4, 21, 55, 30, tzinfo=UTC)


def make(firm, **about):
    given = {"desk_id": firm.momentum.pk, "name": "evening", "account_id": firm.account.pk} | about
    if "older_than_h" not in given:
        given.setdefault("at_minute", 21 * 60 + 55)
    where = {"desk_id": given.pop("desk_id"), "name": given.pop("name")}
    plan = schedules.Plan(**given)
    return schedules.make(user=firm.head, actor=firm.actor(firm.head), plan=plan, **where)


def dated(schedule, moment):
    Schedule.objects.filter(pk=schedule.pk).update(last_for=moment)


def test_a_daily_schedule_panics_once_at_its_time(firm):
    schedule = make(firm)
    dated(schedule, EVENING - timedelta(days=1))
    schedules.run_due(EVENING - timedelta(minutes=5))
    assert not CancelJob.objects.exists()
    for _ in range(2):
        schedules.run_due(EVENING)
        schedules.run_due(EVENING - timedelta(hours=3))  # as by a clock set back
    job = CancelJob.objects.get()
    assert (job.is_panic, job.operator, job.guard_name) == (True, firm.head, "evening")
    assert AuditRecord.objects.filter(event=Event.SCHEDULE_RUN, job=job).count() == 1


def test_what_it_did_is_not_put_down_to_a_guard(firm):
    schedule = make(firm)
    dated(schedule, EVENING - timedelta(days=1))
    schedules.run_due(EVENING)
    record = AuditRecord.objects.get(event=Event.PANIC)
    assert sentences.of_record(record).startswith("hannah (automatically, by evening) ")
    assert sentences.by(record) == "hannah, automatically by evening"
    assert sentences.by(CancelJob.objects.get()) == "hannah, automatically by evening"


def test_a_new_schedule_begins_with_its_next_time(firm):
    make(firm)
    schedules.run_due(timezone.now())
    assert not CancelJob.objects.exists()


def test_one_that_no_sweep_did_in_time_is_missed_and_told_of(firm):
    schedule = make(firm)
    dated(schedule, EVENING - timedelta(days=2))
    schedules.run_due(EVENING + timedelta(hours=1))
    assert not CancelJob.objects.exists()
    said = guard_matters.matters()["schedule", f"schedule {schedule.pk}"].said
    assert "missed" in said


def test_each_hour_old_orders_are_cancelled_and_young_ones_stay(firm):
    old, young = firm.orders(2)
    Order.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=30))
    schedule = make(firm, at_minute=None, older_than_h=24)
    now = timezone.now()
    dated(schedule, now - timedelta(hours=2))
    schedules.run_due(now.replace(minute=0))
    job = CancelJob.objects.get()
    assert list(job.cancels.values_list("order_id", flat=True)) == [old.order_id]
    assert young.order_id != old.order_id


def test_an_hour_in_which_nothing_is_old_leaves_no_record_and_no_alarm(firm):
    schedule = make(firm, at_minute=None, older_than_h=24)
    now = timezone.now()
    dated(schedule, now - timedelta(hours=2))
    before = AuditRecord.objects.count()
    schedules.run_due(now.replace(minute=0))
    assert AuditRecord.objects.count() == before
    assert not guard_matters.matters()


def test_who_set_it_lost_the_right_so_it_is_not_done_and_told_of(firm):
    schedule = make(firm)
    dated(schedule, EVENING - timedelta(days=1))
    firm.momentum.memberships.filter(user=firm.head).update(role="viewer")
    schedules.run_due(EVENING)
    assert not CancelJob.objects.exists()
    assert ("schedule", f"schedule {schedule.pk}") in guard_matters.matters()


def test_one_switched_off_does_nothing_and_on_again_begins_with_its_next_time(firm):
    schedule = make(firm)
    about = {"user": firm.head, "actor": firm.actor(firm.head), "schedule_id": schedule.pk}
    assert schedules.switch(is_active=False, **about) == "evening is off."
    dated(schedule, EVENING - timedelta(days=1))
    schedules.run_due(EVENING)
    assert not CancelJob.objects.exists()
    assert schedules.switch(is_active=True, **about) == "evening is on."


def said_of(schedule):
    return guard_matters.matters()["schedule", f"schedule {schedule.pk}"].said


def ran(schedule, **about):
    """An hourly schedule as it was after an hour began."""
    now = timezone.now().replace(minute=0, second=5)
    dated(schedule, now - timedelta(hours=1))
    schedules.run_due(now)
    schedule.refresh_from_db()
    return schedule


def test_a_clock_that_was_ahead_once_keeps_it_from_nothing_and_is_told_of(firm):
    schedule = make(firm)
    dated(schedule, EVENING - timedelta(days=1))
    schedules.run_due(EVENING + timedelta(days=30))  # a sweep whose clock was wrong
    assert CancelJob.objects.count() == 1
    right = EVENING + timedelta(hours=12)
    assert schedules.is_due(right)
    for _ in range(2):
        schedules.run_due(right)
    assert CancelJob.objects.count() == 1
    assert "counted up to 2031-06-03 21:55 UTC" in said_of(schedule)
    assert not schedules.is_due(right)
    assert AuditRecord.objects.filter(event=Event.SCHEDULE_RUN).count() == 2
    schedules.run_due(EVENING + timedelta(days=1))
    assert CancelJob.objects.count() == 2
    assert not guard_matters.matters()


def test_an_hourly_one_is_set_back_by_the_hour(firm):
    schedule = make(firm, at_minute=None, older_than_h=24)
    dated(schedule, EVENING)
    assert not schedules.is_due(EVENING - timedelta(minutes=50))
    assert schedules.is_due(EVENING - timedelta(hours=3))


def account_is_off(firm):
    firm.account.is_active = False
    firm.account.save()
    return "not done: Alpha is deactivated."


def desk_is_off(firm):
    firm.momentum.is_active = False
    firm.momentum.save()
    return "not done: Momentum is deactivated."


def account_went_away(firm):
    firm.account.desk = firm.basis
    firm.account.save()
    return "not done: Alpha went to another desk."


@pytest.mark.parametrize("about", [{}, {"at_minute": None, "older_than_h": 24}])
@pytest.mark.parametrize("end", [account_is_off, desk_is_off, account_went_away])
def test_what_cannot_be_cancelled_any_more_is_said_and_nobody_blamed_for_it(firm, end, about):
    schedule = make(firm, **about)
    why = end(firm)
    dated(schedule, EVENING - timedelta(days=1))
    schedules.run_due(EVENING.replace(minute=1) if about else EVENING)
    assert said_of(schedule) == f"Schedule evening: {why}"
    assert not AuditRecord.objects.filter(event=Event.ACT_REFUSED).exists()


def test_a_desk_without_an_active_account_is_not_called_one_without_old_orders(firm):
    schedule = make(firm, account_id=None, at_minute=None, older_than_h=24)
    firm.momentum.accounts.update(is_active=False)
    assert ran(schedule).last_said == "not done: Momentum has no active account."
    assert schedule.is_missed


def test_an_hour_whose_old_orders_are_being_cancelled_says_so_without_an_alarm(firm):
    schedule = make(firm, at_minute=None, older_than_h=24)
    old = firm.order()
    Order.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=30))
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[old.pk])
    assert ran(schedule).last_said == "all that were that old are being cancelled already."
    assert not guard_matters.matters()


def test_operators_set_no_schedule(firm):
    with pytest.raises(NotAllowed):
        schedules.make(
            user=firm.operator,
            actor=firm.actor(),
            desk_id=firm.momentum.pk,
            name="x",
            plan=schedules.Plan(account_id=None, at_minute=0),
        )


@pytest.mark.parametrize(
    "wrong", [{"at_minute": 1440}, {"at_minute": None}, {"at_minute": 5, "older_than_h": 5}]
)
def test_a_schedule_that_makes_no_sense_is_refused(firm, wrong):
    with pytest.raises(CannotAsk):
        make(firm, **({"older_than_h": None} | wrong))


@pytest.fixture
def busy_log(monkeypatch):
    """The log cannot be written so many times."""

    def fail(times):
        real, left = log.append, [times]

        def append(*facts):
            if left[0]:
                left[0] -= 1
                raise OperationalError("deadlock detected")
            return real(*facts)

        monkeypatch.setattr(log, "append", append)

    return fail


def test_a_database_that_fails_for_a_moment_does_not_cost_the_day(firm, busy_log):
    dated(make(firm), EVENING - timedelta(days=1))
    busy_log(1)
    for second in range(5):
        schedules.run_due(EVENING + timedelta(seconds=second))
    assert CancelJob.objects.filter(is_panic=True).count() == 1


def test_one_that_fails_until_it_is_too_late_is_said_to_be_missed(firm, busy_log):
    schedule = make(firm)
    dated(schedule, EVENING - timedelta(days=1))
    busy_log(3)
    for minute in (0, 5, 9, 11, 12):
        schedules.run_due(EVENING + timedelta(minutes=minute))
    schedule.refresh_from_db()
    assert not CancelJob.objects.exists()
    assert "missed" in schedule.last_said
