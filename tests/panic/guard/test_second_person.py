"""A guard that would wait longer or do less waits for a second person where the desk says so."""

import pytest

from orders.access.four_eyes import Waits
from orders.models import AuditRecord, Event, Guard, Latch, Proposal
from orders.panic import decision
from orders.panic.guard import changes, latches
from tests.helpers.authenticator import enrolled
from tests.helpers.guards import new_guard
from tests.helpers.proposals import approve, with_second_person

WEAKER = [
    {"ttl_s": 60},
    {"keep_stops": True},
    {"keep_reduce_only": True},
    {"asks_first": True},
    {"hears_orders": True},
]


@pytest.fixture
def guard(firm):
    firm.other = another_head(firm)  # before two are needed to make one
    with_second_person(firm.momentum)
    return new_guard(firm, armed=False)


def another_head(firm):
    person = firm.person("heidi", firm.momentum, "head")
    enrolled(person)
    return person


def change(firm, guard, **fields):
    setting = changes.Setting(**{"account_id": guard.account_id, "ttl_s": guard.ttl_s} | fields)
    about = {"user": firm.head, "actor": firm.actor(firm.head)}
    return changes.change(guard_id=guard.pk, setting=setting, **about)


@pytest.mark.parametrize("fields", WEAKER)
def test_what_makes_it_slower_or_weaker_waits_and_is_done_once_approved(firm, guard, fields):
    with pytest.raises(Waits):
        change(firm, guard, **fields)
    guard.refresh_from_db()
    assert guard.ttl_s == 10
    assert not AuditRecord.objects.filter(event=Event.GUARD_CHANGED).exists()
    approve(firm, Proposal.objects.get(), firm.other)
    guard.refresh_from_db()
    assert {name: getattr(guard, name) for name in fields} == fields
    assert AuditRecord.objects.filter(event=Event.GUARD_CHANGED).count() == 1


@pytest.mark.parametrize("fields", [{"ttl_s": 5}, {"account_id": None}])
def test_what_makes_it_quicker_or_wider_waits_for_nobody(firm, guard, fields):
    assert "is changed" in change(firm, guard, **fields)


def test_arming_and_disarming_wait_for_nobody(firm):
    with_second_person(firm.momentum)
    assert new_guard(firm).status == "armed"


def test_a_guard_of_a_desk_that_asks_for_nobody_is_changed_at_once(firm):
    guard = new_guard(firm, armed=False)
    change(firm, guard, ttl_s=600)
    assert Guard.objects.get().ttl_s == 600


def test_the_release_of_a_latch_waits(firm):
    firm.other = another_head(firm)
    firm.momentum.latch_mode, firm.momentum.needs_second_person = "alarm", True
    firm.momentum.save()
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    latch = Latch.objects.get()
    with pytest.raises(Waits):
        latches.release(
            user=firm.head, actor=firm.actor(firm.head), latch_id=latch.pk, reason="fixed"
        )
    assert Latch.objects.holding().exists()
    approve(firm, Proposal.objects.get(), firm.other)
    assert not Latch.objects.holding().exists()
