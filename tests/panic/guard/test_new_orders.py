"""A guard may hear new orders: whoever goes on placing them lives, and whoever stops is silent."""

from datetime import timedelta
from unittest.mock import Mock

import pytest
from django.conf import settings
from django.db import OperationalError
from django.db.models import F
from django.utils import timezone

from orders.exchange import clock as exchange_clock
from orders.models import ExchangeClock, Guard, GuardStatus, Order
from orders.panic.guard import boot_clock, changes, lookout, new_orders
from orders.reconcile import missed_orders
from tests.helpers.guards import BootClock, new_guard, of_another_host
from tests.helpers.screens import known_order
from tests.helpers.writers import Writer
from tests.panic.guard.test_lookout import jump, wait


@pytest.fixture
def clock():
    return BootClock()


@pytest.fixture
def sweep(clock):
    return lookout.Lookout(clock)


@pytest.fixture
def guard(firm):
    known_order(firm.account, 1)
    return new_guard(firm, hears_orders=True)


def status(guard):
    """Where the guard stands, fresh from the database."""
    guard.refresh_from_db()
    return guard.status


def test_a_new_order_is_a_beat_and_the_silence_after_it_fires(firm, clock, sweep, guard):
    sweep.look()
    wait(clock, guard, 8)
    known_order(firm.account, 2)
    sweep.look()
    of_another_host(guard)
    wait(clock, guard, 8)
    assert (sweep.look(), status(guard)) == (0, GuardStatus.ARMED)
    wait(clock, guard, 2.1)
    assert (sweep.look(), status(guard)) == (1, GuardStatus.FIRED)
    assert guard.armings.get().beats == 1


def test_each_order_is_heard_once_and_those_before_the_arming_never(clock, sweep, guard):
    beats = guard.beat_no
    assert not new_orders.hear(guard)
    known_order(guard.account, 2)
    assert new_orders.hear(guard)
    guard.refresh_from_db()
    assert not new_orders.hear(guard)
    assert guard.beat_no == beats + 1


def test_a_guard_that_is_not_set_so_hears_none(firm, clock, sweep):
    guard = new_guard(firm)
    sweep.look()
    wait(clock, guard, 8)
    known_order(firm.account, 2)
    sweep.look()
    wait(clock, guard, 2.1)
    assert (sweep.look(), status(guard)) == (1, GuardStatus.FIRED)


def test_the_order_of_another_account_is_no_beat(firm, guard):
    known_order(firm.foreign_account, 2)
    assert not new_orders.hear(guard)


def test_a_guard_of_the_whole_desk_hears_every_account_of_it_alone(firm):
    guard = new_guard(firm, hears_orders=True)
    Guard.objects.filter(pk=guard.pk).update(account=None)
    guard.refresh_from_db()
    known_order(firm.foreign_account, 2)
    assert not new_orders.hear(guard)
    known_order(firm.account, 3)
    assert new_orders.hear(guard)


def test_an_order_that_the_exchange_made_of_a_stop_is_nobodys_sign_of_life(firm, guard):
    made = known_order(firm.account, 2)
    Order.objects.filter(pk=made.pk).update(stop_parent_order_id=1)
    assert not new_orders.hear(guard)


def test_an_order_of_before_the_arming_that_is_seen_afterwards_is_no_sign_of_life(firm, guard):
    yesterday = timezone.now() - timedelta(days=1)
    known_order(firm.account, 2, created_at=yesterday)
    known_order(firm.account, 3, created_at=yesterday, state="closed", closed_at=yesterday)
    assert not new_orders.hear(guard)


def test_what_ended_in_a_gap_before_the_arming_is_no_sign_of_life_when_history_tells_it(firm):
    firm.paper.rules(clock_offset_ms=-120_000)  # two minutes ago, while the stream was down
    for _ in range(3):
        row = {"price": "50000", "initial_amount": "0.5"}
        (order_id,) = firm.paper.orders(firm.account.address, [row])
        firm.paper.close(order_id, "cancel")
    firm.paper.rules(clock_offset_ms=0)
    guard = new_guard(firm, hears_orders=True)  # armed only now; nothing is placed any more
    an_hour_ago = timezone.now() - timedelta(hours=1)
    missed_orders.look_up(account_id=firm.account.pk, since=an_hour_ago)
    assert Order.objects.filter(created_at__lt=guard.armed_at).count() == 3
    assert not new_orders.hear(guard)


def test_an_order_of_before_the_last_beat_tells_of_no_life_after_it(firm, clock, sweep, guard):
    sweep.look()
    wait(clock, guard, 8)
    known_order(firm.account, 2, created_at=timezone.now() - timedelta(seconds=100))
    wait(clock, guard, 2.1)
    assert (sweep.look(), status(guard)) == (1, GuardStatus.FIRED)


@pytest.mark.parametrize(
    ("placed_s", "offset_s", "is_heard"),
    [
        (1, 0, True),
        (-0.9, 0, True),  # too near to be told apart
        (-1.1, 0, False),
        (-59, 60, False),  # by an exchange whose clock is ahead, a minute before
        (-59, -60, True),
        (-59, None, True),  # nobody knows how far ahead it is
        (-61, None, False),
    ],
)
def test_when_it_was_placed_is_told_by_the_exchanges_clock(
    firm, guard, placed_s, offset_s, is_heard
):
    if offset_s is not None:
        now = timezone.now()
        ExchangeClock.objects.create(pk=1, offset_ms=offset_s * 1000, measured_at=now)
    placed_at = guard.beat_at + timedelta(seconds=placed_s)
    known_order(firm.account, 2, created_at=placed_at)
    assert new_orders.hear(guard) == is_heard


