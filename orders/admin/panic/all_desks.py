"""Panic on all of a person's desks in one act: one page, one POST, a panic for each desk."""

import uuid
from typing import TYPE_CHECKING, NamedTuple

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.shared import fields
from orders.admin.shared.screens import request_key_of
from orders.lifecycle.targets import CannotAsk
from orders.models import CancelJob, Desk, Right, Sender
from orders.models.lookups import is_row_id
from orders.panic import decision
from orders.panic.open_orders import COVERS

if TYPE_CHECKING:
    from orders.admin.panic.panic_pages import PanicAdmin
    from orders.models.desks import Person

JOB, JOBS = "admin:orders_canceljob_change", "admin:orders_canceljob_changelist"
NOTHING_NAMED = "No desk was named: nothing was pulled. Look at the desks below, and pull again."


class OneDesk(NamedTuple):
    """A desk with its accounts, and what they hold by our last look."""

    desk: Desk
    accounts: int
    found: decision.Warned


def view(screen: "PanicAdmin", request: HttpRequest) -> HttpResponse:
    """The page that names the desks; on POST a panic is recorded on each desk that it named."""
    screen.guard_view(request)
    if request.method != "POST":
        return _page(screen, request)
    named = request.POST.getlist("desk")
    if not named or not all(map(is_row_id, named)):
        return _page(screen, request, status=422, error=NOTHING_NAMED)
    jobs, refused = _pulled(request, dict.fromkeys(map(int, named)))
    for sentence in refused:
        messages.error(request, sentence)
    if not jobs:
        return _page(screen, request, status=422)
    if len(jobs) == 1:
        return redirect(JOB, jobs[0].pk)
    where = ", ".join(str(job.desk) for job in jobs)
    messages.success(request, f"{len(jobs)} panics recorded, one a desk: {where}.")
    return redirect(JOBS)


def _pulled(request: HttpRequest, desk_ids: dict[int, None]) -> tuple[list[CancelJob], list[str]]:
    """The panics, and why a desk has none. What fails on one desk holds up no other."""
    jobs: list[CancelJob] = []
    refused: list[str] = []
    for desk_id in desk_ids:
        try:
            job = decision.record_panic(
                user=request.user,
                actor=actor_of(request),
                desk_id=desk_id,
                reason=fields.reason_of(request),
                request_key=request_key_of(request),
            )
            jobs.append(job)
        except (CannotAsk, NotAllowed) as wrong:
            refused.append(str(wrong))
    return jobs, list(dict.fromkeys(refused))


def _page(
    screen: "PanicAdmin", request: HttpRequest, *, status: int = 200, error: str = ""
) -> HttpResponse:
    return screen.page(
        request,
        "desk/panic/all_desks.html",
        title="Panic on all desks",
        opts=CancelJob._meta,
        desks=list(desks_of(request.user)),
        error=error,
        reason=fields.reason_of(request),
        covers=COVERS,
        has_sweep=Sender.objects.fresh(timezone.now()).filter(kind="sweep").exists(),
        request_key=request_key_of(request) or uuid.uuid4(),
        status=status,
    )


def desks_of(user: "Person") -> list[OneDesk]:
    """The desks on which this person may pull a panic, but those without an active account."""
    found = []
    for desk in Desk.objects.allowing(user, Right.PANIC).order_by("name"):
        _, accounts = decision.scope(user=user, desk_id=desk.pk)
        if accounts:
            found.append(OneDesk(desk, len(accounts), decision.warned(accounts=accounts)))
    return found
