"""What the exchange tells of orders waits for a panic's first moments, and not for ever."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.management import sweep
from orders.models import PanicLine, PanicStatus
from orders.panic import decision
from orders.reconcile import give_way, missed_orders, stream_updates, sync
from orders.reconcile.stream import acts


@pytest.fixture
def line(firm):
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    return PanicLine.objects.get()


def naps(**given):
    """How often it waited."""
    slept = []
    give_way.to_panics(sleep=slept.append, **given)
    return len(slept)


def test_nothing_waits_where_no_panic_is_under_way(firm):
    assert naps() == 0


def test_it_waits_until_every_book_was_seen_empty(line):
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            PanicLine.objects.update(status=PanicStatus.EMPTY)

    give_way.to_panics(sleep=sleep)
    assert len(slept) == 3


def test_a_panic_that_takes_longer_holds_nothing_up(line):
    asked_at = line.asked_at
    assert naps(clock=lambda: asked_at + give_way.FIRST_FOR + timedelta(milliseconds=1)) == 0


def test_panics_without_end_hold_nothing_up_for_long(line):
    most = give_way.FIRST_FOR.total_seconds() / give_way.LOOK_EVERY_S
    assert naps(clock=lambda: line.asked_at) == most


def test_nor_does_one_asked_for_by_a_clock_that_was_ahead(line):
    PanicLine.objects.update(asked_at=timezone.now() + timedelta(hours=1))
    assert naps() == 0


def test_meanwhile_this_process_says_so(line):
    said = []

    def sleep(seconds):
        said.append(give_way.is_giving_way())
        if len(said) == 2:
            PanicLine.objects.update(status=PanicStatus.EMPTY)

    give_way.to_panics(sleep=sleep)
    assert said == [True, True]
    assert not give_way.is_giving_way()


def test_nor_does_a_wait_that_fails_leave_it_said(line):
    with pytest.raises(ZeroDivisionError):
        give_way.to_panics(sleep=lambda seconds: seconds / 0)
    assert not give_way.is_giving_way()


@pytest.mark.parametrize(
    ("module", "name", "act"),
    [
        (stream_updates, "apply", lambda pk: acts.apply_frames(account_id=pk, frames=[])),
        (sync, "sync_account", lambda pk: acts.read_orders(account_id=pk)),
        (missed_orders, "look_up", lambda pk: acts.look_up_orders(account_id=pk, since=None)),
        (sync, "sync_account", lambda pk: sweep.sync_due(timezone.now())),
    ],
)
def test_the_stream_and_the_sweeps_syncs_give_way(firm, monkeypatch, module, name, act):
    done = []
    monkeypatch.setattr(give_way, "to_panics", lambda: done.append("gave way"))
    monkeypatch.setattr(module, name, lambda **_: done.append("wrote") or _Nothing())
    act(firm.account.pk)
    assert done[:2] == ["gave way", "wrote"]


class _Nothing:
    lag_ms = None
    problem = ""