def test_an_order_that_nobody_can_date_may_be_new(firm, guard):
    known_order(firm.account, 2, created_at=None)
    assert new_orders.hear(guard)


def test_a_clock_set_forward_lets_no_new_order_pass_for_an_old_one(firm, guard, monkeypatch):
    an_hour = timedelta(hours=1)
    known_order(firm.account, 2, created_at=guard.beat_at - an_hour)  # by its clock it is new
    monkeypatch.setattr(exchange_clock, "set_forward", lambda within: an_hour)
    assert new_orders.hear(guard)


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_database_clock_that_jumps_keeps_no_order_from_being_heard(
    firm, clock, sweep, guard, seconds
):
    sweep.look()
    known_order(firm.account, 2)
    wait(clock, guard, 11)
    jump(seconds)
    assert (sweep.look(), status(guard)) == (0, GuardStatus.ARMED)


def test_an_order_that_was_there_in_time_keeps_it_from_firing_late(firm, clock, sweep, guard):
    sweep.look()
    known_order(firm.account, 2)
    wait(clock, guard, 60)  # no sweep looked meanwhile
    assert (sweep.look(), status(guard)) == (0, GuardStatus.ARMED)


@pytest.mark.skipif(not settings.IS_SQLITE, reason="about SQLite's one writer")
def test_a_busy_writer_neither_delays_the_look_nor_lets_it_fire(committing_firm, clock, sweep):
    guard = new_guard(committing_firm, hears_orders=True)
    known_order(committing_firm.account, 2)
    wait(clock, guard, 60)
    writer = Writer(60)
    assert (sweep.look(), status(guard)) == (0, GuardStatus.ARMED)
    writer.may_end.set()
    writer.join()
    beats = guard.beat_no
    sweep.look()
    guard.refresh_from_db()
    assert guard.beat_no == beats + 1


def test_a_beat_that_cannot_be_written_yet_keeps_it_from_firing(
    firm, clock, sweep, guard, monkeypatch
):
    sweep.look()
    known_order(firm.account, 2)
    wait(clock, guard, 60)
    busy = OperationalError("database is locked")
    with monkeypatch.context() as patched:
        patched.setattr(boot_clock, "beat", Mock(side_effect=busy))
        assert (sweep.look(), status(guard)) == (0, GuardStatus.ARMED)
    clock.at += 1
    assert (sweep.look(), status(guard)) == (0, GuardStatus.ARMED)


def test_to_hear_orders_is_to_do_less(firm, guard):
    setting = {"account_id": guard.account_id, "ttl_s": guard.ttl_s}
    assert not changes.is_weaker(guard, changes.Setting(**setting))
    deaf = new_guard(firm, name="other", armed=False)
    assert changes.is_weaker(deaf, changes.Setting(**setting, hears_orders=True))
    assert "without a beat or a new order" in changes.in_words(guard)


def looks(clock, sweep, guard, seconds):
    """The guard is looked at and kept alive meanwhile; which rows the sweep has read past."""
    for _ in range(seconds // 5):
        clock.at += 5
        boot_beat = {"beat_boot": "another host", "beat_boot_s": clock.at}
        Guard.objects.filter(pk=guard.pk).update(beat_no=F("beat_no") + 1, **boot_beat)
        sweep.look()
    return sweep._below


def test_rows_of_others_are_read_past_minutes_later_and_new_ones_still_heard(
    firm, clock, sweep, guard
):
    last = [known_order(firm.foreign_account, number) for number in range(10)][-1]
    assert looks(clock, sweep, guard, 250) == 0
    assert looks(clock, sweep, guard, 100) == last.pk
    guard.refresh_from_db()
    order = known_order(firm.account, 11)
    assert new_orders.hear(guard, sweep._below)
    guard.refresh_from_db()
    assert guard.heard_order == order.pk


def test_a_row_that_is_committed_after_a_greater_one_is_heard(firm, clock, sweep, guard):
    other = known_order(firm.foreign_account, 2)
    Order.objects.filter(pk=other.pk).update(id=other.pk + 9_000)
    looks(clock, sweep, guard, 60)
    order = known_order(firm.account, 3)
    Order.objects.filter(pk=order.pk).update(id=other.pk + 1)
    sweep.look()
    guard.refresh_from_db()
    assert guard.heard_order == other.pk + 1


def test_after_a_look_that_failed_and_in_an_older_copy_nothing_is_read_past(
    firm, clock, sweep, guard, monkeypatch
):
    known_order(firm.foreign_account, 2)
    assert looks(clock, sweep, guard, 400)
    with monkeypatch.context() as patched:
        patched.setattr(new_orders, "hear", Mock(side_effect=OperationalError("gone")))
        patched.setattr(lookout, "close_old_connections", Mock())  # the test has one alone
        sweep.look()
    assert looks(clock, sweep, guard, 5) == 0
    assert looks(clock, sweep, guard, 400)
    Order.objects.filter(account=firm.foreign_account).delete()
    assert looks(clock, sweep, guard, 5) == 0
