"""Arming, beats and disarming: one word counts, and a beat costs one row."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from orders.access.permissions import NotAllowed
from orders.audit import sentences
from orders.lifecycle.targets import CannotAsk
from orders.models import AuditRecord, CancelJob, Event, Guard, GuardArming, GuardStatus
from orders.panic.guard import arming, boot_clock, firing
from tests.helpers.guards import beat, new_guard, of_another_host


def events():
    return list(
        AuditRecord.objects.filter(event__startswith="guard").values_list("event", flat=True)
    )


def disarm(firm, guard, reason="bot stopped on purpose", user=None):
    user = user or firm.operator
    return arming.disarm(user=user, actor=firm.actor(user), guard_id=guard.pk, reason=reason)


def fire(guard, silence_s=11.0):
    guard.refresh_from_db()
    return firing.fire(
        guard_id=guard.pk, number=guard.arming, beat_no=guard.beat_no, silence_s=silence_s
    )


def test_an_armed_guard_hears_beats_and_tells_how_long_it_waits(firm):
    guard = new_guard(firm)
    Guard.objects.update(beat_at=guard.armed_at.replace(year=2020))
    heard = beat(guard)
    assert (heard.status, heard.left_s) == (GuardStatus.ARMED, 10)
    guard.refresh_from_db()
    assert guard.beat_no == 2
    assert guard.beat_at.year > 2020


def test_a_beat_is_one_update_and_leaves_no_record(firm):
    guard = new_guard(firm)
    Guard.objects.update(beat_at=guard.armed_at.replace(year=2020))
    before = AuditRecord.objects.count()
    with CaptureQueriesContext(connection) as queries:
        arming.beat(desk_id=guard.desk_id, guard_id=guard.pk)
    said = [query["sql"].split()[0] for query in queries]
    assert said == ["UPDATE", "SELECT"]
    assert AuditRecord.objects.count() == before


def test_a_beat_right_after_another_is_heard_and_not_written(firm, monkeypatch):
    monkeypatch.setattr(arming, "TOO_SOON_S", 60)
    monkeypatch.setattr(arming._heard_by, "_fillings", {})  # it is prepared anew
    guard = new_guard(firm)
    assert beat(guard).status == GuardStatus.ARMED
    guard.refresh_from_db()
    assert guard.beat_no == 1


def test_a_beat_that_only_its_date_calls_too_soon_is_written(firm):
    guard = new_guard(firm)
    own = {"beat_boot": boot_clock.boot(), "beat_boot_s": boot_clock.seconds() - 0.2}
    Guard.objects.update(**own, beat_at=Now())
    assert beat(guard).status == GuardStatus.ARMED
    guard.refresh_from_db()
    assert guard.beat_no == 2


def test_of_another_hosts_beat_the_date_says_what_is_too_soon(firm, monkeypatch):
    monkeypatch.setattr(arming, "TOO_SOON_S", 60)
    monkeypatch.setattr(arming._heard_by, "_fillings", {})  # it is prepared anew
    guard = new_guard(firm)
    for seconds, number in (0, 1), (61, 2):
        Guard.objects.update(beat_boot="another", beat_at=Now() - timedelta(seconds=seconds))
        beat(guard)
        guard.refresh_from_db()
        assert guard.beat_no == number


def test_a_beat_dated_in_the_future_by_a_clock_set_back_keeps_no_later_beat_out(firm):
    guard = new_guard(firm)
    Guard.objects.update(beat_at=guard.armed_at.replace(year=2090))
    beat(guard)
    guard.refresh_from_db()
    assert guard.beat_no == 2
    assert guard.beat_at.year < 2090


def test_a_beat_after_the_firing_is_told_that_it_stops_nothing(firm):
    guard = new_guard(firm)
    assert fire(guard)
    heard = beat(guard)
    assert heard.status == GuardStatus.FIRED
    assert heard.job_id == GuardArming.objects.get().job_id
    assert "does not stop" in heard.said
    guard.refresh_from_db()
    assert guard.status == GuardStatus.FIRED


def test_a_beat_before_arming_counts_for_nothing_and_says_so(firm):
    guard = new_guard(firm, armed=False)
    assert "not armed" in beat(guard).said
    assert arming.beat(desk_id=firm.basis.pk, guard_id=guard.pk) is None


def test_disarming_needs_a_reason_and_keeps_how_many_beats_there_were(firm):
    guard = new_guard(firm)
    with pytest.raises(CannotAsk):
        disarm(firm, guard, reason=" ")
    Guard.objects.update(beat_at=guard.armed_at.replace(year=2020))
    beat(guard)
    assert "disarmed" in disarm(firm, guard)
    ended = GuardArming.objects.get()
    assert (ended.beats, ended.end, ended.ended_by_name) == (1, "disarmed", "olivia")
    assert ended.reason == "bot stopped on purpose"
    assert events() == [Event.GUARD_DISARMED, Event.GUARD_ARMED]
    assert not fire(guard)


def test_the_beats_of_an_arming_end_with_it(firm):
    guard = new_guard(firm, asks_first=True)
    assert not fire(guard, silence_s=60)
    guard.refresh_from_db()
    silent_since = guard.beat_at
    arming.arm(user=firm.operator, actor=firm.actor(), guard_id=guard.pk)
    first = GuardArming.objects.get(number=1)
    assert (first.beats, first.last_beat_at) == (0, silent_since)
    assert first.end == "disarmed"


def test_arming_an_armed_guard_is_a_beat_and_no_second_arming(firm):
    guard = new_guard(firm)
    Guard.objects.update(beat_at=guard.armed_at.replace(year=2020))
    said = arming.arm(user=firm.head, actor=firm.actor(firm.head), guard_id=guard.pk)
    assert "armed before" in said
    guard.refresh_from_db()
    assert (guard.arming, guard.beat_no, guard.armed_by) == (1, 2, firm.operator)


def test_what_a_guard_hears_stands_in_the_record_of_its_arming_and_in_its_answers(firm):
    guard = new_guard(firm, hears_orders=True)
    deaf = new_guard(firm, name="deaf")
    armed = AuditRecord.objects.filter(event=Event.GUARD_ARMED).order_by("position")
    said = [sentences.of_record(record).partition(": ")[2] for record in armed]
    assert said[0] == "it fires after 10 s without a beat or a new order."
    assert said[1] == "it fires after 10 s without a beat."
    assert "hears_orders" not in armed[1].data  # as records were before
    assert beat(guard).said == "Heard. It fires after 10 s without a beat or a new order."
    assert beat(deaf).said == "Heard. It fires after 10 s without a beat."


def test_a_beat_to_a_drill_is_told_that_it_is_one(firm, drill):
    heard = beat(drill)
    assert (heard.said, heard.left_s) == ("Heard. Its drill fires after 10 s without a beat.", 10)
    with transaction.atomic():
        several = arming.beats(desk_id=drill.desk_id, guard_ids={drill.pk})
    assert several[drill.pk] == heard


@pytest.fixture
def drill(firm):
    """A guard of the whole desk, armed by its head for a drill."""
    account = firm.new_account("Drill", firm.momentum)
    account.is_drill = True
    account.save()
    guard = new_guard(firm, armed=False)
    Guard.objects.filter(pk=guard.pk).update(account=None)
    arming.arm(user=firm.head, actor=firm.actor(firm.head), guard_id=guard.pk, is_drill=True)
    guard.refresh_from_db()
    return guard


def test_a_bot_that_arms_a_guard_is_not_left_with_a_drill(firm, drill):
    said = arming.arm(user=firm.operator, actor=firm.actor(), guard_id=drill.pk)
    assert "is armed. It fires after 10 s" in said
    assert events() == [Event.GUARD_ARMED, Event.GUARD_ARMED]
    rehearsed = GuardArming.objects.get(number=1)
    assert (rehearsed.end, rehearsed.ended_by_name, rehearsed.beats) == ("disarmed", "olivia", 0)
    assert fire(drill)
    job = CancelJob.objects.get()
    assert (job.is_drill, job.operator) == (False, firm.operator)
    assert "Alpha" in {line.account.name for line in job.panic_lines.all()}


def test_a_drill_that_is_armed_for_a_drill_hears_a_beat(firm, drill):
    of_another_host(drill)
    Guard.objects.update(beat_at=drill.armed_at.replace(year=2020))
    about = {"user": firm.operator, "actor": firm.actor(), "guard_id": drill.pk}
    assert "armed before" in arming.arm(**about, is_drill=True)
    drill.refresh_from_db()
    assert (drill.arming, drill.is_drill, drill.beat_no) == (1, True, 2)


def test_who_may_not_pull_a_panic_leaves_a_drill_as_it_is_and_hears_why(firm, drill):
    firm.momentum.operators_may_panic = False
    firm.momentum.save()
    with pytest.raises(CannotAsk, match="You may not pull a panic"):
        arming.arm(user=firm.operator, actor=firm.actor(), guard_id=drill.pk)
    drill.refresh_from_db()
    assert (drill.arming, drill.is_drill) == (1, True)


def test_a_guard_that_is_armed_for_real_is_not_armed_for_a_drill(firm):
    firm.account.is_drill = True
    firm.account.save()
    guard = new_guard(firm)
    with pytest.raises(CannotAsk, match="armed for real"):
        arming.arm(user=firm.head, actor=firm.actor(firm.head), guard_id=guard.pk, is_drill=True)
    guard.refresh_from_db()
    assert (guard.arming, guard.beat_no, guard.is_drill) == (1, 1, False)


@pytest.mark.parametrize("who", ["viewer", "auditor", "stranger", "administrator"])
def test_who_may_not_arm_is_refused_on_the_record(firm, who):
    guard, user = new_guard(firm, armed=False), getattr(firm, who)
    with pytest.raises(NotAllowed):
        arming.arm(user=user, actor=firm.actor(user), guard_id=guard.pk)
    with pytest.raises(NotAllowed):
        disarm(firm, guard, user=user)
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 2


def test_who_may_not_panic_arms_nothing_that_could_not_fire(firm):
    firm.momentum.operators_may_panic = False
    firm.momentum.save()
    with pytest.raises(CannotAsk):
        new_guard(firm)


def test_a_guard_of_an_account_that_is_deactivated_is_not_armed(firm):
    firm.account.is_active = False
    firm.account.save()
    with pytest.raises(CannotAsk):
        new_guard(firm)


@pytest.mark.parametrize("fields", [{"ttl_s": 0}, {"ttl_s": 601}, {"status": "armed"}])
def test_the_database_refuses_a_guard_that_makes_no_sense(firm, fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        new_guard(firm, armed=False, **fields)
