"""Latches: what a halt left on accounts, what appeared there since, and their release."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseRedirect
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from orders.access.sign_in_log import actor_of
from orders.admin.guards.guarded_page import GuardedPage
from orders.admin.shared import fields
from orders.admin.shared.unfold import CustomUrl, display
from orders.models import Latch, Right
from orders.models.guards import idle
from orders.panic.guard import latches
from orders.templatetags.desk import ago, visible

SHOWN = 50  # orders


@admin.register(Latch)
class LatchAdmin(GuardedPage[Latch]):
    """The latches of one's desks' accounts."""

    list_display = ("account_column", "state_column", "appeared_column", "set_column")
    list_filter = ()
    list_select_related = ("account__desk", "job__operator")
    page_template = "desk/guards/latch.html"
    empty_sentence = (
        "No account was latched. A desk's setting says what happens to orders after a panic."
    )

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (("<int:object_id>/release/", "orders_latch_release", self.release_view),)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def facts(self, request: HttpRequest, row: Latch) -> dict[str, Any]:
        here = Latch.objects.filter(pk=row.pk)
        return {
            "title": f"Latch on {visible(row.where)}",
            "latch": row,
            "why_idle": idle([row]).get(row.pk, ""),
            "orders": list(latches.appeared(row).order_by("-first_seen_at")[:SHOWN]),
            "may_release": here.allowing(request.user, Right.SET_GUARDS).exists(),
        }

    @method_decorator(require_POST)
    def release_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """Release a latch, with a reason."""
        row = self.visible_or_404(request, str(object_id))
        actor, reason = actor_of(request), fields.reason_of(request)
        act = partial(latches.release, user=request.user, actor=actor, latch_id=row.pk)
        return self.acted(request, row, partial(act, reason=reason))

    @display(description="Account")
    def account_column(self, row: Latch) -> SafeString:
        desk, account = visible(row.account.desk), visible(row.where)
        return format_html('<span class="dk-muted">{}</span> {}', desk, account)

    @display(description="State")
    def state_column(self, row: Latch) -> SafeString:
        word, tone = ("latched", "alarm") if row.released_at is None else ("released", "plain")
        return format_html('<span class="dk-status dk-{}">{}</span>', tone, word)

    @display(description="Orders since")
    def appeared_column(self, row: Latch) -> int:
        return row.appeared

    @display(description="Since")
    def set_column(self, row: Latch) -> str:
        return ago(row.set_at)
