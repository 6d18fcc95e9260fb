"""Accept an older copy of the database that was put back: one recorded act of an administrator.

From then on new acts are sent again. What waited in the copy stays with people: as questions to
send again or close, and as lines of a panic that need somebody.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from orders.access import four_eyes
from orders.access.denials import refuse
from orders.access.four_eyes import Act, NoLonger
from orders.audit import log
from orders.lifecycle import restored_copy
from orders.lifecycle.targets import demanded_reason
from orders.models import Cancel, Event, PanicLine, Proposal, ProposalKind, Restore
from orders.models.cancels import OPEN_QUESTIONS
from orders.models.desks import sees_everything

if TYPE_CHECKING:
    from orders.models.desks import Person


NOT_YOURS = "Only administrators accept a restored copy of the database."
MORE_LOST = "What is known to be lost has changed since: ask for it again."
NOTHING = "Nothing to accept: this database is not older than its checkpoints, as far as is known."


def accept(
    *, user: "Person", actor: log.Actor, reason: str, clock: Callable[[], datetime] = timezone.now
) -> str:
    """Go on with this database as it is.

    Raises `NotAllowed`, `CannotAsk` without a reason, and `Waits` where a second person has to
    approve it.
    """
    if not sees_everything(user):
        refuse(actor=actor, what="accept a restored copy of the database", said=NOT_YOURS)
    reason, moment = demanded_reason(reason), clock()
    if not restored_copy.is_behind(moment):
        return NOTHING
    four_eyes.wait_if_needed(
        kind=ProposalKind.RESTORED,
        desk=None,
        about="database",
        content={"reason": reason},
        words="This database, older than its checkpoints, is the one to go on with",
        user=user,
        actor=actor,
    )
    return _accepted(actor, reason, moment)


def _accepted(actor: log.Actor, reason: str, moment: datetime) -> str:
    with transaction.atomic():
        restored_copy.hold()
        behind = Restore.objects.waiting().select_for_update(no_key=True).first()
        if behind is None:  # somebody else was quicker
            return NOTHING
        Restore.objects.filter(pk=behind.pk).update(
            operator_id=actor.operator_id,
            operator_name=actor.operator_name,
            is_waiting=False,
            accepted_at=moment,
            reason=reason,
        )
        log.append(_fact(behind, actor, reason, moment))
    return f"Accepted: new cancels are sent again. {left()}"


def _state(proposal: Proposal) -> Any:
    """What is known to be lost, by the database and by this host's file, looked at or not."""
    behind = restored_copy.look(timezone.now())
    names = ("pk", "number", "count", "line_hash", "tip")
    return [getattr(behind, name) for name in names] if behind else None


def _do(proposal: Proposal, actor: log.Actor) -> str:
    restored_copy.hold()  # a sender may have found more since the state was checked
    if four_eyes.state_hash(proposal) != proposal.state_sha256:
        raise NoLonger(MORE_LOST)
    said = _accepted(actor, four_eyes.content_of(proposal)["reason"], timezone.now())
    if said == NOTHING:
        raise NoLonger(NOTHING)
    return said


ACT = Act(may=lambda user, proposal: sees_everything(user), state=_state, do=_do)


def connect() -> None:
    """Register the act with those that may wait for a second person."""
    four_eyes.register(ProposalKind.RESTORED, ACT)


def left() -> str:
    """Say what of the copies put back still waits for a person."""
    questions = Cancel.objects.filter(status__in=OPEN_QUESTIONS, restored_at__isnull=False).count()
    lines = PanicLine.objects.needing_somebody().filter(restored_at__isnull=False).count()
    if not questions and not lines:
        return "Nothing that waited in it is left to decide."
    cancels = f"{questions} cancel{'' if questions == 1 else 's'}"
    panics = f"{lines} line{'' if lines == 1 else 's'} of a panic"
    left_over = " and ".join(words for words, n in ((cancels, questions), (panics, lines)) if n)
    return f"Left to decide, one by one: {left_over} that waited when the copy was taken."


def _fact(behind: Restore, actor: log.Actor, reason: str, now: datetime) -> log.Fact:
    names = ("number", "count", "signed_at", "shared", "tip", "is_other")
    data = {name: getattr(behind, name) for name in names} | {"reason": reason}
    return log.Fact(Event.DATABASE_ACCEPTED, actor, now, data=data)
