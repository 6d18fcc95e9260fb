"""The health of the desk, as a program should know it before it relies on a cancel."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Router, Schema

from orders.api import shapes
from orders.api.callers import Bearer, caller_of
from orders.exchange import clock
from orders.lifecycle import restored_copy
from orders.models import (
    Account,
    AccountStream,
    Cancel,
    CancelJob,
    Desk,
    PanicLine,
    Sender,
    TokenRight,
)

router = Router(auth=Bearer(TokenRight.READ), tags=["read"])


class AccountHealth(shapes.AccountTold):
    """An account, and whether the exchange's stream tells of it now."""

    is_followed: bool


class Health(Schema):
    """How the desk stands now. ``troubles``: what keeps cancels from being sent, in words."""

    network: str
    now: datetime
    troubles: list[str]
    senders: int = Field(description="Sending processes heard of in the last 15 s.")
    clock_offset_ms: int | None = Field(description="The exchange's clock minus ours.")
    unresolved: int
    running_jobs: int
    panics_waiting: int = Field(description="Accounts whose panic waits, and nobody takes it.")
    accounts: list[AccountHealth]


@router.get("/health", response=Health)
def health(request: HttpRequest) -> dict[str, Any]:
    """Tell how the desk stands: senders, clock, open questions, how fresh its orders are."""
    desk, now = caller_of(request).desk, timezone.now()
    senders, offset = Sender.objects.fresh(now).count(), clock.current(now)
    return {
        "network": settings.PACIFICA_NETWORK,
        "now": now,
        "troubles": troubles(senders, now),
        "senders": senders,
        "clock_offset_ms": offset.offset_ms if offset else None,
        "unresolved": Cancel.objects.open_questions().filter(account__desk=desk).count(),
        "running_jobs": CancelJob.objects.running().filter(desk=desk).count(),
        "panics_waiting": PanicLine.objects.untaken(now).filter(account__desk=desk).count(),
        "accounts": _accounts(desk, now),
    }


def troubles(senders: int, now: datetime) -> list[str]:
    """Say what keeps cancels from being sent now."""
    found = [] if senders else ["No sender was heard of in the last 15 s: cancels wait."]
    behind = restored_copy.look(now)
    return [*found, f"Nothing is sent: {restored_copy.FIRST}"] if behind else found


def _accounts(desk: Desk, now: datetime) -> list[dict[str, Any]]:
    followed = set(AccountStream.objects.healthy(now).values_list("account_id", flat=True))
    rows = Account.objects.filter(desk=desk).order_by("pk")
    return [shapes.account(row) | {"is_followed": row.pk in followed} for row in rows]
