"""A clock that moves between sending and settling makes no stranger of us, and nothing wait."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.access import second_factor, throttling
from orders.audit import log
from orders.cancels import requests, unresolved
from orders.delivery import expiry, worker
from orders.evidence import checkpoints
from orders.exchange import clock
from orders.models import (
    AuditCheckpoint,
    Cancel,
    CancelStatus,
    Event,
    ExchangeClock,
    PanicLine,
    PanicStatus,
)
from orders.operations.errands import background
from orders.panic import cancel_all, decision, exchange_requests
from orders.panic import worker as panic_worker
from orders.reconcile import closures, resolve
from tests.helpers.authenticator import enrolled
from tests.helpers.panics import QUICK

JUMPS = [timedelta(minutes=minutes) for minutes in (-60, -14, 14, 60)]
ran_ahead = pytest.mark.parametrize("jump", JUMPS[2:], ids=["+14", "+60"])
moved = pytest.mark.parametrize("jump", JUMPS, ids=lambda jump: f"{jump.total_seconds() / 60:+.0f}")


def ask(firm, fault="apply_then_drop"):
    order = firm.order()
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    if fault:
        firm.paper.fault("/orders/cancel", fault)
    return order


def deliver(firm, jump):
    worker.deliver_account(account_id=firm.account.pk, clock=lambda: timezone.now() + jump)


def settle(firm, jump=timedelta(0), after_s=2):
    moment = timezone.now() + jump + timedelta(seconds=after_s)
    Cancel.objects.update(next_check_at=moment)
    resolve.settle_account(account_id=firm.account.pk, clock=lambda: moment)
    return Cancel.objects.get()


def measured(jump):
    """The clocks were compared while ours was off by so much."""
    at = {"offset_ms": round(-jump.total_seconds() * 1000), "measured_at": timezone.now() + jump}
    ExchangeClock.objects.update_or_create(pk=1, defaults=at)


@ran_ahead
@pytest.mark.parametrize("is_measured", [True, False], ids=["measured", "unmeasured"])
def test_our_own_cancel_names_no_stranger_after_the_clock_was_set_right(firm, jump, is_measured):
    ask(firm)
    if is_measured:
        measured(jump)
    deliver(firm, jump)
    cancel = settle(firm)
    assert cancel.status == CancelStatus.CANCELLED
    assert "someone else" not in cancel.explanation


@moved
def test_our_own_cancel_names_no_stranger_after_the_clock_went_wrong(firm, jump):
    ask(firm)
    deliver(firm, timedelta(0))
    cancel = settle(firm, jump)
    assert cancel.status == CancelStatus.CANCELLED
    assert "someone else" not in cancel.explanation


@moved
def test_what_cannot_be_told_says_that_the_clock_moved(firm, jump):
    sent_at = timezone.now() + jump
    cancel = Cancel(has_unanswered=True, first_sent_at=sent_at)
    cancel.clock_offset_ms = round(-jump.total_seconds() * 1000)
    between = timezone.now() + jump / 2
    ending = closures.Closure("cancelled", "cancel", "0", "1", at=between)
    assert closures.conclusion(cancel, ending).explanation == closures.CLOCK_MOVED


def test_a_cancel_before_either_reading_of_the_clock_is_someone_elses():
    sent_at = timezone.now()
    cancel = Cancel(has_unanswered=True, first_sent_at=sent_at, clock_offset_ms=-3_600_000)
    at = sent_at - timedelta(hours=2)
    ending = closures.Closure("cancelled", "cancel", "0", "1", at=at)
    end = closures.conclusion(cancel, ending)
    assert (end.status, end.explanation) == (CancelStatus.GONE, closures.BY_SOMEONE_ELSE)


def test_a_request_that_the_exchange_refused_made_no_cancel_whatever_the_clock_did():
    cancel = Cancel(first_sent_at=timezone.now(), clock_offset_ms=-3_600_000)
    ending = closures.Closure("cancelled", "cancel", "0", "1", at=timezone.now())
    assert closures.conclusion(cancel, ending).explanation == closures.BY_SOMEONE_ELSE


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-60, closures.BY_SOMEONE_ELSE),
        (1, closures.BY_SOMEONE_ELSE),  # within what two clocks may differ by
        (3, closures.AFTER_OURS),
    ],
)
def test_what_another_hand_cancelled_after_a_refusal_is_not_called_earlier(seconds, said):
    sent_at = timezone.now()
    cancel = Cancel(first_sent_at=sent_at, clock_offset_ms=0)
    ending = closures.Closure("cancelled", "cancel", "0", "1", sent_at + timedelta(seconds=seconds))
    end = closures.conclusion(cancel, ending)
    assert (end.status, end.explanation) == (CancelStatus.GONE, said)


def test_the_offset_of_the_first_attempt_is_kept_with_it(firm):
    ask(firm, "drop")
    measured(timedelta(seconds=2))
    deliver(firm, timedelta(0))
    assert Cancel.objects.get().clock_offset_ms == -2000
    Cancel.objects.update(status=CancelStatus.QUEUED)
    measured(timedelta(seconds=-2))
    deliver(firm, timedelta(0))
    assert Cancel.objects.get().clock_offset_ms == -2000


def test_an_offset_of_long_ago_is_none_and_one_never_measured_is_nought(firm):
    ask(firm, "drop")
    ExchangeClock.objects.all().delete()
    deliver(firm, timedelta(0))
    assert Cancel.objects.get().clock_offset_ms == 0
    Cancel.objects.update(status=CancelStatus.QUEUED, first_sent_at=None)
    measured(timedelta(hours=-1))
    deliver(firm, timedelta(0))
    assert Cancel.objects.get().clock_offset_ms is None


@ran_ahead
def test_an_order_still_open_is_sent_again_without_waiting_for_the_clock(firm, jump):
    ask(firm, "drop")
    deliver(firm, jump)
    assert settle(firm).status == CancelStatus.QUEUED


@ran_ahead
def test_what_the_exchange_does_not_know_ends_in_half_a_minute(firm, jump):
    firm.paper.orders(firm.account.address, 1)
    requests.cancel_by_id(
        user=firm.operator,
        actor=firm.actor(),
        account_id=firm.account.pk,
        symbol="BTC",
        order_id=27_000_000_001,
    )
    Cancel.objects.update(requested_at=timezone.now() + jump)
    deliver(firm, jump)
    assert settle(firm).status == CancelStatus.SETTLING
    assert settle(firm, after_s=33).status == CancelStatus.NOT_FOUND


def test_a_person_may_send_again_what_was_signed_by_a_clock_ahead(firm):
    ask(firm, "drop")
    deliver(firm, JUMPS[-1])
    pks = [Cancel.objects.get().pk]
    unresolved.send_again(user=firm.operator, actor=firm.actor(), cancel_ids=pks)
    assert Cancel.objects.get().status == CancelStatus.QUEUED


@pytest.mark.parametrize("fault", ["apply_then_drop", "drop"])
def test_a_panic_asked_and_sent_by_a_clock_ahead_ends(firm, quick_panic, fault, monkeypatch):
    for module in (cancel_all, exchange_requests):
        monkeypatch.setattr(module, "clock", lambda: timezone.now() + JUMPS[-1])
    firm.orders(2)
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    ahead = timezone.now() + JUMPS[-1]
    PanicLine.objects.update(asked_at=ahead, lease_until=ahead)
    firm.paper.fault("/orders/cancel_all", fault)
    for line in panic_worker.claim_lines(timezone.now()):
        panic_worker.empty(line, timings=replace(QUICK, max_life=timedelta(milliseconds=100)))
    line = PanicLine.objects.get()
    assert line.status == PanicStatus.EMPTY
    assert "clock moved" in line.explanation


@pytest.fixture
def set_clock(monkeypatch):
    """Sets the clock forward, as a process that runs meanwhile sees it."""
    moved, ran = [timedelta(0)], [timedelta(0)]

    def set_clock(by=timedelta(0), after=timedelta(0)):
        ran[0] += after
        moved[0] += by
        expiry.expire_unsent(timezone.now() - timedelta(days=1))  # as twice a second
        return timezone.now() + moved[0] + ran[0]

    wall = lambda: 1e9 + (moved[0] + ran[0]).total_seconds()  # noqa: E731
    steps = clock.Steps(wall, lambda: ran[0].total_seconds())
    monkeypatch.setattr(clock, "steps", steps)
    return set_clock


@pytest.mark.parametrize("is_urgent", [True, False], ids=["urgent", "bulk"])
@ran_ahead
def test_a_step_of_the_clock_expires_nothing_that_did_not_wait(firm, set_clock, jump, is_urgent):
    ask(firm, None)
    Cancel.objects.update(is_urgent=is_urgent)
    expiry.expire_unsent(set_clock(jump))
    expiry.expire_unsent(set_clock(after=timedelta(minutes=9)))
    assert Cancel.objects.get().status == CancelStatus.QUEUED
    expiry.expire_unsent(set_clock(after=timedelta(minutes=2)))
    assert Cancel.objects.get().status == CancelStatus.EXPIRED


@moved
def test_what_is_asked_after_a_step_expires_when_it_has_waited(firm, set_clock, jump):
    moment = set_clock(jump)
    ask(firm, None)
    Cancel.objects.update(requested_at=moment)
    expiry.expire_unsent(set_clock(after=timedelta(minutes=9)))
    assert Cancel.objects.get().status == CancelStatus.QUEUED
    expiry.expire_unsent(set_clock(after=timedelta(minutes=2)))
    assert Cancel.objects.get().status == CancelStatus.EXPIRED


def test_an_expiry_says_by_which_clock_for_who_began_later_cannot_know_of_a_step(firm):
    ask(firm, None)
    expiry.expire_unsent(timezone.now() + JUMPS[-1])
    said = "Never sent: by this machine's clock it waited for over 10 min. The order may be open."
    assert Cancel.objects.get().explanation == said


def test_a_panic_is_sent_though_the_clock_stepped_while_it_waited(firm, set_clock, monkeypatch):
    firm.orders(2)
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    set_clock(JUMPS[-1])
    PanicLine.objects.update(asked_at=timezone.now() - JUMPS[-1])
    for line in panic_worker.claim_lines(timezone.now()):
        panic_worker.empty(line)
    assert PanicLine.objects.get().status == PanicStatus.EMPTY


def test_a_code_is_taken_though_a_clock_ahead_took_a_later_one(firm):
    device, _ = enrolled(firm.operator)
    later = timezone.now() + timedelta(hours=1)
    assert second_factor.is_right(user=firm.operator, code=device.code(120), now=later)
    code = device.code()
    assert second_factor.is_right(user=firm.operator, code=code)
    assert not second_factor.is_right(user=firm.operator, code=code)


def test_guesses_at_a_clock_ahead_keep_nobody_waiting(firm):
    for _ in range(throttling.PER_PAIR + 1):
        about = {"name": "olivia", "address": "198.51.100.7"}
        verdict = throttling.begin(**about, now=timezone.now() + timedelta(hours=1))
    assert not verdict.is_free
    assert throttling.begin(**about).is_free


def test_a_checkpoint_is_signed_after_the_clock_was_set_right(firm):
    checkpoints.make(clock=lambda: timezone.now() + timedelta(minutes=14))
    log.record(log.Fact(Event.LOGIN))
    background.checkpoint_due(timezone.now())
    assert AuditCheckpoint.objects.count() == 2


def test_one_by_the_clock_of_another_machine_is_waited_for(firm):
    background.checkpoint_due(timezone.now())
    log.record(log.Fact(Event.LOGIN))
    background.checkpoint_due(timezone.now() - timedelta(seconds=50))
    assert AuditCheckpoint.objects.count() == 1
