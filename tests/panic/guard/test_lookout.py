"""A guard fires once its time passed without a beat, whatever clocks do, and once for a silence."""

from datetime import timedelta
from unittest.mock import Mock

import pytest
from django.conf import settings
from django.db import OperationalError
from django.utils import timezone

from orders.audit import log
from orders.evidence import verify
from orders.models import (
    Alert,
    AuditRecord,
    CancelJob,
    Event,
    Guard,
    GuardArming,
    GuardPulse,
    GuardStatus,
    PanicLine,
)
from orders.panic import worker
from orders.panic.guard import arming, boot_clock, lookout
from tests.helpers.guards import BootClock, beat, dated_back, new_guard, of_another_host
from tests.helpers.log_lines import json_lines
from tests.helpers.panics import QUICK
from tests.helpers.writers import Writer


@pytest.fixture
def clock():
    return BootClock()


@pytest.fixture
def lookouts(clock):
    """Two sweeps that look by one host's clock."""
    return lookout.Lookout(clock), lookout.Lookout(clock)


@pytest.fixture
def sweep(lookouts):
    return lookouts[0]


def wait(clock, guard, seconds):
    """Let time pass: the host's clock goes on, and so does the date of the beat."""
    clock.at += seconds
    guard.refresh_from_db()
    dated_back(guard, (timezone.now() - guard.beat_at).total_seconds() + seconds)


def jump(seconds):
    """Set the database's clock ahead: dates are older by so much, and no time passed."""
    for model, column in ((Guard, "beat_at"), (GuardPulse, "at")):
        for row in model.objects.exclude(**{column: None}):
            before = getattr(row, column) - timedelta(seconds=seconds)
            model.objects.filter(pk=row.pk).update(**{column: before})


def test_silence_fires_once_with_two_sweeps_and_the_book_is_emptied(
    firm, clock, lookouts, quick_panic
):
    firm.orders(3)
    guard = new_guard(firm)
    assert [sweep.look() for sweep in lookouts] == [0, 0]
    wait(clock, guard, 8)
    assert [sweep.look() for sweep in lookouts] == [0, 0]
    wait(clock, guard, 2.1)
    assert [sweep.look() for sweep in lookouts] == [1, 0]
    wait(clock, guard, 20)
    assert [sweep.look() for sweep in lookouts] == [0, 0]
    job = CancelJob.objects.get()
    assert (job.operator, job.guard_name, job.is_panic) == (firm.operator, "quoter", True)
    assert "no beat for 10." in job.reason
    worker.empty(*worker.claim_lines(timezone.now()), timings=QUICK)
    assert PanicLine.objects.get().status == "empty"
    ended = GuardArming.objects.get()
    assert (ended.end, ended.job) == ("fired", job)
    assert 10_000 <= ended.silence_ms < 20_000
    assert verify.verify().is_whole


def test_a_beat_in_time_keeps_it_from_firing(firm, clock, sweep):
    guard = new_guard(firm)
    for _ in range(5):
        sweep.look()
        wait(clock, guard, 9)
        assert sweep.look() == 0
        beat(guard)
    assert not CancelJob.objects.exists()


def test_a_beat_between_look_and_firing_wins(firm, clock, sweep, monkeypatch):
    guard = new_guard(firm)
    sweep.look()
    wait(clock, guard, 11)
    real = lookout.firing.fire

    def late(**about):
        beat(guard)
        return real(**about)

    monkeypatch.setattr(lookout.firing, "fire", late)
    assert sweep.look() == 0
    assert not CancelJob.objects.exists()


