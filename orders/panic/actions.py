"""What a person may say of one line of a panic once it was pulled; each word is recorded."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from orders.access.denials import refuse
from orders.audit import log
from orders.lifecycle import transitions
from orders.lifecycle.held_back import PANIC_WAITED
from orders.models import CancelJob, JobStatus, PanicLine, PanicStatus, Right
from orders.models.panics import UNFINISHED
from orders.panic import bells
from orders.panic.claimed_lines import NOT_AGAIN
from orders.panic.decision import NO_DESK, fact

if TYPE_CHECKING:
    from orders.models.desks import Person


def send_again(*, user: "Person", actor: log.Actor, line_id: int) -> str:
    """A person's word to send cancel-all once more; from here on it is this person's panic."""
    line, now = _permitted(user, actor, line_id, "repeat"), timezone.now()
    if line.keep_stops:  # a cancel-all would take the stop orders
        return look_again(user=user, actor=actor, line_id=line_id)
    values = {"status": PanicStatus.WAITING, **_asked_by(actor, now)}
    if not _move(line, actor, now, PanicStatus.NEEDS_YOU, values, "again"):
        return _nothing("repeat", line)
    return f"Cancel-all for {line.account} is being sent once more."


def look_again(*, user: "Person", actor: log.Actor, line_id: int) -> str:
    """A person's word to read the book back once more, and cancel singly what it shows."""
    line, now = _permitted(user, actor, line_id, "look again at"), timezone.now()
    values = {"status": PanicStatus.FINISHING, "explanation": _known(line), **_asked_by(actor, now)}
    if not _move(line, actor, now, PanicStatus.NEEDS_YOU, values, "look_again"):
        return _nothing("look at", line)
    return f"The open orders of {line.account} are being looked at again; no cancel-all is sent."


def close(*, user: "Person", actor: log.Actor, line_id: int) -> str:
    """A person's word that they have seen to it; the book was not seen empty all the same."""
    line, now = _permitted(user, actor, line_id, "close"), timezone.now()
    said = f"Closed by {actor.operator_name}. {line.explanation}"[:400]
    values = {"status": PanicStatus.CLOSED, "explanation": said}
    if not _move(line, actor, now, PanicStatus.NEEDS_YOU, values, "closed"):
        return _nothing("close", line)
    return f"Closed: {line.account} needs nobody any more. It was not seen empty."


def withdraw(*, user: "Person", actor: log.Actor, line_id: int) -> str:
    """A person's word that a cancel-all that still waits shall not be sent."""
    line, now = _permitted(user, actor, line_id, "withdraw"), timezone.now()
    said = f"Withdrawn by {actor.operator_name}. The orders may be open."
    values = {"status": PanicStatus.WITHDRAWN, "explanation": said}
    if not _move(line, actor, now, PanicStatus.WAITING, values, "withdrawn"):
        return _nothing("withdraw", line)
    return f"Withdrawn: no cancel-all is sent for {line.account}."


def _permitted(user: "Person", actor: log.Actor, line_id: int, act: str) -> PanicLine:
    """The line, if this person may panic on its desk; else a refusal is recorded.

    Raises `NotAllowed`.
    """
    lines = PanicLine.objects.allowing(user, Right.PANIC).filter(pk=line_id)
    line = lines.select_related("account", "job__desk").first()
    if line is None:
        refuse(actor=actor, what=f"{act} panic line {line_id}", said=NO_DESK)
    return line


def _asked_by(actor: log.Actor, now: datetime) -> dict[str, Any]:
    return {**actor.act_columns(), "asked_at": now, "takes": 0}


def _move(
    line: PanicLine,
    actor: log.Actor,
    now: datetime,
    old: PanicStatus,
    values: dict[str, Any],
    word: str,
) -> bool:
    """Take the line out of every sender's hands and write ``values``, if it still stands so.

    ``word``: what the person said of it, as the record names it.
    """
    about = {word: True, "symbol": line.symbol, "keep_reduce_only": line.keep_reduce_only}
    with transaction.atomic():
        same = PanicLine.objects.filter(pk=line.pk, status=old)
        if not same.update(claim_token=None, lease_until=None, **values):
            return False
        if values["status"] in UNFINISHED:
            jobs = CancelJob.objects.filter(pk=line.job_id)
            jobs.update(status=JobStatus.RUNNING, done_at=None)
        transitions.finish_jobs({line.job_id}, now)
        log.append(fact(actor, line.desk, line.job, now, about, [line.account]))
        bells.ring()
    return True


def _known(line: PanicLine) -> str:
    """What is known of the line's cancel-all."""
    if line.cancelled_count is not None:
        return f"The exchange cancelled {line.cancelled_count}."
    if line.restored_at is not None:
        return PANIC_WAITED
    if line.sent_at is None:
        return "No cancel-all was sent."
    return f"Cancel-all got no clear yes. {NOT_AGAIN}"


def _nothing(act: str, line: PanicLine) -> str:
    line.refresh_from_db(fields=["status"])
    return f"Nothing to {act}: {line.account} is {line.get_status_display().lower()}."
