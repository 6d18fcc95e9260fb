"""Decide what waits for a second person: approve, decline, or let its time pass.

`four_eyes` says what waits and how it is asked for.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from orders.access import four_eyes, second_factor
from orders.access.denials import refuse
from orders.access.four_eyes import NoLonger
from orders.audit import log, reasons
from orders.models import Proposal, ProposalStatus, SealedProposal

if TYPE_CHECKING:
    from orders.models.desks import Person

NOT_YOURS = "There is no such proposal, or it is not yours to decide."
NO_FACTOR = "Whoever approves must have had a second factor before this was asked."
OWN = "Somebody else has to decide what you asked for."
DECIDED = "This was decided before, or is over: nothing is changed by you."


def approve(
    *, user: "Person", actor: log.Actor, proposal_id: int, seen: str, now: datetime | None = None
) -> str:
    """Do what another person asked for, with a sentence that says what was done.

    ``seen``: the hash of the content that the person was shown. Raises `NotAllowed`, or `NoLonger`
    where nothing was done because it expired, was decided, or what it changes has changed.
    """
    proposal = to_decide(user, actor, proposal_id, "approve")
    if proposal.asked_by_id == user.pk:
        refuse(actor=actor, what=f"approve their own proposal {proposal_id}", said=OWN)
    if not second_factor.is_enrolled(four_eyes.sure(user), since=proposal.asked_at):
        refuse(actor=actor, what=f"approve proposal {proposal_id} by password", said=NO_FACTOR)
    return carry_out(proposal, ProposalStatus.APPROVED, actor, seen, "", now or timezone.now())


def decline(
    *, user: "Person", actor: log.Actor, proposal_id: int, reason: str, now: datetime | None = None
) -> str:
    """Leave everything as it is; never by the one who asked. Raises `NotAllowed`, `NoLonger`."""
    proposal = to_decide(user, actor, proposal_id, "decline")
    if proposal.asked_by_id == user.pk:
        refuse(actor=actor, what=f"decline their own proposal {proposal_id}", said=OWN)
    now, reason = now or timezone.now(), reasons.one_line(reason)
    with transaction.atomic():
        if not four_eyes.end(proposal, ProposalStatus.DECLINED, actor.operator_id, reason, now):
            raise NoLonger(DECIDED)
        log.append(four_eyes.fact(proposal, actor, ProposalStatus.DECLINED, reason=reason))
    return "Declined: nothing is changed."


def to_decide(user: "Person", actor: log.Actor, proposal_id: int, act: str) -> Proposal:
    """Return the proposal, if this person has the right to it. Raises `NotAllowed`."""
    proposal = Proposal.objects.select_related("desk", "asked_by").filter(pk=proposal_id).first()
    if proposal is None or not user.is_active or not four_eyes.act_of(proposal).may(user, proposal):
        refuse(actor=actor, what=f"{act} proposal {proposal_id}", said=NOT_YOURS)
    return proposal


def carry_out(
    proposal: Proposal,
    status: ProposalStatus,
    actor: log.Actor,
    seen: str,
    reason: str,
    now: datetime,
) -> str:
    """Do what waits, and end it with this status, in one transaction. Raises `NoLonger`."""
    if proposal.expires_at <= now:
        _end_by_itself(proposal, ProposalStatus.EXPIRED, "nobody decided in time", now)
        raise NoLonger("This expired before anybody decided it: ask for it again.")
    try:
        with transaction.atomic():
            locked = Proposal.objects.waiting().filter(pk=proposal.pk)
            if not locked.update(
                status=status, decided_by_id=actor.operator_id, decided_at=now, reason=reason
            ):
                raise _Decided
            _check(proposal, seen)
            sentence = four_eyes.act_of(proposal).do(proposal, actor)
            SealedProposal.objects.filter(proposal=proposal).delete()
            log.append(four_eyes.fact(proposal, actor, status, reason=reason))
    except _Decided:
        raise NoLonger(DECIDED) from None
    except NoLonger as why:
        _end_by_itself(proposal, ProposalStatus.VOID, str(why), now)
        raise
    return sentence


class _Decided(Exception):
    """Somebody else was quicker."""


def _check(proposal: Proposal, seen: str) -> None:
    """Raise `NoLonger` unless content, thing and asker are what they were."""
    secret = SealedProposal.objects.filter(proposal=proposal).first()
    sealed = (secret.sealed_with, bytes(secret.sealed)) if secret else None
    own = four_eyes.content_hash(proposal, sealed)
    if own != proposal.content_sha256 or seen != own:
        raise NoLonger("The content is not the one that was asked for: ask for it again.")
    if four_eyes.state_hash(proposal) != proposal.state_sha256:
        raise NoLonger("What it would change has changed since: ask for it again.")
    asker = proposal.asked_by
    if not asker.is_active or not four_eyes.act_of(proposal).may(asker, proposal):
        raise NoLonger("The person who asked may not do this any more.")


def end_expired(now: datetime) -> int:
    """End and record what nobody decided in time; return how many."""
    over = Proposal.objects.over(now)
    why = "nobody decided in time"
    return sum(_end_by_itself(each, ProposalStatus.EXPIRED, why, now) for each in over)


def _end_by_itself(proposal: Proposal, status: ProposalStatus, why: str, now: datetime) -> bool:
    with transaction.atomic():
        if not four_eyes.end(proposal, status, None, why, now):
            return False
        log.append(four_eyes.fact(proposal, log.Actor(), status, reason=why))
    return True