@pytest.mark.parametrize("seconds", [3600, -3600, 12, -12])
def test_a_clock_that_jumps_neither_fires_a_guard_nor_keeps_it_from_firing(
    firm, clock, sweep, seconds
):
    guard = new_guard(firm)
    sweep.look()
    wait(clock, guard, 4)
    sweep.look()
    jump(seconds)
    assert sweep.look() == 0
    wait(clock, guard, 5)
    assert sweep.look() == 0
    wait(clock, guard, 1.1)
    assert sweep.look() == 1


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_beat_dated_after_a_jump_counts_from_when_it_came(firm, clock, sweep, seconds):
    guard = new_guard(firm)
    sweep.look()
    wait(clock, guard, 5)
    sweep.look()
    beat(guard)
    dated_back(guard, seconds)  # as by a clock that was set in between
    clock.at += 0.05
    assert sweep.look() == 0
    clock.at += 9
    assert sweep.look() == 0
    clock.at += 1.1
    assert sweep.look() == 1


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_jump_while_no_sweep_ran_is_taken_off_when_one_is_back(firm, clock, seconds):
    guard = new_guard(firm)
    lookout.Lookout(clock).look()
    wait(clock, guard, 4)
    GuardPulse.objects.update(at=timezone.now() - timedelta(seconds=4))
    jump(seconds)
    sweep = lookout.Lookout(clock)
    assert sweep.look() == 0
    clock.at += 5.9 if seconds > 0 else 9.9
    sweep.look()
    clock.at += 0.2
    sweep.look()
    assert CancelJob.objects.count() == 1


def test_a_guard_whose_time_passed_while_no_sweep_ran_fires_when_one_is_back(firm, clock):
    guard = new_guard(firm)
    dated_back(guard, 300)
    assert lookout.Lookout(clock).look() == 1


def test_a_guard_that_asks_first_asks_instead_and_fires_at_a_persons_word(firm, clock):
    guard = new_guard(firm, asks_first=True)
    dated_back(guard, 300)
    assert lookout.Lookout(clock).look() == 0
    guard.refresh_from_db()
    assert guard.status == GuardStatus.ASKING
    assert not CancelJob.objects.exists()
    said = lookout.firing.fire_now(user=firm.head, actor=firm.actor(firm.head), guard_id=guard.pk)
    assert said.startswith("Recorded: Panic")
    assert CancelJob.objects.get().operator == firm.head


def test_a_guard_that_asks_first_fires_by_itself_where_a_sweep_looked(firm, clock, sweep):
    guard = new_guard(firm, asks_first=True)
    sweep.look()
    wait(clock, guard, 10.1)
    assert sweep.look() == 1


def warned_slowly(clock, sweep, monkeypatch, seconds):
    """A look in which the record of a warning takes so long, because others hold the log."""
    real = log.append

    def slow(*facts):
        clock.at += seconds
        return real(*facts)

    with monkeypatch.context() as patched:
        patched.setattr(log, "append", slow)
        sweep.look()
    clock.at += 0.05


@pytest.mark.parametrize(("seconds", "end"), [(4, GuardStatus.FIRED), (60, GuardStatus.ASKING)])
def test_a_look_that_waits_for_the_log_is_a_look_and_one_that_stands_still_is_none(
    firm, clock, sweep, monkeypatch, seconds, end
):
    guard = new_guard(firm, asks_first=True)
    sweep.look()
    wait(clock, guard, 8.5)
    warned_slowly(clock, sweep, monkeypatch, seconds)
    sweep.look()
    guard.refresh_from_db()
    assert guard.status == end


def test_a_guard_that_asks_first_asks_where_the_sweep_stood_still_between_two_looks(
    firm, clock, sweep
):
    guard = new_guard(firm, asks_first=True)
    sweep.look()
    wait(clock, guard, 13)
    assert sweep.look() == 0
    guard.refresh_from_db()
    assert guard.status == GuardStatus.ASKING


def test_it_still_asks_where_it_could_not_ask_at_once(firm, clock, sweep, monkeypatch):
    guard = new_guard(firm, asks_first=True)
    sweep.look()
    wait(clock, guard, 60)
    with monkeypatch.context() as patched:
        patched.setattr(lookout.firing, "_ask", Mock(side_effect=OperationalError("locked")))
        patched.setattr(lookout, "close_old_connections", Mock())  # the test has one alone
        sweep.look()
    clock.at += 0.05
    assert sweep.look() == 0
    guard.refresh_from_db()
    assert guard.status == GuardStatus.ASKING


def test_who_armed_it_lost_the_right_so_it_fires_for_who_set_it(firm, clock, sweep):
    guard = new_guard(firm)
    firm.momentum.operators_may_panic = False
    firm.momentum.save()
    sweep.look()
    wait(clock, guard, 11)
    assert sweep.look() == 1
    assert CancelJob.objects.get().operator == firm.head


