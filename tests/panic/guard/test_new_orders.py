"""A guard may hear new orders: whoever goes on placing them lives, and whoever stops is silent."""

from unittest.mock import Mock

import pytest
from django.conf import settings
from django.db import OperationalError
from django.db.models import F

from orders.models import Guard, GuardStatus, Order
from orders.panic.guard import boot_clock, changes, lookout, new_orders
from tests.helpers.guards import BootClock, new_guard, of_another_host
from tests.helpers.screens import known_order
from tests.helpers.writers import Writer
from tests.panic.guard.test_lookout import wait


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
