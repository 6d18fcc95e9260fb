"""Accept an older copy of the database that was put back: one recorded act of an administrator.

From then on new acts are sent again. What waited in the copy stays with people: as questions to
send again or close, and as lines of a panic that need somebody.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from orders.access.denials import refuse
from orders.audit import log
from orders.lifecycle import restored_copy
from orders.lifecycle.targets import CannotAsk
from orders.models import Cancel, Event, PanicLine, Restore
from orders.models.cancels import OPEN_QUESTIONS
from orders.models.desks import sees_everything

if TYPE_CHECKING:
    from orders.models.desks import Person


NOT_YOURS = "Only administrators accept a restored copy of the database."
NOTHING = "Nothing to accept: this database is not older than its checkpoints, as far as is known."
MIN_REASON, MAX_REASON = 3, 300


def accept(
    *, user: "Person", actor: log.Actor, reason: str, clock: Callable[[], datetime] = timezone.now
) -> str:
    """Go on with this database as it is. Raises `NotAllowed`, or `CannotAsk` without a reason."""
    if not sees_everything(user):
        refuse(actor=actor, what="accept a restored copy of the database", said=NOT_YOURS)
    reason = " ".join(reason.split()).replace("\0", "")
    if len(reason) < MIN_REASON:
        raise CannotAsk("Say why: the reason is kept with your name.", field="reason")
    moment = clock()
    if not restored_copy.is_behind(moment):
        return NOTHING
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
            reason=reason[:MAX_REASON],
        )
        log.append(_fact(behind, actor, reason[:MAX_REASON], moment))
    return f"Accepted: new cancels are sent again. {left()}"


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