def test_a_firing_that_can_do_nothing_is_recorded_with_why(firm, clock, sweep):
    guard = new_guard(firm)
    firm.account.is_active = False
    firm.account.save()
    sweep.look()
    wait(clock, guard, 11)
    assert sweep.look() == 1
    assert not CancelJob.objects.exists()
    record = AuditRecord.objects.filter(event=Event.GUARD_FIRED).get()
    assert "Alpha is deactivated" in record.data
    assert GuardArming.objects.get().reason == "Alpha is deactivated: no panic empties it."


def test_warnings_are_raised_at_half_and_four_fifths_once_a_silence(firm, clock, sweep):
    guard = new_guard(firm)
    sweep.look()
    for _ in range(4):
        wait(clock, guard, 2.1)
        sweep.look()
        sweep.look()
    guard.refresh_from_db()
    assert guard.warned == 80
    assert "80 %" in Alert.objects.get(kind="guard_low").covers  # so it is told again
    assert AuditRecord.objects.filter(event=Event.GUARD_WARNED).count() == 1


def test_a_look_that_the_process_slept_through_fires_nothing(firm, monkeypatch):
    guard = new_guard(firm)
    moments = iter([0.0, 0.0, 1.0, 100.0])
    sweep = lookout.Lookout(lambda: next(moments))
    sweep.look()
    dated_back(guard, 100)
    assert sweep.look() == 0


def test_a_drill_fires_on_drill_accounts_alone(firm, clock, sweep):
    guard = new_guard(firm, armed=False, account=firm.account)
    firm.account.is_drill = True
    firm.account.save()
    arming.arm(user=firm.operator, actor=firm.actor(), guard_id=guard.pk, is_drill=True)
    of_another_host(guard)
    sweep.look()
    guard.refresh_from_db()
    wait(clock, guard, 11)
    assert sweep.look() == 1
    assert CancelJob.objects.get().is_drill


def test_what_spares_stops_sends_no_cancel_all(firm, clock, sweep, quick_panic):
    firm.orders(2)
    firm.orders(1, order_type="stop_limit", stop_price="40000")
    guard = new_guard(firm, keep_stops=True)
    sweep.look()
    wait(clock, guard, 11)
    sweep.look()
    worker.empty(*worker.claim_lines(timezone.now()), timings=QUICK)
    line = PanicLine.objects.get()
    assert line.status == "empty", line.explanation
    assert not firm.paper.requests("/orders/cancel_all")
    still = [o for o in firm.paper.truth(firm.account.address).values() if o["is_open"]]
    assert len(still) == 1
    assert "spared" in line.explanation


def test_a_beat_is_dated_anew_by_what_was_read_however_long_the_writer_keeps_it(firm, sweep):
    new_guard(firm)
    jump(10)
    guard = Guard.objects.armed().with_clock().get()
    guard.read_at -= timedelta(seconds=5)  # so long ago by the time that it is written
    sweep._redate(guard, 0.3)
    assert Guard.objects.get().beat_at == guard.read_at - timedelta(seconds=0.3)


def test_the_line_of_a_firing_names_its_guard(firm, clock, sweep):
    guard = new_guard(firm)
    with json_lines() as lines:
        wait(clock, guard, 11)
        assert sweep.look() == 1
    (said,) = lines.objects(logger="orders.panic.guard.firing")
    assert said["guard"] == guard.pk and said["level"] == "warning"


def test_the_hosts_clock_goes_on_and_names_its_start():
    assert boot_clock.seconds() <= boot_clock.seconds()
    assert boot_clock.boot() == boot_clock.boot()


def test_a_database_that_is_slow_at_every_look_keeps_no_guard_from_firing(firm, clock, sweep):
    guard = new_guard(firm)
    sweep.look()
    wait(clock, guard, 9)
    clock.goes_on_s = 0.8  # between any two readings of the clock
    assert sweep.look() == 0
    assert sweep.look() == 1
    assert CancelJob.objects.count() == 1


