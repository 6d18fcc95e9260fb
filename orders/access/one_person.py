"""Break the glass: an administrator does alone what waits for a second person, and is reviewed.

For the night in which nobody else can be reached. It asks for a reason, raises an alarm that stands
until another administrator has reviewed it, and is a record.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from orders.access import four_eyes, four_eyes_decisions
from orders.access.denials import refuse
from orders.audit import log, reasons
from orders.models import Alert, AlertKind, Proposal, ProposalStatus
from orders.models.desks import sees_everything

if TYPE_CHECKING:
    from orders.models.desks import Person

MIN_REASON = 10  # letters and digits: *urgent* alone tells a reviewer nothing, nor do dots
NOT_YOURS = "Only administrators do alone what waits for a second person."
NOT_YOURS_TO_REVIEW = "Another administrator has to review this."


class NoReason(ValueError):
    """The reason or the review is missing. The text says what to write."""


def break_glass(
    *,
    user: "Person",
    actor: log.Actor,
    proposal_id: int,
    seen: str,
    reason: str,
    now: datetime | None = None,
) -> str:
    """Do what waits without a second person; return what was done, as a sentence.

    Raises `NotAllowed`, `NoReason`, or `four_eyes.NoLonger` where nothing was done.
    """
    if not sees_everything(user):
        refuse(actor=actor, what=f"do proposal {proposal_id} alone", said=NOT_YOURS)
    proposal = four_eyes_decisions.to_decide(user, actor, proposal_id, "do alone")
    if _letters(reason := reasons.one_line(reason)) < MIN_REASON:
        raise NoReason("Say why it cannot wait: another administrator will read it.")
    now = now or timezone.now()
    done = four_eyes_decisions.carry_out(proposal, ProposalStatus.BROKEN, actor, seen, reason, now)
    _alarm(proposal, actor, reason, now)
    return f"{done} It was done by one person alone: another administrator has to review it."


def _letters(text: str) -> int:
    """Count what can be read: no blanks that have no width, no dots."""
    return sum(char.isalnum() for char in text)


def _alarm(proposal: Proposal, actor: log.Actor, reason: str, now: datetime) -> None:
    """Raise it at once; the watch keeps it standing until it is reviewed, and raises a lost one."""
    Alert.objects.raise_once(
        kind=AlertKind.ONE_PERSON.value,
        about=matter_of(proposal),
        desk_name=proposal.desk.name if proposal.desk else "",
        said=words(proposal.words, actor.operator_name, reason),
        now=now,
    )


def matter_of(proposal: Proposal) -> str:
    """Name what the alarm is about."""
    return f"proposal {proposal.pk}"


def words(what: str, who: str, reason: str) -> str:
    """Say for an alarm what was done alone."""
    return f"{who} did alone what waits for a second person: {what}. Reason: {reason}"[:400]


def review(
    *,
    user: "Person",
    actor: log.Actor,
    proposal_id: int,
    said: str,
    now: datetime | None = None,
) -> str:
    """Note that another administrator looked at it. Raises `NotAllowed`, `NoReason`."""
    proposal = Proposal.objects.to_review().filter(pk=proposal_id).first()
    if proposal is None or not sees_everything(user) or proposal.decided_by_id == user.pk:
        refuse(actor=actor, what=f"review proposal {proposal_id}", said=NOT_YOURS_TO_REVIEW)
    if _letters(said := reasons.one_line(said)) < 3:
        raise NoReason("Write what you found: it is kept with your name.")
    values = {"reviewed_by_id": user.pk, "reviewed_at": now or timezone.now(), "review": said}
    with transaction.atomic():
        if not Proposal.objects.to_review().filter(pk=proposal.pk).update(**values):
            return "Somebody else reviewed it before you."
        log.append(four_eyes.fact(proposal, actor, "reviewed", reason=said))
    return "Reviewed."
