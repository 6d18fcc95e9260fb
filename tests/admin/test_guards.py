"""Guards, schedules and latches on the pages: made, armed, disarmed, released; the strip above."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.models import Guard, GuardStatus, Latch, Schedule
from orders.panic import decision
from orders.panic.guard import firing
from tests.helpers.guards import dated_back, new_guard
from tests.helpers.screens import folded, page, signed_in, url


def state(guard):
    guard.refresh_from_db()
    return guard.status


def press(client, act, guard, text=None, **given):
    """Press a button of the guard's page: of that page as it was read before, if one is given."""
    text = text or page(client, "orders_guard_change", guard.pk)
    state = re.search(r'name="state" value="([^"]*)"', text)
    return client.post(
        url(f"orders_guard_{act}", guard.pk), {"state": state and state[1]} | given, follow=True
    )


def fire(guard):
    guard.refresh_from_db()
    at = {"number": guard.arming, "beat_no": guard.beat_no}
    firing.fire(guard_id=guard.pk, silence_s=10.2, **at)
    assert state(guard) == GuardStatus.FIRED


def test_a_head_makes_a_guard_and_an_operator_arms_and_disarms_it(firm):
    head, operator = signed_in(firm.head), signed_in(firm.operator)
    given = {"desk": firm.momentum.pk, "name": "quoter", "account": firm.account.pk, "ttl_s": 15}
    assert head.post(url("orders_guard_add"), given).status_code == 302
    guard = Guard.objects.get()
    assert (guard.account, guard.ttl_s, guard.status) == (firm.account, 15, "disarmed")
    assert operator.get(url("orders_guard_add")).status_code == 403
    press(operator, "arm", guard)
    assert state(guard) == GuardStatus.ARMED
    press(operator, "disarm", guard, reason="")
    assert state(guard) == GuardStatus.ARMED
    press(operator, "disarm", guard, reason="bot is off")
    assert state(guard) == GuardStatus.DISARMED
    text = page(operator, "orders_guard_change", guard.pk)
    assert "disarmed by olivia" in text
    assert "bot is off" in text


@pytest.mark.parametrize("wrong", [{"ttl_s": 0}, {"ttl_s": 601}, {"name": "a b"}, {"account": 0}])
def test_a_form_that_makes_no_sense_comes_back_with_what_is_wrong(firm, wrong):
    given = {"desk": firm.momentum.pk, "name": "q", "account": "", "ttl_s": 15} | wrong
    answer = signed_in(firm.head).post(url("orders_guard_add"), given)
    assert answer.status_code == 422
    assert "dk-refusal" in answer.content.decode()
    assert not Guard.objects.exists()


def test_the_form_says_what_outlives_a_bot_and_is_heard_all_the_same(firm):
    text = page(signed_in(firm.head), "orders_guard_add")
    assert "a strategy of the exchange&#x27;s, a chase or a swarm, that outlives its bot" in text


def test_an_armed_guard_is_not_changed_under_its_bot(firm):
    guard, head = new_guard(firm), signed_in(firm.head)
    answer = head.post(url("orders_guard_set", guard.pk), {"ttl_s": 600, "account": ""})
    assert "Disarm it first" in answer.content.decode()
    press(head, "disarm", guard, reason="a change")
    assert head.post(url("orders_guard_set", guard.pk), {"ttl_s": 60}).status_code == 302
    guard.refresh_from_db()
    assert (guard.ttl_s, guard.account) == (60, None)


def test_the_strip_stands_on_every_page_of_the_desk_and_is_large_when_little_is_left(firm):
    guard = new_guard(firm, ttl_s=100)
    viewer = signed_in(firm.viewer)
    for name in ("index", "orders_order_changelist", "orders_auditrecord_changelist"):
        text = page(viewer, name)
        assert "quoter" in text
        assert "s left" in text
        assert "dk-guard-large" not in text
    dated_back(guard, 85)
    text = page(viewer, "orders_canceljob_running")
    assert "dk-guard-large" in text
    assert "data-until" in text
    assert "quoter" not in page(signed_in(firm.stranger), "index")


