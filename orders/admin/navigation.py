"""The way around, in the order in which operators need it."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from orders.admin.shared.screens import is_administrator, rights_of
from orders.admin.site_state import SiteState, state_of
from orders.models import (
    Right,
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The way around, in the order in which operators need it."""
    state = state_of(request)
    held = rights_of(request)
    groups: list[dict[str, Any]] = []
    if Right.VIEW in held:
        groups.append({"title": "Orders", "items": _cancelling(request, state, held)})
        groups.append({"title": "Desk", "items": _desk(request)})
    if is_administrator(request):
        items = [
            _item(request, "Desks", "groups", "admin:orders_desk_changelist"),
            _item(request, "People", "person", "admin:auth_user_changelist"),
            _item(request, "Alerts", "warning", "admin:orders_alert_changelist"),
        ]
        groups.append({"title": "Administration", "separator": True, "items": items})
    return groups


def _cancelling(request: HttpRequest, state: SiteState, held: set[Right]) -> list[dict[str, Any]]:
    items = [
        _item(request, "Overview", "home", "admin:index"),
        _item(request, "Orders", "list_alt", "admin:orders_order_changelist"),
    ]
    if Right.CANCEL in held:
        items.append(_item(request, "Cancel by id", "tag", "admin:orders_order_cancel_by_id"))
    if Right.CANCEL_SCOPE in held:
        items.append(_item(request, "Cancel by scope", "filter_alt", "admin:orders_preview_scope"))
    if Right.CANCEL in held:
        items.append(_item(request, "Cancel a list", "list", "admin:orders_preview_list"))
    jobs = _item(request, "Jobs", "checklist", "admin:orders_canceljob_changelist")
    unresolved = _item(request, "Unresolved", "help", "admin:orders_cancel_changelist")
    _mark(jobs, "running", state.running, "busy")
    _mark(unresolved, "unresolved", state.unresolved, "alarm")
    drift = _item(request, "Discrepancies", "difference", "admin:orders_drift_changelist")
    _mark(drift, "drifts", state.drifts, "warn")
    return [*items, jobs, unresolved, drift]


def _desk(request: HttpRequest) -> list[dict[str, Any]]:
    return [
        _item(request, "Accounts", "account_balance", "admin:orders_account_changelist"),
        _item(request, "Agent wallets", "key", "admin:orders_agentwallet_changelist"),
        _item(request, "Guards", "verified_user", "admin:orders_guard_changelist"),
        _item(request, "Schedules", "schedule", "admin:orders_schedule_changelist"),
        _item(request, "Latches", "lock", "admin:orders_latch_changelist"),
        _item(request, "Audit records", "receipt_long", "admin:orders_auditrecord_changelist"),
        *_tokens(request),
        *_second_person(request),
        *_evidence(request),
    ]


def _tokens(request: HttpRequest) -> Iterator[dict[str, Any]]:
    """What only those see who make and end the tokens of programs."""
    if Right.TOKENS in rights_of(request) or is_administrator(request):
        yield _item(request, "API tokens", "data_object", "admin:orders_apitoken_changelist")


def _second_person(request: HttpRequest) -> Iterator[dict[str, Any]]:
    """What only those see who add agent wallets, or run the app."""
    if Right.AGENTS in rights_of(request) or is_administrator(request):
        yield _item(request, "Second person", "groups", "admin:orders_proposal_changelist")


def _evidence(request: HttpRequest) -> Iterator[dict[str, Any]]:
    """What only those see who check the log."""
    if Right.VERIFY in rights_of(request) or is_administrator(request):
        yield _item(request, "Exports", "download", "admin:orders_export_changelist")
        name = "admin:orders_verification_changelist"
        yield _item(request, "Is the log whole?", "verified", name)


def _item(request: HttpRequest, title: str, icon: str, name: str) -> dict[str, Any]:
    link = reverse(name)
    ends_there = {reverse("admin:index"), reverse("admin:orders_order_cancel_by_id")}
    is_here = request.path == link
    if link not in ends_there and request.path not in ends_there:
        is_here = request.path.startswith(link)
    return {"title": title, "icon": icon, "link": link, "active": is_here}


def _mark(item: dict[str, Any], name: str, count: int, tone: str) -> None:
    """Let an entry count something, which pages keep up to date by its name."""
    item |= {"count_name": name, "count": count, "tone": tone}
