"""Who is told, of what, and whether it gets there: alerts, and a test of every way."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST, require_safe

from orders.access.sign_in_log import actor_of
from orders.admin.shared.partial_screens import ScreenWithoutRowPages
from orders.admin.shared.screens import is_administrator
from orders.admin.shared.unfold import CustomUrl
from orders.models import Alert
from orders.operations.alerts import trial, ways

LIST = "admin:orders_alert_changelist"
SHOWN = 50
NO_WAY = "No way of telling people is set: nobody was told anything."


@admin.register(Alert)
class AlertAdmin(ScreenWithoutRowPages[Alert]):
    """One page: the ways, what stands now, what was told lately."""

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (("test/", "orders_alert_test", self.test_view),)

    def has_view_permission(self, request: HttpRequest, obj: Alert | None = None) -> bool:
        return is_administrator(request)

    @method_decorator(require_safe)
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        self.guard_view(request)
        alerts = self.get_queryset(request)
        return self.page(
            request,
            "desk/alerts/alerts.html",
            title="Alerts",
            ways=[way.name for way in ways.every_way()],
            astray=ways.astray(),
            standing=list(alerts.filter(over_at=None)[:SHOWN]),
            over=list(alerts.exclude(over_at=None)[:SHOWN]),
        )

    @method_decorator(require_POST)
    def test_view(self, request: HttpRequest) -> HttpResponseRedirect:
        """Send a test by every way, and say what became of each."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        ends = trial.send(actor=actor_of(request), now=timezone.now())
        if not ends:
            messages.warning(request, NO_WAY)
        for name, said in ends.items():
            if said:
                messages.error(request, f"{name}: not sent, {said}.")
            else:
                messages.success(request, f"{name}: taken. See whether it arrived.")
        return redirect(LIST)