def test_a_firing_is_told_on_every_page_until_somebody_sees_to_it(firm):
    guard, operator = new_guard(firm), signed_in(firm.operator)
    firing.fire(guard_id=guard.pk, number=1, beat_no=1, silence_s=10.2)
    assert "fired: see what came of it" in page(operator, "index")
    text = page(operator, "orders_guard_change", guard.pk)
    assert "Seen to: disarm it" in text
    assert "10200 ms" in text
    press(operator, "disarm", guard, reason="seen to")
    assert "fired: see what came of it" not in page(operator, "index")


def test_a_guard_that_asks_is_fired_by_a_click(firm):
    guard = new_guard(firm)
    Guard.objects.update(status="asking")
    operator = signed_in(firm.operator)
    assert "Fire it: cancel now" in page(operator, "orders_guard_change", guard.pk)
    operator.post(url("orders_guard_fire", guard.pk))
    assert state(guard) == GuardStatus.FIRED


def test_a_beat_by_hand_leaves_a_drill_a_drill_and_another_button_arms_it_for_real(firm):
    firm.account.is_drill = True
    firm.account.save()
    guard, operator = new_guard(firm, armed=False), signed_in(firm.operator)
    press(operator, "arm", guard, is_drill="1")
    text = page(operator, "orders_guard_change", guard.pk)
    assert "Arm it for real" in text
    press(operator, "beat", guard)
    assert (state(guard), guard.is_drill, guard.arming) == (GuardStatus.ARMED, True, 1)
    press(operator, "arm", guard)
    assert (state(guard), guard.is_drill, guard.arming) == (GuardStatus.ARMED, False, 2)
    text = page(operator, "orders_guard_change", guard.pk)
    assert "Beat: it counts from now" in text
    assert "Arm it for real" not in text


@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [("fired", "fired before this beat came"), ("disarmed", "is not armed: a beat counts only")],
)
def test_a_beat_arms_no_guard_that_fired_or_was_disarmed_meanwhile(firm, meanwhile, said):
    guard, operator = new_guard(firm), signed_in(firm.operator)
    text = page(operator, "orders_guard_change", guard.pk)
    if meanwhile == "fired":
        fire(guard)
    else:
        press(signed_in(firm.head), "disarm", guard, reason="bot is off")
    answer = press(operator, "beat", guard, text)
    assert said in answer.content.decode()
    assert (state(guard), guard.arming) == (meanwhile, 1)


def test_a_firing_is_not_put_away_from_a_page_of_before(firm):
    guard, operator = new_guard(firm), signed_in(firm.operator)
    text = page(operator, "orders_guard_change", guard.pk)
    fire(guard)
    answer = press(operator, "disarm", guard, text, reason="end of the day")
    assert "quoter fired since this page was opened. Nothing is changed" in answer.content.decode()
    assert state(guard) == GuardStatus.FIRED
    press(operator, "disarm", guard, reason="seen to")
    assert state(guard) == GuardStatus.DISARMED


def test_a_guard_is_not_armed_from_a_page_of_before_another_arming(firm):
    guard, operator = new_guard(firm, armed=False), signed_in(firm.operator)
    text = page(operator, "orders_guard_change", guard.pk)
    press(signed_in(firm.head), "arm", guard)
    press(signed_in(firm.head), "disarm", guard, reason="bot is off")
    answer = press(operator, "arm", guard, text)
    assert "quoter was disarmed since this page was opened" in answer.content.decode()
    assert (state(guard), guard.arming) == (GuardStatus.DISARMED, 1)


def test_a_button_without_a_page_changes_nothing(firm):
    guard, operator = new_guard(firm), signed_in(firm.operator)
    operator.post(url("orders_guard_disarm", guard.pk), {"reason": "bot is off"})
    assert state(guard) == GuardStatus.ARMED


def test_a_strangers_guard_is_not_there(firm):
    guard = new_guard(firm)
    stranger = signed_in(firm.stranger)
    for name in ("orders_guard_change", "orders_guard_set"):
        assert stranger.get(url(name, guard.pk)).status_code == 404
    for act in ("arm", "beat", "disarm", "fire"):
        there = url(f"orders_guard_{act}", guard.pk)
        assert stranger.post(there, {"reason": "mine"}).status_code == 404


