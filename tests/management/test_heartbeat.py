"""`manage.py heartbeat`: arm, beat, and end where nobody hears it."""

import pytest
from django.db import OperationalError

from orders.models import Guard, GuardStatus
from orders.panic.guard import arming, firing
from tests.helpers.guards import new_guard

ABOUT = {"desk": "Momentum", "guard": "quoter", "operator": "olivia"}


@pytest.fixture
def beat(run):
    given = [each for name, value in ABOUT.items() for each in (f"--{name}", value)]
    return lambda *options: run("heartbeat", *given, *options)


def test_it_arms_and_beats(firm, beat):
    new_guard(firm, armed=False)
    assert beat("--arm")[0] == 0
    guard = Guard.objects.get()
    assert guard.status == GuardStatus.ARMED


def test_it_arms_for_real_what_stands_armed_for_a_drill(firm, beat):
    firm.account.is_drill = True
    firm.account.save()
    guard = new_guard(firm, armed=False)
    arming.arm(user=firm.head, actor=firm.actor(firm.head), guard_id=guard.pk, is_drill=True)
    assert beat("--arm")[0] == 0
    guard.refresh_from_db()
    assert (guard.status, guard.is_drill) == (GuardStatus.ARMED, False)


def test_it_ends_with_1_where_the_guard_fired_or_is_not_armed(firm, beat):
    guard = new_guard(firm)
    firing.fire(guard_id=guard.pk, number=1, beat_no=1, silence_s=11)
    for options in ([], ["--loop"]):
        code, _, said = beat(*options)
        assert code == 1
        assert "does not stop what was recorded" in said


def test_a_beat_that_the_database_did_not_take_was_heard_by_nobody(firm, beat, monkeypatch):
    def lost(**options):
        raise OperationalError("server closed the connection unexpectedly")

    new_guard(firm)
    monkeypatch.setattr("orders.panic.guard.arming.beat", lost)
    code, _, said = beat()
    assert (code, said.startswith("Not heard (OperationalError: ")) == (1, True)


def test_somebody_elses_guard_is_not_there(firm, run):
    new_guard(firm)
    about = ABOUT | {"operator": "stefan"}
    code, _, said = run("heartbeat", *(f"--{name}={value}" for name, value in about.items()))
    assert code == 2
    assert "no guard" in said
