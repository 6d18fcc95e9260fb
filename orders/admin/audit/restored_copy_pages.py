"""Restored copies: why nothing is sent, what waited, and an administrator's word to go on."""

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

from orders.access import sessions
from orders.access.four_eyes import Waits
from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.shared import fields
from orders.admin.shared.partial_screens import ScreenWithoutRowPages
from orders.admin.shared.screens import is_administrator
from orders.admin.shared.unfold import CustomUrl
from orders.admin.shared.waiting import lead_to
from orders.lifecycle import restored_copy, restored_copy_acceptance
from orders.lifecycle.targets import CannotAsk
from orders.models import CancelJob, Restore

LIST = "admin:orders_restore_changelist"
SHOWN = 20


@admin.register(Restore)
class RestoreAdmin(ScreenWithoutRowPages[Restore]):
    """One page, for administrators: what was found, what is left to decide, who accepted what."""

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (("accept/", "orders_restore_accept", self.accept_view),)

    def has_view_permission(self, request: HttpRequest, obj: Restore | None = None) -> bool:
        return is_administrator(request)

    @method_decorator(require_safe)
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        self.guard_view(request)
        behind = restored_copy.look(timezone.now())
        return self.page(
            request,
            "desk/audit/restored_copies.html",
            title="Restored copies",
            behind=behind,
            said=restored_copy.words(behind) if behind else "",
            left=restored_copy_acceptance.left(),
            jobs=CancelJob.objects.filter(
                panic_lines__restored_at__isnull=False, panic_lines__status="needs_you"
            ).distinct(),
            accepted=list(Restore.objects.filter(is_waiting=False)[:SHOWN]),
        )

    @method_decorator(require_POST)
    def accept_view(self, request: HttpRequest) -> HttpResponseRedirect:
        """Go on with this database; recorded with the reason."""
        sessions.demand_fresh(request)
        actor, reason = actor_of(request), fields.reason_of(request)
        try:
            sentence = restored_copy_acceptance.accept(
                user=request.user, actor=actor, reason=reason
            )
            messages.success(request, sentence)
        except Waits as waits:
            return lead_to(request, waits)
        except NotAllowed as error:
            raise PermissionDenied(str(error)) from None
        except CannotAsk as wrong:
            messages.warning(request, str(wrong))
        return redirect(LIST)