def test_a_schedule_is_made_and_switched_off_and_on(firm):
    head = signed_in(firm.head)
    given = {"desk": firm.momentum.pk, "name": "evening", "account": "", "at": "21:55"}
    assert head.post(url("orders_schedule_add"), given).status_code == 302
    schedule = Schedule.objects.get()
    assert schedule.at_minute == 21 * 60 + 55
    assert "every day at 21:55 UTC" in page(head, "orders_schedule_changelist")
    head.post(url("orders_schedule_switch", schedule.pk))
    schedule.refresh_from_db()
    assert not schedule.is_active
    head.post(url("orders_schedule_switch", schedule.pk), {"on": "1"})
    schedule.refresh_from_db()
    assert schedule.is_active
    wrong = head.post(url("orders_schedule_add"), given | {"name": "b", "at": "25:00"})
    assert "Write the time as 21:55" in wrong.content.decode()
    assert signed_in(firm.operator).post(url("orders_schedule_add"), given).status_code == 403


def test_a_latch_is_told_on_every_page_and_released_by_a_head_with_a_reason(firm):
    firm.momentum.latch_mode = "cancel"
    firm.momentum.save()
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    Latch.objects.update(set_at=timezone.now() - timedelta(minutes=1))
    firm.order()
    latch, head = Latch.objects.get(), signed_in(firm.head)
    assert "is latched since its halt" in page(head, "index")
    text = page(head, "orders_latch_change", latch.pk)
    assert "Release it" in text
    assert "BTC" in text
    assert "Release it" not in page(signed_in(firm.operator), "orders_latch_change", latch.pk)
    head.post(url("orders_latch_release", latch.pk), {"reason": "bot is fixed"})
    assert not Latch.objects.holding().exists()
    assert "is latched" not in page(head, "index")


def test_the_page_of_a_latch_says_so_where_nobody_who_may_cancel_stands_behind_it(firm):
    firm.momentum.latch_mode = "cancel"
    firm.momentum.save()
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    latch, head = Latch.objects.get(), signed_in(firm.head)
    assert "alarmed and cancelled, each once." in page(head, "orders_latch_change", latch.pk)
    firm.operator.memberships.all().delete()
    text = page(head, "orders_latch_change", latch.pk)
    assert "alarmed and not cancelled: nobody who may cancel stands behind it." in text


def test_a_symbols_latch_is_told_with_its_symbol(firm):
    firm.momentum.latch_mode = "alarm"
    firm.momentum.save()
    about = {"user": firm.operator, "actor": firm.actor(), "desk_id": firm.momentum.pk}
    decision.record_panic(**about, symbol="BTC")
    head = signed_in(firm.head)
    for name in ("index", "orders_latch_changelist"):
        assert "BTC on Alpha" in page(head, name)
    assert "Latch on BTC on Alpha" in page(head, "orders_latch_change", Latch.objects.get().pk)


def test_latches_beyond_those_shown_are_counted_and_those_with_new_orders_come_first(firm):
    firm.momentum.latch_mode = "alarm"
    firm.momentum.save()
    for name in ("Beta", "Delta", "Gamma", "Zeta", "Omega"):
        firm.new_account(name, firm.momentum)
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    head = signed_in(firm.head)
    for latch in Latch.objects.holding():
        Latch.objects.update(appeared=0)
        Latch.objects.filter(pk=latch.pk).update(appeared=7)
        text = folded(head.get(url("index")))
        first = text.partition("is latched since its halt")
        assert f"/latch/{latch.pk}/" in first[0]
        assert first[2].startswith(" <b>7 orders appeared</b><span>Momentum</span>")
        assert "and 2 more latches" in text


def test_a_beat_and_a_silence_are_news_to_a_page_though_no_record_tells_of_them(firm):
    guard, viewer = new_guard(firm, ttl_s=100), signed_in(firm.viewer)

    def asked(version=""):
        answer = viewer.get(url("orders_canceljob_running"), HTTP_DESK_VERSION=version)
        return answer.status_code, answer.headers["Desk-Version"] if version == "" else version

    _, version = asked()
    assert asked(version)[0] == 204
    Guard.objects.filter(pk=guard.pk).update(beat_no=guard.beat_no + 1)
    assert asked(version)[0] == 200
    _, version = asked()
    dated_back(guard, 85)
    assert asked(version)[0] == 200
