"""Drift: orders on which the exchange's book and ours had come apart, until somebody has looked."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.shared import filters
from orders.admin.shared.partial_screens import ScreenWithoutRowPages
from orders.admin.shared.screens import rights_of
from orders.admin.shared.unfold import action, display
from orders.models import Drift, Right
from orders.models.drifts import DriftQuerySet
from orders.reconcile import discrepancies
from orders.templatetags.desk import ago, visible


@admin.register(Drift)
class DriftAdmin(ScreenWithoutRowPages[Drift]):
    """Drifts that nobody has acknowledged, newest first."""

    list_display = ("kind_column", "order_column", "account_column", "said_column", "seen_column")
    list_display_links = None
    list_filter = (filters.DeskFilter, filters.AccountFilter)
    list_select_related = ("account__desk", "order")
    actions = ("acknowledge",)
    empty_sentence = "No discrepancy: the exchange's open orders and ours agree."

    def get_queryset(self, request: HttpRequest) -> DriftQuerySet:
        drifts: DriftQuerySet = super().get_queryset(request)
        return drifts.open()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {"title": "Discrepancies"})

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return Right.CANCEL in rights_of(request)

    @action(description="I have looked at these", permissions=["cancel"])
    def acknowledge(self, request: HttpRequest, queryset: DriftQuerySet) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        try:
            count = discrepancies.acknowledge(
                user=request.user, actor=actor_of(request), drift_ids=ids
            )
        except NotAllowed as refused:
            messages.warning(request, str(refused))
            return
        messages.success(request, f"{count} acknowledged.")

    @display(description="What")
    def kind_column(self, drift: Drift) -> SafeString:
        return format_html('<span class="dk-status dk-warn">{}</span>', drift.get_kind_display())

    @display(description="Order")
    def order_column(self, drift: Drift) -> SafeString:
        order = drift.order
        return format_html(
            '<b>{}</b> {} <span class="dk-key">{}</span>',
            visible(order.symbol),
            visible(order.side),
            order.order_id,
        )

    @display(description="Account")
    def account_column(self, drift: Drift) -> SafeString:
        desk = visible(drift.account.desk)
        return format_html('<span class="dk-muted">{}</span> {}', desk, visible(drift.account))

    @display(description="In words")
    def said_column(self, drift: Drift) -> str:
        return visible(drift.said)

    @display(description="Seen")
    def seen_column(self, drift: Drift) -> str:
        return ago(drift.seen_at)