def test_a_process_that_is_held_up_while_it_looks_fires_nothing_for_it(firm, clock, sweep):
    guard = new_guard(firm)
    sweep.look()
    wait(clock, guard, 5)
    clock.goes_on_s = 60
    assert sweep.look() == 0  # the rows were read before those sixty seconds
    clock.goes_on_s = 0
    beat(guard)
    assert sweep.look() == 0
    assert not CancelJob.objects.exists()


@pytest.fixture
def of_this_host(clock, monkeypatch):
    """Beats are stamped by the clock of the host where the sweeps look."""
    monkeypatch.setattr(boot_clock, "seconds", clock)

    def stamped(guard):
        arming.beat(desk_id=guard.desk_id, guard_id=guard.pk)

    return stamped


@pytest.mark.parametrize("seconds", [3600, -3600, 12, -12])
def test_on_one_host_no_date_counts_even_where_no_sweep_looked_before(
    firm, clock, of_this_host, seconds
):
    guard = new_guard(firm)
    dated_back(guard, 5)
    of_this_host(guard)
    dated_back(guard, seconds)  # as by clocks set to and fro
    clock.at += 9.9
    assert lookout.Lookout(clock).look() == 0
    dated_back(guard, -seconds)
    clock.at += 0.2
    assert lookout.Lookout(clock).look() == 1


def test_a_clock_set_back_and_ahead_around_a_beat_of_this_host_fires_nothing(
    firm, clock, of_this_host
):
    guard = new_guard(firm)
    sweep = lookout.Lookout(clock)
    sweep.look()
    dated_back(guard, 5)
    of_this_host(guard)
    dated_back(guard, 7200)
    GuardPulse.objects.update(at=timezone.now())
    assert lookout.Lookout(clock).look() == 0


def test_where_no_guard_is_armed_it_looks_twice_a_second(firm, clock, sweep):
    sweep.look()
    assert sweep.rest_s() == 0.5
    guard = new_guard(firm, ttl_s=1)
    clock.at += 0.5
    assert sweep.look() == 0
    assert sweep.rest_s() == 0.05
    wait(clock, guard, 1)
    assert sweep.look() == 1


def test_a_guard_that_cannot_fire_keeps_no_other_from_firing(
    firm, clock, sweep, monkeypatch, caplog
):
    first, second = new_guard(firm, name="first"), new_guard(firm, name="second")
    real = lookout.firing.fire

    def fire(*, guard_id, **about):
        if guard_id == first.pk:
            raise ValueError
        return real(guard_id=guard_id, **about)

    monkeypatch.setattr(lookout.firing, "fire", fire)
    monkeypatch.setattr(lookout, "close_old_connections", lambda: None)  # the test's own
    sweep.look()
    wait(clock, first, 11)
    clock.at -= 11
    wait(clock, second, 11)
    assert [sweep.look(), sweep.look()] == [1, 0]
    second.refresh_from_db()
    assert second.status == GuardStatus.FIRED
    assert caplog.text.count("could not be looked at (ValueError)") == 1
    monkeypatch.setattr(lookout.firing, "fire", real)
    assert sweep.look() == 1


def test_a_firing_comes_before_the_warnings_of_other_guards(firm, clock, sweep, monkeypatch):
    done = []
    late, early = (new_guard(firm, name=name) for name in ("a", "z"))
    sweep.look()
    wait(clock, early, 3)
    dated_back(late, 3)
    beat(late)
    sweep.look()
    monkeypatch.setattr(lookout.warnings, "warn", lambda guard, _: done.append(guard.name))
    monkeypatch.setattr(lookout.firing, "fire", lambda **_: bool(done.append("fired")))
    wait(clock, early, 8)
    sweep.look()
    assert done == ["fired", "a"]


@pytest.mark.skipif(not settings.IS_SQLITE, reason="about SQLite's one writer")
def test_no_guard_waits_for_the_note_that_this_host_looked(committing_firm):
    sweep = lookout.Lookout()
    new_guard(committing_firm)
    writer = Writer(60)
    assert sweep.look() == 0
    assert not GuardPulse.objects.exists()
    writer.may_end.set()
    writer.join()
    sweep.look()
    assert GuardPulse.objects.exists()
