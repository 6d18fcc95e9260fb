"""What keeps an armed guard from doing anything is told before it is needed."""

import pytest

from orders.models import Account, Guard, Membership
from orders.operations.alerts import guard_matters
from orders.panic.guard import arming, lookout
from tests.helpers.guards import new_guard


@pytest.fixture
def guard(firm):
    """One that is armed, on Alpha, while a sweep looks."""
    guard = new_guard(firm)
    lookout.Lookout().look()
    return guard


def told():
    """What is told of guards that cannot fire."""
    found = guard_matters.matters().items()
    return [said for (kind, _), (_, said, _) in found if kind == "guard_unwatched"]


def of_whole_desk(guard):
    Guard.objects.filter(pk=guard.pk).update(account=None)


def test_an_armed_guard_that_could_fire_is_nothing_to_tell_of(firm, guard):
    assert not told()
    other = firm.new_account("Beta", firm.momentum)
    of_whole_desk(guard)
    Account.objects.filter(pk=other.pk).update(is_active=False)
    assert not told()


def test_an_armed_guard_whose_account_is_deactivated_is_told_of(firm, guard):
    firm.new_account("Beta", firm.momentum)
    Account.objects.filter(pk=firm.account.pk).update(is_active=False)
    assert told() == ["Guard quoter: Alpha is deactivated; it could do nothing."]
    arming.disarm(user=firm.head, actor=firm.actor(firm.head), guard_id=guard.pk, reason="seen")
    assert not told()


def test_an_armed_guard_whose_desk_has_no_active_account_is_told_of(firm, guard):
    of_whole_desk(guard)
    firm.momentum.accounts.update(is_active=False)
    assert told() == [
        "Guard quoter: Momentum has no active account in this scope; it could do nothing."
    ]


def test_an_armed_guard_whose_desk_is_deactivated_is_told_of(firm, guard):
    firm.momentum.is_active = False
    firm.momentum.save()
    assert told() == ["Guard quoter: Momentum is deactivated; it could do nothing."]


def test_a_drill_without_a_drill_account_is_told_of(firm, guard):
    Guard.objects.filter(pk=guard.pk).update(is_drill=True)
    said = "Guard quoter: Momentum has no drill account in this scope; it could do nothing."
    assert told() == [said]
    of_whole_desk(guard)
    assert told() == [said]
    Account.objects.filter(pk=firm.account.pk).update(is_drill=True)
    assert not told()


def test_an_armed_guard_for_which_nobody_may_panic_any_more_is_told_of(firm, guard):
    Membership.objects.filter(user__in=[firm.operator, firm.head]).delete()
    (said,) = told()
    assert "may pull no panic any more; it could do nothing" in said
