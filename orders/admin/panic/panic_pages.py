"""Panic: the page with the red button, what it would do, and how far each account is."""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST, require_safe

from orders.access import permissions
from orders.access.denials import refuse
from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.panic import all_desks
from orders.admin.panic.panic_form import PanicForm
from orders.admin.shared import fields
from orders.admin.shared.partial_screens import ScreenWithoutList
from orders.admin.shared.screens import fragment, request_key_of
from orders.admin.shared.unfold import CustomUrl
from orders.audit import sentences
from orders.lifecycle.targets import CannotAsk
from orders.models import CancelJob, Desk, PanicLine, PanicStatus, Right, Sender
from orders.models.cancel_jobs import CancelJobQuerySet
from orders.models.lookups import is_row_id
from orders.panic import actions, decision
from orders.panic.open_orders import COVERS

if TYPE_CHECKING:
    from orders.audit.log import Actor
    from orders.models.desks import Person


DRILLS_SHOWN = 10
JOB = "admin:orders_canceljob_change"


class Act(Protocol):
    """What a person may do to a panic's account. It returns what became of it, as a sentence."""

    def __call__(self, *, user: "Person", actor: "Actor", line_id: int) -> str: ...


@admin.register(PanicLine)
class PanicAdmin(ScreenWithoutList[PanicLine]):
    """One page to pull a panic or a drill from; its progress is on the job's page."""

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (
            ("pull/", "orders_panicline_pull", self.pull_view),
            ("pull-all/", "orders_panicline_pull_all", self.pull_all_view),
            ("warned/", "orders_panicline_warned", self.warned_view),
            ("<int:object_id>/again/", "orders_panicline_again", self.again_view),
            ("<int:object_id>/look/", "orders_panicline_look", self.look_view),
            ("<int:object_id>/close/", "orders_panicline_close", self.close_view),
            ("<int:object_id>/withdraw/", "orders_panicline_withdraw", self.withdraw_view),
        )

    def has_view_permission(self, request: HttpRequest, obj: PanicLine | None = None) -> bool:
        return permissions.has_permission(request.user, Right.PANIC)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> NoReturn:
        self.guard_view(request)
        raise Http404

    def pull_view(self, request: HttpRequest) -> HttpResponse:
        """The page; on POST the panic is recorded, and a sender takes it at once."""
        self.guard_view(request)
        if request.method != "POST":
            return self._page(request, PanicForm(user=request.user, initial=_initial(request)))
        form = PanicForm(request.POST, user=request.user)
        job = self._pulled(request, form)
        if job is None:
            return self._page(request, form, status=422)
        return redirect(JOB, job.pk)

    def pull_all_view(self, request: HttpRequest) -> HttpResponse:
        """All of the person's desks in one act."""
        return all_desks.view(self, request)

    def _pulled(self, request: HttpRequest, form: PanicForm) -> CancelJob | None:
        """The job, or None with the form's errors filled in."""
        actor, is_sound = actor_of(request), form.is_valid()
        key = request_key_of(request)
        try:
            if fields.foreign(form, "desk", "accounts"):
                refuse(actor=actor, what="panic on a foreign desk", said=decision.NO_DESK)
            if not is_sound:
                return None
            return decision.record_panic(
                user=request.user, actor=actor, request_key=key, **form.asked()
            )
        except CannotAsk as wrong:
            form.add_error(wrong.field if wrong.field in form.fields else None, str(wrong))
        except NotAllowed as refused:
            if is_sound:
                form.add_error(None, str(refused))
        return None

    def _page(
        self, request: HttpRequest, form: PanicForm, *, status: int = 200
    ) -> TemplateResponse:
        drills = CancelJob.objects.visible_to(request.user).filter(is_drill=True)
        return self.page(
            request,
            "desk/panic/panic.html",
            title="Panic",
            opts=CancelJob._meta,
            form=form,
            warned=_warned(request.user, form),
            drills=list(drills_of(drills)),
            covers=COVERS,
            has_sweep=Sender.objects.fresh(timezone.now()).filter(kind="sweep").exists(),
            request_key=request_key_of(request) or uuid.uuid4(),
            status=status,
        )

    @method_decorator(require_safe)
    def warned_view(self, request: HttpRequest) -> HttpResponse:
        """What the scope holds as it is chosen now, protective orders above all."""
        self.guard_view(request)
        form = PanicForm(request.GET, user=request.user)
        form.is_valid()
        shown = {"warned": _warned(request.user, form)}
        return fragment(render_to_string("desk/panic/_warnings.html", shown, request))

    @method_decorator(require_POST)
    def again_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """A person's word to send cancel-all once more; never offered while a sender is at it."""
        return self._act(request, object_id, actions.send_again)

    @method_decorator(require_POST)
    def look_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """A person's word to read the book back once more, without another cancel-all."""
        return self._act(request, object_id, actions.look_again)

    @method_decorator(require_POST)
    def close_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """A person's word that they have seen to a book that was not seen empty."""
        return self._act(request, object_id, actions.close)

    @method_decorator(require_POST)
    def withdraw_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """A person's word that what still waits shall not be sent."""
        return self._act(request, object_id, actions.withdraw)

    def _act(self, request: HttpRequest, object_id: int, act: Act) -> HttpResponseRedirect:
        """Do this to a panic's account; who may is decided below, and who may does see it."""
        self.guard_view(request)
        line = PanicLine.objects.visible_to(request.user).filter(pk=object_id).first()
        try:
            sentence = act(user=request.user, actor=actor_of(request), line_id=object_id)
        except NotAllowed:
            raise (Http404 if line is None else PermissionDenied) from None
        messages.info(request, sentence)
        assert line is not None  # allowed above, and `Right.PANIC` comes with `Right.VIEW`
        return redirect(JOB, line.job_id)


