"""Is the log whole? And exports of it: asked for here, written by the sweep, taken away here."""

import json
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    QueryDict,
)
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST, require_safe

from orders.access import sessions
from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.pictures import strip
from orders.admin.shared.partial_screens import ScreenWithoutRowPages
from orders.admin.shared.screens import fragment, is_administrator, rights_of
from orders.admin.shared.unfold import CustomUrl
from orders.audit import reader, search
from orders.evidence import checkpoint_line, checkpoints
from orders.models import AuditCheckpoint, ErrandStatus, Export, Right, Verification
from orders.operations.errands import exports, verification_requests

if TYPE_CHECKING:
    from orders.models.desks import Person


SHOWN = 20
GOING = {ErrandStatus.WAITING, ErrandStatus.RUNNING}
WHOLE = "admin:orders_verification_changelist"
EXPORTS = "admin:orders_export_changelist"
NOT_HERE = "Its file is not on this host: see EXPORT_DIR."
OF_OTHERS = (
    "It may hold records of a desk where you are no auditor any more: export what you need again."
)


@admin.register(Verification)
class VerificationAdmin(ScreenWithoutRowPages[Verification]):
    """Whether the log is whole: the last walk over it, the last checkpoint, what is newer."""

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (
            ("ask/", "orders_verification_ask", self.ask_view),
            ("state/", "orders_verification_state", self.state_view),
        )

    def has_view_permission(self, request: HttpRequest, obj: Verification | None = None) -> bool:
        return verification_requests.may_verify(request.user)

    @method_decorator(require_safe)
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        self.guard_view(request)
        title = "Is the log whole?"
        return self.page(request, "desk/audit/verification.html", title=title, **state())

    @method_decorator(require_safe)
    def state_view(self, request: HttpRequest) -> HttpResponse:
        """The part of the page that changes while a verification runs."""
        self.guard_view(request)
        return fragment(render_to_string("desk/audit/_verification_state.html", state()))

    @method_decorator(require_POST)
    def ask_view(self, request: HttpRequest) -> HttpResponseRedirect:
        """Have the log verified; the sweep does it."""
        try:
            verification_requests.ask(user=request.user, actor=actor_of(request))
        except NotAllowed as error:
            raise PermissionDenied(str(error)) from None
        return redirect(WHOLE)


def state() -> dict[str, Any]:
    """What there is to say of the log's wholeness; a constant number of queries."""
    walks = list(Verification.objects.all()[:SHOWN])
    last = next((walk for walk in walks if walk.status == ErrandStatus.DONE), None)
    signed, tip = AuditCheckpoint.objects.first(), reader.tip()
    blocks = strip.blocks(last, tip)
    return {
        "walks": walks,
        "is_going": bool(walks) and walks[0].status in GOING,
        "last": last,
        "report": json.loads(last.report) if last else {},
        "checkpoint": signed,
        "strip": blocks,
        "cells": [block.cell for block in blocks],
        "told": _contents(signed),
        "tip": tip,
        "since_walk": tip - json.loads(last.report).get("records", 0) if last else tip,
        "since_checkpoint": tip - signed.count if signed else tip,
        "public_keys": sorted(checkpoints.trusted_keys()),
        "checkpoint_file": settings.AUDIT_CHECKPOINT_FILE,
    }


def _contents(signed: AuditCheckpoint | None) -> dict[str, Any]:
    """What the newest stored checkpoint says; nothing where there is none or it was spoiled."""
    try:
        return vars(checkpoint_line.read(signed.line)) if signed else {}
    except ValueError:
        return {}


@admin.register(Export)
class ExportAdmin(ScreenWithoutRowPages[Export]):
    """The person's own exports, newest first; administrators see who asked for which, no more."""

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (
            ("ask/", "orders_export_ask", self.ask_view),
            ("state/", "orders_export_state", self.state_view),
            ("<int:object_id>/download/", "orders_export_download", self.download_view),
        )

    def has_view_permission(self, request: HttpRequest, obj: Export | None = None) -> bool:
        return Right.VERIFY in rights_of(request) or is_administrator(request)

    @method_decorator(require_safe)
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        self.guard_view(request)
        return self.page(
            request, "desk/audit/exports.html", title="Exports", **exports_of(request.user)
        )

    @method_decorator(require_safe)
    def state_view(self, request: HttpRequest) -> HttpResponse:
        """The part of the page that changes while an export is written."""
        self.guard_view(request)
        return fragment(render_to_string("desk/audit/_export_rows.html", exports_of(request.user)))

    @method_decorator(require_POST)
    def ask_view(self, request: HttpRequest) -> HttpResponseRedirect:
        """Ask for the records that the log's page showed."""
        sessions.demand_fresh(request)
        try:
            exports.ask(user=request.user, actor=actor_of(request), query=asked_of(request.POST))
        except NotAllowed as error:
            raise PermissionDenied(str(error)) from None
        except search.BadQuery as error:
            messages.error(request, f"Not exported: {error}")
        return redirect(EXPORTS)

    @method_decorator(require_safe)
    def download_view(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        """Take one's own export away; recorded before a byte of it leaves."""
        if Right.VERIFY not in rights_of(request):
            raise PermissionDenied
        sessions.demand_fresh(request)
        export = Export.objects.filter(operator_id=request.user.pk, pk=object_id).first()
        if export is None or export.status != ErrandStatus.DONE:
            raise Http404
        refused = OF_OTHERS if export.holds_others() else ""
        file = None if refused else exports.opened(export)
        if file is None:
            messages.error(request, refused or NOT_HERE)
            return redirect(EXPORTS)
        exports.record_download(export=export, actor=actor_of(request))
        name = exports.path_of(export).name
        answer = FileResponse(file, as_attachment=True, filename=name)
        answer["Cache-Control"] = "no-store"
        return answer


# Names in the address line of the log's page, and what a query calls them.
FILTERS = {name: name for name in sorted(search.ASKED) if name not in {"desks", "order"}} | {
    "q": "order"
}


def asked_of(data: QueryDict) -> dict[str, str]:
    """The query that an address line or a form of the log's page asks, as `search` takes it."""
    asked = {own: data.get(name, "").strip() for name, own in FILTERS.items()}
    return {name: value for name, value in asked.items() if value}


def exports_of(user: "Person") -> dict[str, Any]:
    """The exports that the person may know of.

    What they hold is their asker's desks' alone, so nobody else may take them away.
    """
    rows = list(Export.objects.visible_to(user)[:SHOWN])
    is_going = any(export.status in GOING for export in rows)
    return {"exports": rows, "is_going": is_going, "person": user}
