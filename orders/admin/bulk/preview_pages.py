"""Previews: what a bulk cancel would do, seen before it is confirmed, and confirmed once."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST, require_safe

from orders.access import sessions
from orders.access.denials import refuse
from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.bulk.list_form import ListForm
from orders.admin.bulk.scope_form import ScopeForm
from orders.admin.orders import few_orders
from orders.admin.shared import fields, filter_text, freshness
from orders.admin.shared.job_links import told
from orders.admin.shared.partial_screens import ScreenWithoutList
from orders.admin.shared.screens import fragment, rights_of
from orders.admin.shared.unfold import CustomUrl
from orders.cancels.bulk import estimate, from_list, frozen_orders, previews
from orders.lifecycle.targets import CannotAsk
from orders.models import Account, CancelJob, Order, Preview, Right
from orders.models.accounts import AccountQuerySet
from orders.templatetags.desk import visible

CHANGE = "admin:orders_preview_change"


@admin.register(Preview)
class PreviewAdmin(ScreenWithoutList[Preview]):
    """The two forms that make a preview, and the page on which its maker confirms it."""

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (
            ("scope/", "orders_preview_scope", self.scope_view),
            ("list/", "orders_preview_list", self.list_view),
            ("<uuid:object_id>/confirm/", "orders_preview_confirm", self.confirm_view),
            ("<uuid:object_id>/sync/", "orders_preview_sync", self.sync_view),
            ("<uuid:object_id>/fresh/", "orders_preview_fresh", self.fresh_view),
            ("<uuid:object_id>/anew/", "orders_preview_anew", self.anew_view),
        )

    def has_view_permission(self, request: HttpRequest, obj: Preview | None = None) -> bool:
        return Right.CANCEL in rights_of(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Preview]:
        """One's own alone: another person's preview is as missing as a foreign desk's."""
        visible_rows: QuerySet[Preview] = super().get_queryset(request)
        return visible_rows.filter(made_by_id=request.user.pk).select_related("desk")

    def scope_view(self, request: HttpRequest) -> HttpResponse:
        """The scope form; on POST its preview."""
        self.guard_view(request)
        if Right.CANCEL_SCOPE not in rights_of(request):
            raise PermissionDenied
        if request.method != "POST":
            form = ScopeForm(user=request.user, initial=_initial(request))
            return self._form(request, "desk/bulk/scope_form.html", "Cancel by scope", form)
        form = ScopeForm(request.POST, user=request.user)
        made = self._made(
            request, form, ("desk", "accounts"), partial(self._of_scope, request, form)
        )
        if made is None:
            return self._form(
                request, "desk/bulk/scope_form.html", "Cancel by scope", form, status=422
            )
        return redirect(CHANGE, made.pk)

    def list_view(self, request: HttpRequest) -> HttpResponse:
        """The form for a list of order ids; on POST its preview, or its bad lines."""
        self.guard_view(request)
        if request.method != "POST":
            form = ListForm(user=request.user, initial={"account": request.GET.get("account")})
            return self._form(request, "desk/bulk/list_form.html", "Cancel a list", form)
        form = ListForm(request.POST, request.FILES, user=request.user)
        form.bad = []
        make = partial(self._of_list, request, form)
        made = self._made(request, form, ("account",), make)
        if made is None:
            return self._form(
                request, "desk/bulk/list_form.html", "Cancel a list", form, status=422
            )
        return redirect(CHANGE, made.pk)

    def _made(
        self,
        request: HttpRequest,
        form: ListForm | ScopeForm,
        own: tuple[str, ...],
        make: Callable[[], Preview | None],
    ) -> Preview | None:
        """The preview that a form asks for, or None with its errors filled in."""
        is_sound = form.is_valid()
        try:
            if fields.foreign(form, *own):
                actor = actor_of(request)
                refuse(actor=actor, what="preview of a foreign row", said=previews.GONE)
            return make() if is_sound else None
        except CannotAsk as wrong:
            form.add_error(wrong.field if wrong.field in form.fields else None, str(wrong))
        except NotAllowed as refused:
            if is_sound:
                form.add_error(None, str(refused))
        return None

    def _of_scope(self, request: HttpRequest, form: ScopeForm) -> Preview:
        actor = actor_of(request)
        return previews.of_scope(user=request.user, actor=actor, scope=form.scope())

    def _of_list(self, request: HttpRequest, form: ListForm) -> Preview | None:
        made, form.bad = from_list.of_list(
            user=request.user,
            actor=actor_of(request),
            account_id=form.cleaned_data["account"].pk,
            symbol=form.cleaned_data["symbol"].strip(),
            text=form.given,
        )
        return made

    def _form(
        self,
        request: HttpRequest,
        template: str,
        title: str,
        form: ListForm | ScopeForm,
        *,
        status: int = 200,
    ) -> TemplateResponse:
        opts = CancelJob._meta  # the path back leads to the jobs
        return self.page(request, template, title=title, form=form, opts=opts, status=status)

    @method_decorator(require_safe)
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> TemplateResponse:
        """What would be cancelled, and the one button that asks for it."""
        preview = self.visible_or_404(request, object_id)
        return self._shown(request, preview, {"asked_at": _moment(request.GET.get("asked_at"))})

    def _shown(
        self, request: HttpRequest, preview: Preview, about: dict[str, Any], *, status: int = 200
    ) -> TemplateResponse:
        facts: dict[str, Any] = {
            "title": f"Preview: {visible(preview.scope)}",
            "opts": CancelJob._meta,
            "preview": preview,
            "jobs": preview.jobs.all(),
            "must_type": previews.must_type(preview),
            "is_old": preview.made_at < timezone.now() - previews.VALID_FOR,
            "book": _book(preview, about.get("asked_at")),
            "errors": {},
        }
        try:
            facts["plan"] = estimate.plan(preview)
            facts["few"] = few_orders.of_preview(preview)
        except CannotAsk as changed:
            facts["errors"] = {"": str(changed)}
        return self.page(request, "desk/bulk/preview.html", **facts | about, status=status)

    @method_decorator(require_POST)
    def confirm_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Run exactly what was frozen; the same POST again finds the job it made before."""
        preview = self.visible_or_404(request, str(object_id))
        if previews.must_type(preview):
            sessions.demand_fresh(request)
        reason, typed = fields.reason_of(request), request.POST.get("typed", "")[:100]
        try:
            asked = previews.confirm(
                user=request.user,
                actor=actor_of(request),
                preview_id=preview.pk,
                reason=reason,
                typed=typed,
            )
        except CannotAsk as wrong:
            given = {"reason": reason, "typed": typed}
            about = {"errors": {wrong.field or "": str(wrong)}, "given": given}
            return self._shown(request, preview, about, status=422)
        except NotAllowed:
            raise PermissionDenied from None
        return told(request, asked)

    @method_decorator(require_POST)
    def sync_view(self, request: HttpRequest, object_id: UUID) -> HttpResponseRedirect:
        """Have the books in question read; the page then makes the preview anew by itself."""
        preview = self.visible_or_404(request, str(object_id))
        asked_at = timezone.now()
        freshness.ask(_accounts(preview))
        address = reverse(CHANGE, args=[preview.pk])
        return redirect(f"{address}?asked_at={asked_at.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}")

    @method_decorator(require_safe)
    def fresh_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Whether the books were read since they were asked for."""
        preview = self.visible_or_404(request, str(object_id))
        asked_at = _moment(request.GET.get("asked_at")) or timezone.now()
        book = _book(preview, asked_at)
        facts = {"preview": preview, "book": book, "asked_at": asked_at}
        return fragment(render_to_string("desk/bulk/_preview_sync.html", facts, request))

    @method_decorator(require_POST)
    def anew_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """The same preview by what is known now, in place of the old one."""
        preview = self.visible_or_404(request, str(object_id))
        try:
            made = self._anew(request, preview)
        except (CannotAsk, NotAllowed) as wrong:
            messages.warning(request, str(wrong))
            made = preview
        address = reverse(CHANGE, args=[made.pk])
        if "HX-Request" in request.headers:
            return HttpResponse(headers={"HX-Redirect": address})
        return redirect(address)

    def _anew(self, request: HttpRequest, preview: Preview) -> Preview:
        user, actor = request.user, actor_of(request)
        if not preview.query or previews.is_scope(preview):
            return previews.anew(user=user, actor=actor, preview=preview)
        screen = admin.site.get_model_admin(Order)
        orders = filter_text.orders_of(screen, request, preview.query)
        made = previews.of_orders(
            user=user,
            actor=actor,
            orders=orders.filter(account__desk=preview.desk_id),
            words=preview.scope,
            query=preview.query,
            is_everything=preview.is_everything,
        )
        return made[0]


def _accounts(preview: Preview) -> AccountQuerySet:
    """The accounts whose orders a preview holds."""
    try:
        pks = {row.account_pk for row in frozen_orders.frozen(preview)}
    except CannotAsk:
        pks = set()
    return Account.objects.filter(pk__in=pks, is_active=True)


def _book(preview: Preview, asked_at: datetime | None) -> freshness.Book:
    return freshness.book_of(_accounts(preview), asked_at=asked_at)


def _moment(text: str | None) -> datetime | None:
    try:
        moment: datetime | None = forms.DateTimeField(required=False).clean(text or "")
    except forms.ValidationError:
        return None
    return moment


def _initial(request: HttpRequest) -> dict[str, str | list[str]]:
    """What a link to the form fills in: desk, accounts, symbols, side and prices."""
    named: dict[str, str | list[str]] = {
        name: request.GET.get(name, "")
        for name in ("desk", "symbols", "side", "min_price", "max_price")
    }
    named["accounts"] = request.GET.getlist("account")
    return {name: value for name, value in named.items() if value}
