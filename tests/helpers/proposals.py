"""Acts that wait for a second person, for the tests: one kind whose thing is a dictionary."""

from contextlib import contextmanager

from django.contrib.auth import get_user_model

from orders.access import four_eyes, four_eyes_decisions
from orders.access.four_eyes import Act, Waits
from orders.models import Account, Desk, Proposal, ProposalKind
from tests.helpers.authenticator import enrolled
from tests.helpers.firm import PASSWORD


class Thing:
    """What the proposals of the test change. ``done``: what was done, in order."""

    def __init__(self):
        self.state, self.done, self.fails = {"waits_s": 5}, [], ""

    def act(self):
        return Act(may=self.may, state=lambda proposal: self.state, do=self.do)

    def may(self, user, proposal):
        return Account.objects.managed_by(user).filter(desk=proposal.desk_id).exists()

    def do(self, proposal, actor):
        self.done.append((four_eyes.content_of(proposal), actor.operator_name))
        if self.fails:
            raise four_eyes.NoLonger(self.fails)
        return "The guard waits 20 s."


@contextmanager
def guarded_thing():
    """A thing whose acts are those of the kind `GUARD`."""
    thing, before = Thing(), four_eyes._ACTS.get(ProposalKind.GUARD.value)
    four_eyes.register(ProposalKind.GUARD, thing.act())
    try:
        yield thing
    finally:
        four_eyes._ACTS.pop(ProposalKind.GUARD.value)
        if before is not None:
            four_eyes.register(ProposalKind.GUARD, before)


def with_second_person(desk):
    """Have the acts of this desk wait."""
    Desk.objects.filter(pk=desk.pk).update(needs_second_person=True)


def asked(firm, user, **fields) -> Proposal:
    """A proposal about the guard of the firm's desk."""
    about = {
        "kind": ProposalKind.GUARD,
        "desk": firm.momentum,
        "about": "guard 1",
        "content": {"wait_s": 20},
        "words": "The guard of Momentum waits 20 s, not 5 s",
    }
    try:
        four_eyes.wait_if_needed(user=user, actor=firm.actor(user), **about | fields)
    except Waits as waits:
        return waits.proposal
    raise AssertionError("it did not wait")


def second_person(firm, name="amanda"):
    """Another administrator, with a second factor."""
    user = get_user_model().objects.create_superuser(name, password=PASSWORD)
    enrolled(user)
    return user


def approve(firm, proposal, user, **fields) -> str:
    """Approve it as this person, who saw what it says."""
    about = {"proposal_id": proposal.pk, "seen": proposal.content_sha256}
    return four_eyes_decisions.approve(user=user, actor=firm.actor(user), **about | fields)


def decline(firm, proposal, user, reason="not now", **fields) -> str:
    """Decline it as this person."""
    about = {"proposal_id": proposal.pk, "reason": reason}
    return four_eyes_decisions.decline(user=user, actor=firm.actor(user), **about | fields)
