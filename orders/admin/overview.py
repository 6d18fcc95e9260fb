"""The start page: the state of the person's desks at a glance."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from orders.admin.jobs.tally import complete
from orders.admin.pictures import day, present
from orders.admin.pictures.chart import Chart
from orders.admin.shared import freshness, stream_state
from orders.admin.shared.screens import is_administrator, rights_of
from orders.admin.site_state import state_of
from orders.exchange import credits
from orders.models import (
    Account,
    CancelJob,
    Desk,
    Right,
)
from orders.models.newest import NEWEST_FIRST, newest

JOBS_SHOWN = 8


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The state of the person's desks at a glance."""
    user = request.user
    accounts = Account.objects.visible_to(user).filter(is_active=True)
    accounts = accounts.select_related("desk", "stream")
    seen = list(Desk.objects.visible_to(user).order_by("pk").values_list("pk", flat=True))
    jobs = CancelJob.objects.visible_to(user).select_related("desk")
    last = newest(jobs, parts=[{"desk": pk} for pk in seen], many=JOBS_SHOWN)
    desks = _by_desk(list(accounts))
    return context | {
        "title": "Overview",
        "desks": desks,
        "has_desks": bool(seen),
        "book": freshness.book_of(accounts),
        "last_jobs": complete(list(jobs.filter(pk__in=last).order_by(*NEWEST_FIRST))),
        "may_cancel": Right.CANCEL in rights_of(request),
        "may_add": is_administrator(request),
    }


def _by_desk(accounts: list[Account]) -> list[dict[str, Any]]:
    """Accounts by desk, each with its open orders, credits left and stream; three queries."""
    counts = freshness.open_orders(accounts)
    now = timezone.now()
    balances = credits.balances(accounts=accounts, now=now)
    desks: dict[Desk, list[Account]] = {}
    for account in accounts:
        account.open_orders = counts.get(account.pk, 0)
        account.open_in_words = freshness.in_words(account.open_orders, [account])
        account.balance = balances[account.pk]
        account.stream_state = stream_state.of(account, now)
        desks.setdefault(account.desk, []).append(account)
    return [
        {
            "desk": desk,
            "accounts": rows,
            "open": freshness.in_words(sum(row.open_orders for row in rows), rows),
        }
        for desk, rows in desks.items()
    ]


def pictures(request: HttpRequest) -> list[Chart]:
    """The pictures of the person's desks; a constant number of queries."""
    user, now = request.user, timezone.now()
    rows = Account.objects.visible_to(user).filter(is_active=True)
    accounts = list(rows.select_related("desk", "stream"))
    for account in accounts:
        account.stream_state = stream_state.of(account, now)
    balances = credits.balances(accounts=accounts, now=now)
    return [
        day.outcomes(user, now),
        day.timings(user, now),
        present.credits_left(accounts, balances, now),
        present.ages(accounts, now),
        present.notional(user),
        present.needs(state_of(request)),
    ]
