"""Verifications: a person asks whether the log is whole; the answer is kept and recorded."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from orders.access.denials import refuse
from orders.access.permissions import has_permission
from orders.audit import log, reader
from orders.evidence import verify
from orders.models import ErrandStatus, Event, Right, Verification
from orders.models.desks import sees_everything

if TYPE_CHECKING:
    from orders.models.desks import Person


NOT_YOURS = "Only auditors and administrators verify the log."
MAX_SHOWN = 200  # faults kept for the page; the command names all of them


def may_verify(user: "Person") -> bool:
    """Whether this person may have the log verified. It tells positions, no contents."""
    return sees_everything(user) or has_permission(user, Right.VERIFY)


def ask(
    *, user: "Person", actor: log.Actor, clock: Callable[[], datetime] = timezone.now
) -> Verification:
    """Ask for a walk over the whole log; one that waits or runs already serves. `NotAllowed`."""
    if not may_verify(user):
        refuse(actor=actor, what="verify the log", said=NOT_YOURS)
    with transaction.atomic():
        under_way = Verification.objects.filter(
            status__in=[ErrandStatus.WAITING, ErrandStatus.RUNNING]
        ).first()
        if under_way is not None:
            return under_way
        verification = Verification.objects.create(**actor.columns(), asked_at=clock())
        log.append(log.Fact(Event.VERIFICATION_ASKED, actor))
    return verification


def run(verification: Verification, *, clock: Callable[[], datetime] = timezone.now) -> None:
    """Walk the log and keep what was found."""
    until = reader.tip()
    verification.renew(clock(), total=until)

    def keep(position: int, until: int) -> None:
        verification.renew(clock(), done=position)

    report = verify.verify(until=until, on_progress=keep)
    shown = report.as_json()
    shown["faults"] = shown["faults"][:MAX_SHOWN]
    with transaction.atomic():
        is_ours = verification.finish(
            clock(),
            ErrandStatus.DONE,
            fault_count=report.fault_count,
            report=json.dumps(shown),
            done=until,
        )
        if is_ours:
            log.append(_fact(_asker(verification), report))


def record(*, actor: log.Actor, report: verify.Report) -> None:
    """Keep that somebody had the log walked, and what it showed."""
    log.record(_fact(actor, report))


def _asker(verification: Verification) -> log.Actor:
    return log.Actor(
        verification.operator_id,
        verification.operator_name,
        verification.session_hash,
        verification.address,
    )


def _fact(actor: log.Actor, report: verify.Report) -> log.Fact:
    data = {
        "records": report.records,
        "signatures": report.signatures,
        "checkpoints": report.checkpoints,
        "covered": report.covered,
        "head": report.head,
        "faults": report.fault_count,
        "first_fault": str(report.faults[0]) if report.faults else "",
    }
    outcome = "whole" if report.is_whole else "not_whole"
    return log.Fact(Event.VERIFIED, actor, outcome=outcome, data=data)
