"""Carry cancels to rest from this very process, with nothing else running."""

import time
from collections.abc import Callable

from django.utils import timezone

from orders.delivery import worker
from orders.delivery.abandoned import recover_abandoned
from orders.models import Cancel
from orders.models.cancels import LIVE
from orders.reconcile import resolve

PAUSE_S = 0.1


def run(
    cancels: list[Cancel], *, wait_s: float, pause: Callable[[float], None] = time.sleep
) -> list[Cancel]:
    """Deliver and resolve until all are at rest or ``wait_s`` seconds are over.

    Returns the rows as they are then, in the same order. Other senders may run beside it:
    every step claims what it takes.
    """
    ids = [cancel.pk for cancel in cancels]
    accounts = {cancel.account_id for cancel in cancels}
    is_urgent = all(cancel.is_urgent for cancel in cancels)  # then others' bulk must not delay it
    ends_at = time.monotonic() + wait_s
    while True:
        for account_id in accounts:
            push(account_id, is_urgent)
        by_pk = Cancel.objects.select_related("account", "known_order").in_bulk(ids)
        fresh = [by_pk[pk] for pk in ids]
        if not any(cancel.status in LIVE for cancel in fresh) or time.monotonic() >= ends_at:
            return fresh
        pause(PAUSE_S)


def push(account_id: int, is_urgent_only: bool) -> None:
    """Take over from dead senders, deliver and resolve: one round for one account."""
    recover_abandoned(timezone.now())
    worker.deliver_account(account_id=account_id, is_urgent_only=is_urgent_only)
    resolve.settle_account(account_id=account_id)
