"""Unresolved: cancels whose outcome is not proven yet, each a question somebody must watch."""

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods

from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.shared import fields, filters
from orders.admin.shared.following_list import FollowingList
from orders.admin.shared.job_links import job_url
from orders.admin.shared.partial_screens import ScreenWithoutRowPages
from orders.admin.shared.screens import name_page, rights_of
from orders.admin.shared.unfold import CustomUrl, action, display
from orders.cancels import unresolved
from orders.lifecycle.targets import CannotAsk, demanded_reason
from orders.models import Cancel, Right
from orders.models.cancels import LIVE, CancelQuerySet
from orders.templatetags.desk import age, at_time, exact, tone, visible

if TYPE_CHECKING:
    from orders.audit.log import Actor
    from orders.models.desks import Person

LIST = "admin:orders_cancel_changelist"
MAX_IN_ADDRESS = 200  # questions that an address names
NONE_LEFT = "None of these is an open question any more that you may close."


class Act(Protocol):
    """What a person may do to open questions. It returns what became of them, as a sentence."""

    def __call__(self, *, user: "Person", actor: "Actor", cancel_ids: list[int]) -> str: ...


@admin.register(Cancel)
class UnresolvedAdmin(FollowingList[Cancel], ScreenWithoutRowPages[Cancel]):
    """Open questions, the oldest first."""

    list_display = (
        "order_column",
        "account_column",
        "status_column",
        "explanation_column",
        "age_column",
        "next_check_column",
        "owner_column",
        "job_column",
    )
    actions = ("check_now", "send_again", "take", "close")
    list_display_links = None
    list_filter = (
        filters.DeskFilter,
        filters.AccountFilter,
        filters.SymbolFilter,
        filters.JobFilter,
    )
    list_select_related = ("account__desk", "job", "owner")
    ordering = ("pk",)
    empty_sentence = "Nothing is unresolved: every cancel that was sent has a proven outcome."

    def get_queryset(self, request: HttpRequest) -> CancelQuerySet:
        cancels: CancelQuerySet = super().get_queryset(request)
        return cancels.open_questions()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        name_page(request, "Unresolved")
        return super().changelist_view(request, {"title": "Unresolved cancels"})

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (
            ("rows/", "orders_cancel_rows", self.rows_view),
            ("close/", "orders_cancel_close", self.close_view),
        )

    def told(self, request: HttpRequest) -> CancelQuerySet:
        cancels: CancelQuerySet = super().get_queryset(request)
        return cancels

    def goes_on(self, row: Cancel) -> bool:
        return row.status in LIVE

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return Right.CANCEL in rights_of(request)

    def has_close_permission(self, request: HttpRequest) -> bool:
        return Right.CLOSE in rights_of(request)

    @action(description="Check now", permissions=["cancel"])
    def check_now(self, request: HttpRequest, queryset: CancelQuerySet) -> None:
        self.act(request, unresolved.check_now, _ids(queryset))

    @action(description="Send again", permissions=["cancel"])
    def send_again(self, request: HttpRequest, queryset: CancelQuerySet) -> None:
        self.act(request, unresolved.send_again, _ids(queryset))

    @action(description="I mind these", permissions=["cancel"])
    def take(self, request: HttpRequest, queryset: CancelQuerySet) -> None:
        self.act(request, unresolved.assign_owner, _ids(queryset))

    @action(description="Close with a reason…", permissions=["close"])
    def close(self, request: HttpRequest, queryset: CancelQuerySet) -> HttpResponse:
        """Ask for the reason on a page whose address names the questions, where it can."""
        cancels = queryset.allowing(request.user, Right.CLOSE)
        ids = ",".join(str(pk) for pk in cancels.values_list("pk", flat=True))
        if ids.count(",") >= MAX_IN_ADDRESS:
            return self._close_page(request, cancels, request.GET.urlencode())
        named = urlencode({"ids": ids, "list": request.GET.urlencode()}, safe=",")
        return redirect(f"{reverse('admin:orders_cancel_close')}?{named}")

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def close_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for the reason; on POST close with it, or ask again where it says nothing."""
        data = request.POST if request.method == "POST" else request.GET
        ids, listed = fields.ids_of(data), data.get("list", "")
        cancels = self.get_queryset(request).filter(pk__in=ids)
        allowed = cancels.allowing(request.user, Right.CLOSE)
        if request.method != "POST":
            return self._close_page(request, allowed, listed)
        reason = fields.reason_of(request)
        try:
            demanded_reason(reason)
        except CannotAsk as wrong:
            return self._close_page(request, allowed, listed, reason=reason, error=str(wrong))
        self.act(request, partial(unresolved.close, reason=reason), ids)
        return _to_list(listed)

    def _close_page(
        self,
        request: HttpRequest,
        cancels: CancelQuerySet,
        listed: str,
        *,
        reason: str = "",
        error: str = "",
    ) -> HttpResponse:
        """Nothing is closed before a reason is given. ``listed``: the list's query, to go back.

        ``error``: what is wrong with the reason that was given.
        """
        self.guard_view(request)
        if not self.has_close_permission(request):
            raise PermissionDenied
        rows = list(cancels.select_related("account__desk"))
        if not rows:
            messages.warning(request, NONE_LEFT)
            return _to_list(listed)
        return self.page(
            request,
            "desk/orders/close_unresolved.html",
            title="Close questions",
            cancels=rows,
            ids=",".join(str(cancel.pk) for cancel in rows),
            list=listed,
            reason=reason,
            error=error,
            status=422 if error else 200,
        )

    def act(self, request: HttpRequest, act: Act, cancel_ids: list[int]) -> None:
        """Do this to the cancels and say what became of it; who may is decided below."""
        self.guard_view(request)
        user, actor = request.user, actor_of(request)
        try:
            messages.success(request, act(user=user, actor=actor, cancel_ids=cancel_ids))
        except (CannotAsk, NotAllowed) as wrong:
            messages.warning(request, str(wrong))

    @display(description="Order")
    def order_column(self, cancel: Cancel) -> SafeString:
        return format_html(
            '<b>{}</b> <span class="dk-key">{}</span>',
            visible(cancel.symbol),
            visible(cancel.order_id or cancel.client_order_id),
        )

    @display(description="Account")
    def account_column(self, cancel: Cancel) -> SafeString:
        desk = visible(cancel.account.desk)
        return format_html('<span class="dk-muted">{}</span> {}', desk, visible(cancel.account))

    @display(description="Status")
    def status_column(self, cancel: Cancel) -> SafeString:
        status = cancel.get_status_display()
        shown = format_html('<span class="dk-status dk-{}">{}</span>', tone(cancel.status), status)
        if not cancel.has_contradiction:
            return shown
        return format_html('{} <span class="dk-status dk-alarm">contradicted</span>', shown)

    @display(description="What is known")
    def explanation_column(self, cancel: Cancel) -> SafeString:
        return format_html('<span class="dk-sentence">{}</span>', visible(cancel.explanation))

    @display(description="Open for")
    def age_column(self, cancel: Cancel) -> str:
        return age(cancel.requested_at)

    @display(description="Next check (UTC)")
    def next_check_column(self, cancel: Cancel) -> SafeString:
        checks = "none so far" if not cancel.checks else f"{cancel.checks} so far"
        return format_html(
            '<span class="dk-nowrap" title="{} UTC">{} <span class="dk-muted">{}</span></span>',
            exact(cancel.next_check_at),
            at_time(cancel.next_check_at),
            checks,
        )

    @display(description="Minded by")
    def owner_column(self, cancel: Cancel) -> str:
        return visible(cancel.owner) if cancel.owner else "nobody"

    @display(description="Job")
    def job_column(self, cancel: Cancel) -> SafeString:
        return format_html('<a class="dk-link" href="{}">{}</a>', job_url(cancel.job), cancel.job)


def _to_list(listed: str) -> HttpResponseRedirect:
    """The list as it was chosen from: its filter and page."""
    return redirect(f"{reverse(LIST)}?{QueryDict(listed).urlencode()}")


def _ids(queryset: CancelQuerySet) -> list[int]:
    return list(queryset.values_list("pk", flat=True))