def lines(request: HttpRequest, job: CancelJob) -> dict[str, Any]:
    """One line for each account of a panic, and whether this person may repeat one."""
    rows = list(job.panic_lines.select_related("account").order_by("account__name"))
    return {
        "lines": rows,
        "may_panic": permissions.has_permission(request.user, Right.PANIC, desk=job.desk),
        "needs_you": PanicStatus.NEEDS_YOU,
        "covers": COVERS,
    }


def drills_of(jobs: CancelJobQuerySet) -> Iterator[CancelJob]:
    """Jobs with their times: the last request sent, and when the last book was seen empty."""
    seen = Count("panic_lines", filter=Q(panic_lines__seen_empty_at__isnull=False))
    rows = jobs.select_related("desk").order_by("-created_at")
    # The names are declared on the model too: a queryset of our own forgets what annotates it.
    rows = rows.annotate(  # type: ignore[no-redef]
        last_sent_at=Max("panic_lines__last_sent_at"),
        empty_at=Max("panic_lines__seen_empty_at"),
        n_lines=Count("panic_lines"),
        n_empty=seen,
    )
    for job in rows[:DRILLS_SHOWN]:
        job.to_sent = _took(job, job.last_sent_at)
        job.to_empty = _took(job, job.empty_at) if job.n_empty == job.n_lines else ""
        yield job


def _took(job: CancelJob, moment: datetime | None) -> str:
    return sentences.span((moment - job.created_at).total_seconds()) if moment else ""


def _warned(user: "Person", form: PanicForm) -> dict[str, Any] | None:
    """What the form's scope holds by our last look; None where it names no desk of theirs."""
    given = _given(form)
    desk = given.get("desk")
    if desk is None:
        return None
    chosen = [account.pk for account in given.get("accounts") or ()]
    _, accounts = decision.scope(user=user, desk_id=desk.pk, account_ids=chosen)
    if given.get("is_drill"):
        accounts = [account for account in accounts if account.is_drill]
    found = decision.warned(accounts=accounts, symbol=given.get("symbol", ""))
    left_out = decision.left_out(desk=desk)
    shown = {"found": found, "desk": desk, "accounts": accounts, "given": given}
    return shown | {"left_out": [] if chosen else left_out}


def _given(form: PanicForm) -> dict[str, Any]:
    """What is chosen: as a sound form says, or as the page is filled in before anything is."""
    if form.is_bound:
        given = getattr(form, "cleaned_data", None) or {}
        return given | {"desk": given.get("desk") or _first_desk(form)}
    desk = _first_desk(form)
    named = form.offered.filter(desk=desk, pk__in=form.initial.get("accounts", ()))
    return {"desk": desk, "accounts": list(named), "symbol": form.initial.get("symbol", "")}


def _first_desk(form: PanicForm) -> Desk | None:
    """The desk that the form shows before anything is chosen; None where there are several."""
    wanted = form.initial.get("desk") if not form.is_bound else None
    if wanted:
        return form.desks.filter(pk=wanted).first()
    return form.desks.first() if form.has_one_desk else None


def _initial(request: HttpRequest) -> dict[str, Any]:
    """What a link to the page fills in: a desk, an account, a symbol."""
    desk = request.GET.get("desk", "")
    named = {
        "desk": desk if is_row_id(desk) else None,
        "accounts": [pk for pk in request.GET.getlist("account") if is_row_id(pk)],
        "symbol": request.GET.get("symbol", "")[:64],
    }
    return {name: value for name, value in named.items() if value}
