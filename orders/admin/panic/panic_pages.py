"""Panic: the page with the red button, what it would do, and how far each account is."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Q
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST, require_safe

from orders.access import permissions
from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.shared import fields
from orders.admin.shared.screens import Screen, fragment, request_key_of
from orders.admin.shared.unfold import CustomUrl
from orders.audit import sentences
from orders.cancels import requests
from orders.lifecycle.targets import CannotAsk
from orders.models import Account, CancelJob, Desk, PanicLine, PanicStatus, Right, Sender
from orders.models.cancels import CancelJobQuerySet
from orders.models.lookups import is_row_id
from orders.panic import actions, decision
from orders.panic.open_orders import COVERS

if TYPE_CHECKING:
    from orders.models.desks import Person


DRILLS_SHOWN = 10
JOB = "admin:orders_canceljob_change"


class PanicForm(forms.Form):
    """Which books to empty. The reason may wait; nothing here asks twice."""

    desk = forms.ModelChoiceField(
        queryset=None,
        empty_label=None,
        widget=fields.select(**{"data-desks": "", "autofocus": True}),
        error_messages={"required": "Choose the desk.", "invalid_choice": decision.NO_DESK},
    )
    accounts = fields.ByDesk(help_text="Tick none to empty every account of the desk.")
    symbol = forms.CharField(
        required=False,
        max_length=64,
        widget=fields.text(placeholder="every symbol"),
        help_text="Case kept, such as BTC or kBONK. Empty: every symbol.",
    )
    keep_reduce_only = forms.BooleanField(
        required=False,
        widget=fields.box(),
        label="Spare reduce-only orders",
        help_text="They can only make a position smaller.",
    )
    reason = forms.CharField(
        required=False,
        max_length=300,
        widget=fields.text(placeholder="May be left empty"),
    )
    is_drill = forms.BooleanField(
        required=False,
        widget=fields.box(),
        label="Only a drill",
        help_text="The same act, on the desk's drill accounts alone.",
    )

    def __init__(self, *args: QueryDict, user: "Person", **kwargs: dict[str, Any]) -> None:
        super().__init__(*args, **kwargs)
        desks = Desk.objects.allowing(user, Right.PANIC)
        self.fields["desk"].queryset = desks
        if desks.count() > 1:  # which one is the operator's to say, never the page's to guess
            self.fields["desk"].empty_label = "Choose the desk"
        accounts = Account.objects.filter(desk__in=desks, is_active=True).select_related("desk")
        self.fields["accounts"].queryset = accounts

    def clean(self) -> None:
        desk, accounts = self.cleaned_data.get("desk"), self.cleaned_data.get("accounts") or ()
        if desk and any(account.desk_id != desk.pk for account in accounts):
            self.add_error("accounts", f"Tick accounts of {desk} only.")

    def asked(self) -> dict[str, Any]:
        """What a sound form asks of `decision.pull`."""
        given = dict(self.cleaned_data)
        given["desk_id"] = given.pop("desk").pk
        given["account_ids"] = [account.pk for account in given.pop("accounts")]
        return given


@admin.register(PanicLine)
class PanicAdmin(Screen):
    """One page to pull a panic or a drill from; its progress is on the job's page."""

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (
            ("pull/", "orders_panicline_pull", self.pull_view),
            ("warned/", "orders_panicline_warned", self.warned_view),
            ("<int:object_id>/again/", "orders_panicline_again", self.again_view),
            ("<int:object_id>/look/", "orders_panicline_look", self.look_view),
            ("<int:object_id>/close/", "orders_panicline_close", self.close_view),
            ("<int:object_id>/withdraw/", "orders_panicline_withdraw", self.withdraw_view),
        )

    def has_view_permission(self, request: HttpRequest, obj=None) -> bool:
        return permissions.has_permission(request.user, Right.PANIC)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """It stands in the way around by itself, not in a list of tables."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> NoReturn:
        self.guard_view(request)
        raise Http404

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

    def _pulled(self, request: HttpRequest, form: PanicForm) -> CancelJob | None:
        """The job, or None with the form's errors filled in."""
        actor, is_sound = actor_of(request), form.is_valid()
        key = request_key_of(request)
        try:
            if fields.foreign(form, "desk", "accounts"):
                requests.refuse(actor=actor, what="panic on a foreign desk", said=decision.NO_DESK)
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

    def _act(
        self, request: HttpRequest, object_id: int, what: Callable[..., Any]
    ) -> HttpResponseRedirect:
        self.guard_view(request)
        line = PanicLine.objects.visible_to(request.user).filter(pk=object_id).first()
        try:
            said = what(user=request.user, actor=actor_of(request), line_id=object_id)
        except NotAllowed:
            raise (Http404 if line is None else PermissionDenied) from None
        messages.info(request, said)
        return redirect(JOB, line.job_id)


