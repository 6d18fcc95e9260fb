"""Who tells duties that it is time: at once where somebody committed, in time where nobody did."""

import itertools
import threading
import time

import pytest
from django.db import connection

from desk import doorbell
from orders.management import duty_threads
from orders.management.duty_threads import AWAKE_S, ROUND_S, Duty, DutyThread, Sweep
from tests.db.test_database_version import commit_elsewhere

PATIENCE_S = 10
ONE, OTHER = (object(), 1), (object(), 2)  # versions


class Rounds:
    """A duty's thread that is attended to by hand; each round ends when it is told to."""

    def __init__(self, rest_s=0.05, **about):
        self.began, self.stopping = threading.Semaphore(0), threading.Event()
        self.may_end = threading.Event()
        self.may_end.set()
        self.thread = DutyThread(
            Duty("work", self.act, rest_s, **about), self.stopping, lambda: self.at_s
        )
        self.at_s = 100.0
        self.thread.start()

    def act(self, moment):
        self.began.release()
        self.may_end.wait(PATIENCE_S)

    def attend(self, after_s=0.0, version=None, called_s=None):
        """Whether a round began, and in how many seconds it wants to be attended to again."""
        self.at_s += after_s
        due_s = self.thread.attend(self.at_s, version, called_s)
        return self.began.acquire(timeout=0.1), round(due_s - self.at_s, 4)

    def until_rests(self):
        ends_at = time.monotonic() + PATIENCE_S
        while self.thread._round.is_set():
            assert time.monotonic() < ends_at
            time.sleep(0.001)


@pytest.fixture
def rounds(committing_db):
    made = []

    def make(*given, **about):
        made.append(Rounds(*given, **about))
        return made[-1]

    yield make
    for one in made:
        one.may_end.set()
        one.stopping.set()
        one.thread.stop()
        one.thread.join(PATIENCE_S)


def test_a_duty_rests_between_two_rounds(rounds):
    duty = rounds(1)
    assert duty.attend() == (True, 1)
    duty.until_rests()
    assert duty.attend(0.5) == (False, 0.5)
    assert duty.attend(0.5) == (True, 1)


def test_what_is_due_in_a_moment_is_done_now(rounds):
    duty = rounds(1)
    duty.attend()
    duty.until_rests()
    assert duty.attend(0.75) == (False, 0.25)
    assert duty.attend(0.0625) == (True, 1)


def test_a_round_that_lasts_is_not_begun_twice(rounds):
    duty = rounds(0.5)
    duty.may_end.clear()
    assert duty.attend() == (True, 0.5)
    assert duty.attend(0.5) == (False, 0.5)
    duty.may_end.set()
    duty.until_rests()
    assert duty.attend(0.5) == (True, 0.5)


def test_while_nobody_commits_a_round_is_due_after_its_time_alone(rounds):
    duty = rounds(0.125, idle_s=0.5)
    assert duty.attend(version=ONE) == (True, 0.125)
    duty.until_rests()
    assert [duty.attend(0.125, ONE)[0] for _ in range(4)] == [False, False, False, True]
    duty.until_rests()
    assert duty.attend(0.125, OTHER) == (True, 0.125)


def test_where_the_engine_tells_nothing_every_round_is_due(rounds):
    duty = rounds(0.05, idle_s=0.5)
    for _ in range(3):
        assert duty.attend(0.05) == (True, 0.05)
        duty.until_rests()


def test_what_was_committed_during_a_round_makes_another_one_due(rounds):
    duty = rounds(0.05, idle_s=0.5)
    duty.attend(version=ONE)
    duty.until_rests()
    assert duty.attend(0.05, OTHER)[0]


def test_how_long_it_rests_may_depend(rounds):
    rest = {"s": 0.5}
    duty = rounds(lambda: rest["s"])
    assert duty.attend() == (True, ROUND_S)
    duty.until_rests()
    assert duty.attend(0.25) == (False, 0.25)
    rest["s"] = 0.02
    assert duty.attend(0.25) == (True, 0.02)
    duty.until_rests()
    assert duty.attend(0.02) == (True, 0.02)


def test_what_a_bell_rings_for_looks_seldom_until_it_rings_and_then_often(rounds):
    duty = rounds(0.125, idle_s=0.5, is_called=True)
    duty.attend(version=ONE, called_s=float("inf"))
    duty.until_rests()
    assert duty.attend(0.125, OTHER, called_s=float("inf")) == (False, 0.375)
    assert duty.attend(0, OTHER, called_s=0) == (True, 0)
    duty.until_rests()
    assert duty.attend(0.0625, ONE, called_s=0.0625) == (False, 0.0625)
    assert duty.attend(0.0625, ONE, called_s=0.125) == (True, 0.125)
    duty.until_rests()
    assert duty.attend(0.125, OTHER, called_s=AWAKE_S + 1) == (False, 0.375)
    assert duty.attend(0.375, OTHER, called_s=AWAKE_S + 1) == (True, 0.5)


