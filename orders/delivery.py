"""Deliver cancels: claim, sign, record, send, record, conclude.

A chunk of one job's cancels on one account goes through six steps. No transaction is open while
the network is awaited, and the thread pool that sends touches no database.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils.timezone import now as clock

from orders import audit, concluding, waking
from orders.exchange import THREADS, client
from orders.keys import CannotOpen, KeySettingsWrong, open_signer
from orders.models import (
    AgentWallet,
    Cancel,
    CancelStatus,
    Event,
    Right,
)
from orders.pacifica.client import VERSION, Unreachable
from orders.pacifica.signing import Unsignable
from orders.rights import holds

CHUNK = 200
LEASE = timedelta(seconds=30)
MARGIN = timedelta(seconds=2)  # the exchange's Date header has whole seconds
STALE_AFTER = 0.5  # of the expiry window; what has not left by then is not sent


@dataclass
class Attempt:
    """One signed request for one cancel, and what the network made of it.

    ``result``: an `Answer`, an `Unreachable`, or None where it was never sent.
    """

    cancel: Cancel
    request: object
    result: object = None


def deliver_account(*, account_id, now=clock) -> int:
    """Send whatever is queued and may be sent for this account; how many cancels were claimed."""
    claimed = 0
    while chunk := claim(account_id=account_id, now=now()):
        claimed += len(chunk)
        deliver(chunk, now=now)
    return claimed


def claim(*, account_id, now, limit=CHUNK) -> list[Cancel]:
    """Take a chunk of one job's queued cancels: true for one sender only, on any database.

    One UPDATE writes a random token, the next attempt number (the fence) and a lease; only rows
    that carry the token are ours.
    """
    ready = Cancel.objects.ready(now).filter(account_id=account_id)
    job_id = ready.values_list("job_id", flat=True).first()
    if job_id is None:
        return []
    token = uuid.uuid4()
    chosen = list(ready.filter(job_id=job_id).values_list("pk", flat=True)[:limit])
    Cancel.objects.filter(pk__in=chosen, status=CancelStatus.QUEUED).update(
        status=CancelStatus.SENDING,
        claim_token=token,
        attempt=F("attempt") + 1,
        lease_until=now + LEASE,
        sent_at=None,
        not_before_at=None,
    )
    return list(held(token).order_by("pk"))


def held(token):
    """The cancels that still carry this claim's token."""
    cancels = Cancel.objects.filter(claim_token=token, status=CancelStatus.SENDING)
    return cancels.select_related("account__desk", "job__operator", "job__desk")


def deliver(chunk, *, now=clock):
    """Carry one claimed chunk to its conclusion."""
    job, account = chunk[0].job, chunk[0].account
    why_not = may_not_send(job, account)
    if why_not:
        return concluding.refuse_unsent(chunk, why_not, now())
    try:
        attempts, wallet = sign(chunk, now())
    except (CannotOpen, KeySettingsWrong, Unsignable) as error:
        return concluding.refuse_unsent(chunk, str(error), now(), event=Event.KEY_REFUSED)
    attempts = record_requests(attempts, now())
    send(attempts, now)
    concluding.conclude(attempts, now())
    AgentWallet.objects.filter(pk=wallet.pk).update(last_used_at=now())
    unclear = any(a.cancel.status in {"unknown", "settling"} for a in attempts)
    if unclear:
        waking.settle(account_ids=[account.pk])
    return None


def may_not_send(job, account) -> str:
    """Why nothing may be sent for this job now, or nothing. Rights are asked again here."""
    if not account.is_active or not job.desk.is_active:
        return f"Not sent: {account.name} or its desk was deactivated."
    if not holds(job.operator, Right.CANCEL, desk=job.desk):
        return f"Not sent: {job.operator_name} may no longer cancel on {job.desk.name}."
    return ""


def sign(chunk, now):
    """Fresh signatures for a chunk, all with one timestamp, and the agent wallet that signed."""
    account = chunk[0].account
    wallet = account.agent_wallets.filter(is_active=True).order_by("-created_at").first()
    if wallet is None:
        raise CannotOpen(f"{account.name} has no active agent wallet: add one, then ask again.")
    wallet.account = account
    signer = open_signer(wallet)
    times = {
        "timestamp": int(now.timestamp() * 1000),
        "expiry_window": settings.PACIFICA_EXPIRY_WINDOW_MS,
    }
    return [Attempt(cancel, _signed(signer, cancel, times)) for cancel in chunk], wallet


def _signed(signer, cancel, times):
    return signer.cancel(
        kind=cancel.kind,
        symbol=cancel.symbol,
        order_id=cancel.order_id,
        client_order_id=cancel.client_order_id,
        **times,
    )


def record_requests(attempts, now) -> list[Attempt]:
    """Commit the exact bytes before the first of them leaves; only what is still ours is sent."""
    token = attempts[0].cancel.claim_token
    ends_at = now + timedelta(milliseconds=settings.PACIFICA_EXPIRY_WINDOW_MS) + MARGIN
    with transaction.atomic():
        mine = set(held(token).select_for_update(of=("self",)).values_list("pk", flat=True))
        attempts = [attempt for attempt in attempts if attempt.cancel.pk in mine]
        Cancel.objects.filter(pk__in=mine).update(
            sent_at=now,
            first_sent_at=Coalesce("first_sent_at", now),
            signature_ends_at=ends_at,
        )
        audit.append(*(_request_fact(attempt, now) for attempt in attempts))
    return attempts


def send(attempts, now):
    """Send in parallel. What waited too long for its turn is not sent at all."""
    if len(attempts) == 1:
        return _send_one(attempts[0], now)
    with ThreadPoolExecutor(max_workers=min(THREADS, len(attempts))) as pool:
        list(pool.map(lambda attempt: _send_one(attempt, now), attempts))
    return None


def _send_one(attempt, now):
    request = attempt.request
    age_ms = now().timestamp() * 1000 - request.timestamp
    if age_ms > request.expiry_window * STALE_AFTER:
        return
    try:
        attempt.result = client().post(request.route, request.body)
    except Unreachable as unreachable:
        attempt.result = unreachable


def _request_fact(attempt, now):
    cancel, request = attempt.cancel, attempt.request
    return audit.Fact(
        event=Event.REQUEST,
        actor=audit.actor_of(cancel.job),
        at=now,
        account=cancel.account,
        job=cancel.job,
        data={
            "method": "POST",
            "url": settings.PACIFICA_URL + request.route,
            "signed_text": request.text,
            "signature": request.signature,
            "signer": request.signer,
            "account": request.account,
            "timestamp": request.timestamp,
            "expiry_window": request.expiry_window,
            "attempt": cancel.attempt,
            "version": VERSION,
        },
        body=request.body,
        lines=(audit.line_of(cancel),),
    )