def lines(request: HttpRequest, job: CancelJob) -> dict[str, Any]:
    """One line for each account of a panic, and whether this person may repeat one."""
    rows = list(job.panic_lines.select_related("account").order_by("account__name"))
    return {
        "lines": rows,
        "needs_somebody": any(line.status == PanicStatus.NEEDS_YOU for line in rows),
        "may_panic": permissions.has_permission(request.user, Right.PANIC, desk=job.desk),
        "needs_you": PanicStatus.NEEDS_YOU,
        "covers": COVERS,
    }


def mark(jobs: Iterable[CancelJob]) -> list[CancelJob]:
    """The same jobs, each with whether one of its lines needs somebody; one query."""
    rows = list(jobs)
    lines = PanicLine.objects.needing_somebody().filter(job__in=[job.pk for job in rows])
    needing = set(lines.order_by().values_list("job_id", flat=True))
    for job in rows:
        job.needs_somebody = job.pk in needing
    return rows


def drills_of(jobs: CancelJobQuerySet) -> Iterator[CancelJob]:
    """Jobs with their times: the last request sent, and when the last book was seen empty."""
    seen = Count("panic_lines", filter=Q(panic_lines__seen_empty_at__isnull=False))
    rows = jobs.select_related("desk").order_by("-created_at")
    rows = rows.annotate(
        last_sent_at=Max("panic_lines__last_sent_at"),
        empty_at=Max("panic_lines__seen_empty_at"),
        n_lines=Count("panic_lines"),
        n_empty=seen,
    )
    for job in rows[:DRILLS_SHOWN]:
        job.to_sent = _took(job, job.last_sent_at)
        job.to_empty = _took(job, job.empty_at) if job.n_empty == job.n_lines else ""
        yield job


def _took(job: CancelJob, moment: datetime) -> str:
    return sentences.span((moment - job.created_at).total_seconds()) if moment else ""


def _warned(user: "Person", form: PanicForm) -> dict[str, Any] | None:
    """What the form's scope holds by our last look; None where it names no desk of theirs."""
    given = getattr(form, "cleaned_data", None) or {}
    desk = given.get("desk") or _first_desk(form)
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


def _first_desk(form: PanicForm) -> Desk | None:
    """The desk that the form shows before anything is chosen; None where there are several."""
    desks = form.fields["desk"].queryset
    wanted = form.initial.get("desk") if not form.is_bound else None
    if wanted:
        return desks.filter(pk=wanted).first()
    return desks.first() if form.fields["desk"].empty_label is None else None


def _initial(request: HttpRequest) -> dict[str, Any]:
    """What a link to the page fills in: a desk, an account, a symbol."""
    desk = request.GET.get("desk", "")
    given = {"desk": desk if is_row_id(desk) else None}
    given["accounts"] = [pk for pk in request.GET.getlist("account") if is_row_id(pk)]
    given["symbol"] = request.GET.get("symbol", "")[:64]
    return {name: value for name, value in given.items() if value}