def test_a_ring_begins_a_round_whatever_was_seen_since(rounds):
    duty = rounds(0.125, idle_s=0.5, is_called=True)
    duty.attend(version=ONE, called_s=1)
    duty.until_rests()
    assert duty.attend(0.125, ONE, called_s=1) == (False, 0.125)
    assert duty.attend(0.125, ONE, called_s=0) == (True, 0)


def test_a_round_begins_only_if_there_is_something_to_do(rounds):
    found = []
    duty = rounds(1, asks=lambda _: found)
    assert duty.attend(version=ONE) == (False, 1)
    assert duty.attend(0.5, ONE) == (False, 0.5)
    found.append("work")
    assert duty.attend(0.5, ONE) == (True, 1)


def test_where_a_table_may_be_locked_each_asks_in_its_own_thread(rounds):
    assert rounds(1, asks=lambda _: pytest.fail()).attend(version=None) == (True, 1)


def test_where_it_cannot_be_told_a_round_begins_to_say_so(rounds):
    def fail(moment):
        raise RuntimeError

    assert rounds(1, asks=fail).attend(version=ONE) == (True, 1)


def test_the_urgent_ones_do_not_wait_for_what_the_others_ask(committing_db):
    looked, may_end = threading.Semaphore(0), threading.Event()
    slow = Duty("slow", print, 0.01, asks=lambda _: may_end.wait(PATIENCE_S) and False)
    urgent = Duty("urgent", lambda _: looked.release(), 0.01, is_urgent=True)
    sweep = Sweep([slow, urgent])
    sweep.start()
    try:
        assert all(looked.acquire(timeout=PATIENCE_S / 2) for _ in range(5))
    finally:
        may_end.set()
        sweep.stop()


@pytest.fixture
def bell(short_path):
    return doorbell.Doorbell(short_path)


def test_a_sweep_looks_as_soon_as_its_bell_rings_and_takes_it_away(
    committing_db, short_path, bell, monkeypatch
):
    versions = itertools.count()
    monkeypatch.setattr(duty_threads, "database_version", lambda: (None, next(versions)))
    looked = threading.Semaphore(0)
    sweep = Sweep(
        [Duty("look", lambda _: looked.release(), 60, idle_s=60, is_called=True, is_urgent=True)],
        (),
        bell,
    )
    sweep.start()
    for _ in range(3):
        assert looked.acquire(timeout=PATIENCE_S)
        doorbell.ring(short_path)
    assert looked.acquire(timeout=PATIENCE_S)
    sweep.stop()
    assert not any(each.is_alive() for each in sweep._all)
    assert list(short_path.iterdir()) == []


def test_a_sweep_that_waits_for_its_bell_stops_at_once(committing_db, bell):
    sweep = Sweep([Duty("beat", lambda _: None, 60)], (), bell)
    sweep.start()
    began = time.monotonic()
    sweep.stop()
    assert time.monotonic() - began < PATIENCE_S / 2


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL tells nothing of the kind")
def test_a_sweep_looks_as_soon_as_somebody_commits(committing_db):
    looked = threading.Semaphore(0)
    sweep = Sweep([Duty("look", lambda _: looked.release(), 0.02, idle_s=60)])
    sweep.start()
    try:
        assert looked.acquire(timeout=PATIENCE_S)
        assert not looked.acquire(timeout=0.2)
        commit_elsewhere()
        assert looked.acquire(timeout=PATIENCE_S)
    finally:
        sweep.stop()


def test_a_sweep_that_is_stopped_begins_no_round(committing_db):
    began = []
    sweep = Sweep([Duty("beat", began.append, 60)])
    sweep._stopping.set()
    sweep.start()
    sweep.stop()
    assert began == []
    assert not any(each.is_alive() for each in sweep._all)


def test_time_goes_on_where_the_database_cannot_tell(committing_db, monkeypatch):
    def broken():
        raise RuntimeError

    monkeypatch.setattr(duty_threads, "database_version", broken)
    looked = threading.Semaphore(0)
    sweep = Sweep([Duty("look", lambda _: looked.release(), 0.01, idle_s=60)])
    sweep.start()
    try:
        assert all(looked.acquire(timeout=PATIENCE_S) for _ in range(3))
    finally:
        sweep.stop()
    assert not any(each.is_alive() for each in sweep._all)


def test_time_goes_on_whatever_befalls_who_keeps_it(committing_db, caplog):
    looked, errors = threading.Semaphore(0), [RuntimeError]

    def rest_s():
        if errors:
            raise errors.pop()
        return 0.01

    sweep = Sweep([Duty("look", lambda _: looked.release(), rest_s, is_urgent=True)])
    sweep.start()
    try:
        assert all(looked.acquire(timeout=PATIENCE_S) for _ in range(3))
    finally:
        sweep.stop()
    assert "lost its time" in caplog.text


def test_a_sweep_of_slow_duties_sleeps_until_one_is_due(committing_db, monkeypatch):
    looks = []
    monkeypatch.setattr(duty_threads, "database_version", lambda: looks.append(1))
    sweep = Sweep([Duty("beat", lambda _: None, 60)])
    sweep.start()
    time.sleep(0.3)
    sweep.stop()
    assert len(looks) <= 2
