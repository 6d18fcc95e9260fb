"""Unresolved: cancels whose outcome is not proven yet, each a question somebody must watch."""

from django.contrib import admin
from django.http import Http404
from django.utils.html import format_html
from unfold.decorators import display

from orders.admin import filters
from orders.admin.base import Screen
from orders.admin.selection import job_url
from orders.models import Cancel
from orders.models.cancels import OPEN_QUESTIONS
from orders.templatetags.desk import age, exact, tone, visible


@admin.register(Cancel)
class UnresolvedAdmin(Screen):
    """Open questions, the oldest first."""

    list_display = (
        "order_column",
        "account_column",
        "status_column",
        "explanation_column",
        "age_column",
        "next_check_column",
        "job_column",
    )
    list_display_links = None
    list_filter = (filters.DeskFilter, filters.AccountFilter, filters.SymbolFilter)
    list_select_related = ("account__desk", "job")
    ordering = ("pk",)
    empty_sentence = "Nothing is unresolved: every cancel that was sent has a proven outcome."

    def get_queryset(self, request):
        return super().get_queryset(request).filter(status__in=OPEN_QUESTIONS)

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"title": "Unresolved cancels"})

    def change_view(self, request, object_id, form_url="", extra_context=None):
        raise Http404

    @display(description="Order")
    def order_column(self, cancel):
        return format_html(
            '<b>{}</b> <span class="dk-key">{}</span>',
            visible(cancel.symbol),
            visible(cancel.order_id or cancel.client_order_id),
        )

    @display(description="Account")
    def account_column(self, cancel):
        desk = visible(cancel.account.desk)
        return format_html('<span class="dk-quiet">{}</span> {}', desk, visible(cancel.account))

    @display(description="Status")
    def status_column(self, cancel):
        status = cancel.get_status_display()
        return format_html('<span class="dk-status dk-{}">{}</span>', tone(cancel.status), status)

    @display(description="What is known")
    def explanation_column(self, cancel):
        return format_html('<span class="dk-clip">{}</span>', visible(cancel.explanation))

    @display(description="Open for")
    def age_column(self, cancel):
        return age(cancel.requested_at)

    @display(description="Next check (UTC)")
    def next_check_column(self, cancel):
        checks = "no check" if not cancel.checks else f"{cancel.checks} so far"
        return format_html(
            '<span class="dk-nowrap" title="{}">{} <span class="dk-quiet">{}</span></span>',
            exact(cancel.next_check_at),
            exact(cancel.next_check_at)[11:19],
            checks,
        )

    @display(description="Job")
    def job_column(self, cancel):
        return format_html('<a class="dk-link" href="{}">{}</a>', job_url(cancel.job), cancel.job)
