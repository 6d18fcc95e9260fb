"""Deliver cancels: claim, sign, record, send, record, conclude.

A chunk of one job's cancels on one account goes through six steps. No transaction is open while
the network is awaited. Connections are opened while the chunk is signed and recorded.
"""

import functools
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, QuerySet, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from desk import logs
from desk.repeated_warnings import Matters
from orders.audit import log
from orders.audit.phrases import several
from orders.delivery import batches, openings, packets, turns
from orders.delivery.claims import NextJob, claim, next_job
from orders.delivery.send_permission import asker_of, may_not_send, must_halt, signing_wallets
from orders.exchange import client, credits
from orders.exchange import clock as exchange_clock
from orders.keys.sealing import CannotOpen, KeySettingsWrong, open_api_config_key, open_signer
from orders.keys.signer import SignedRequest
from orders.lifecycle import restored_copy, transitions, wakeups
from orders.lifecycle.deliveries import ClaimedCancel, OutgoingRequest
from orders.lifecycle.interpret import Conclusion
from orders.lifecycle.wakeups import CHUNK
from orders.models import (
    Account,
    AgentWallet,
    Cancel,
    CancelJob,
    CancelStatus,
    Event,
)
from orders.models.cancels import MAX_LIFE, CancelQuerySet
from orders.models.clocks import is_ahead
from orders.models.prepared import MOMENTS, Prepared, PreparedUpdate
from orders.pacifica.quota import Quota
from orders.pacifica.signing import Unsignable

PRICE = settings.CREDIT_PRICES["cancel"]
# When this process began; what was sent before may have been left open by a dead sender.
STARTED_AT = timezone.now()
SETTLE_FIRST_FOR = timedelta(minutes=1)  # longer than a lease: bulk is not held back for ever


def deliver_account(
    *,
    account_id: int,
    is_urgent_only: bool = False,
    is_for_panic: bool = False,
    clock: Callable[[], datetime] = timezone.now,
) -> int:
    """Send whatever is queued and may be sent for this account; how many cancels were claimed.

    ``is_urgent_only``: leave bulk alone, which could keep the caller for minutes. ``is_for_panic``:
    send although an older copy of the database was put back; what waited in that is held back.
    """
    claimed = 0
    while chunk := _next_chunk(account_id, is_urgent_only, is_for_panic, clock):
        claimed += chunk
    return claimed


def _next_chunk(
    account_id: int, is_urgent_only: bool, is_for_panic: bool, clock: Callable[[], datetime]
) -> int:
    """Deliver one chunk and count it; 0 where nothing is queued, or bulk must wait its turn."""
    head = next_job(account_id, clock())
    if head is None or (is_urgent_only and not head.is_urgent):
        return 0
    if restored_copy.is_behind(clock()) and not is_for_panic:
        return 0
    with logs.of_job(head.job_id, account=account_id):
        return _deliver_turn(head, clock)


def _deliver_turn(head: NextJob, clock: Callable[[], datetime]) -> int:
    """Deliver one chunk in its lane and count it; 0 where bulk must wait its turn."""
    account_id = head.account.pk
    if head.is_urgent:
        return _deliver_chunk(head, credits.URGENT, clock)
    if _must_settle_first(account_id, clock()):
        wakeups.settle(account_ids=[account_id], is_urgent=False)
        return 0
    if not turns.BULK_THREADS.acquire(blocking=False):
        return 0  # this process is busy enough with bulk; who holds it goes on with this too
    try:
        with turns.bulk:
            return _deliver_chunk(head, credits.BULK, clock, while_sending=turns.bulk.aside)
    finally:
        turns.BULK_THREADS.release()


def _must_settle_first(account_id: int, now: datetime) -> bool:
    """Whether bulk waits: this sender is new, and the account's old questions were not asked yet.

    To have asked once is enough, whatever was said; settling then wakes delivery.
    """
    if now > STARTED_AT + SETTLE_FIRST_FOR or is_ahead(STARTED_AT, now):
        return False
    cancels = Cancel.objects.filter(account_id=account_id)
    return cancels.has_left_open(STARTED_AT, now)


def _deliver_chunk(
    head: NextJob,
    purpose: str,
    clock: Callable[[], datetime],
    while_sending: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> int:
    """Reserve credits, claim no more than they pay for, deliver, book what was used."""
    grant = credits.reserve(
        account=head.account, wanted=CHUNK, price=PRICE, purpose=purpose, now=clock()
    )
    chunk: list[ClaimedCancel] = []
    left, quota = 0, None
    try:
        if grant.count:
            chunk = claim(head, now=clock(), limit=grant.count)
            left = len(chunk)  # unless it is known better
            if chunk:
                with logs.bound(attempt=chunk[0].attempt):
                    left, quota = deliver(chunk, clock=clock, while_sending=while_sending)
        else:  # waiting for credits is no idling
            CancelJob.objects.filter(pk=head.job_id).update(idle_since_at=clock())
    finally:
        credits.book(grant=grant, unused=grant.count - left, quota=quota, now=clock())
    return len(chunk)


def deliver(
    chunk: list[ClaimedCancel],
    *,
    clock: Callable[[], datetime] = timezone.now,
    while_sending: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> tuple[int, Quota | None]:
    """Carry one claimed chunk to its conclusion.

    Returns how many of its cancels left, and the `Quota` that an answer stated, or None.
    ``while_sending``: makes a context that is entered while the requests are under way.
    """
    job, account = chunk[0].job, chunk[0].account
    why_not = may_not_send(asker_of(job, account), account)
    if why_not:
        failing.wrong(account.pk, why_not)
        transitions.refuse_unsent(chunk, why_not, clock())
        return 0, None
    opening = openings.make_ready(chunk)
    try:
        pairs, wallet = sign(chunk, clock())
        if not pairs:
            return 0, None
        packs = record_requests(packets.packed(pairs), clock())
    except (CannotOpen, KeySettingsWrong) as error:
        failing.wrong(account.pk, f"Nothing is sent for {account}: {error}")
        transitions.refuse_unsent(chunk, str(error), clock(), event=Event.KEY_REFUSED)
        return 0, None
    key = open_api_config_key(account)
    halted = functools.partial(must_halt, job.pk, wallet)
    with while_sending():
        batches.send(packs, clock, halted, api_config_key=key, opening=opening)
    ends = transitions.conclude(packs, clock())
    _after(ends, account, job)
    _warn(ends, account)
    return transitions.left_of(packs), transitions.quota_of(packs)


def _after(ends: list[tuple[ClaimedCancel, Conclusion]], account: Account, job: CancelJob) -> None:
    """Pause a throttled pool, and have open questions asked at once."""
    pauses = [end.not_before_at for _, end in ends if end.is_throttled and end.not_before_at]
    if pauses:
        credits.pause(pool=credits.pool_of(account), until=max(pauses))
    if any(end.status in {CancelStatus.UNKNOWN, CancelStatus.SETTLING} for _, end in ends):
        wakeups.settle(account_ids=[account.pk], is_urgent=job.is_urgent)


failing = Matters(logging.getLogger(__name__))
FAILED = {CancelStatus.QUEUED, CancelStatus.UNKNOWN, CancelStatus.REFUSED}


def _warn(ends: list[tuple[ClaimedCancel, Conclusion]], account: Account) -> None:
    """In this process's log: attempts that did not get through, and that they do again."""
    failed = [end for _, end in ends if end.status in FAILED and not end.is_throttled]
    if failed:
        cancels = several(len(failed), "cancel")
        failing.wrong(
            account.pk, f"{account}: {cancels} did not get through: {failed[0].explanation}"
        )
    elif ends:
        failing.over(account.pk, f"{account}: cancels get through again.")


def sign(
    chunk: list[ClaimedCancel], now: datetime
) -> tuple[list[tuple[ClaimedCancel, SignedRequest]], AgentWallet]:
    """Sign the chunk: (cancel, signed request) pairs of one timestamp, and the wallet that signed.

    A cancel that cannot be put into a request is refused; its neighbours go without it.
    """
    wallet = signing_wallet(chunk[0].account)
    signer = open_signer(wallet, despite_age=chunk[0].job.is_panic)
    times = client.signing_times(now)
    pairs: list[tuple[ClaimedCancel, SignedRequest]] = []
    unsignable: dict[str, list[ClaimedCancel]] = {}
    for cancel in chunk:
        try:
            request = signer.cancel(
                kind=cancel.kind,
                symbol=cancel.symbol,
                order_id=cancel.order_id,
                client_order_id=cancel.client_order_id,
                **times,
            )
            pairs.append((cancel, request))
        except Unsignable as error:
            unsignable.setdefault(str(error), []).append(cancel)
    for why, cancels in unsignable.items():
        transitions.refuse_unsent(cancels, f"Not sent: {why}.", now)
    return pairs, wallet


def _newest_first(**of: object) -> QuerySet[AgentWallet]:
    active = AgentWallet.objects.filter(is_active=True, **of)
    return active.select_related("sealed_key").order_by("-created_at")


_wallets = Prepared(lambda account_id: _newest_first(account=account_id)[:1], account_id=(1, 2))


def signing_wallet(account: Account) -> AgentWallet:
    """The newest active agent wallet. Raises `CannotOpen` where there is none."""
    wallet = next(iter(_wallets(account_id=account.pk)), None)
    if wallet is None:
        raise CannotOpen(f"{account.name} has no active agent wallet: add one, then ask again.")
    wallet.account = account
    return wallet


def signing_wallets_of(accounts: Iterable[Account]) -> dict[int, AgentWallet]:
    """The same of several accounts, by account's id, as far as there is one; one query."""
    by_pk = {account.pk: account for account in accounts}
    newest: dict[int, AgentWallet] = {}
    for wallet in _newest_first(account__in=by_pk):
        wallet.account = by_pk[wallet.account_id]
        newest.setdefault(wallet.account_id, wallet)
    return newest


def record_requests(packs: list[OutgoingRequest], now: datetime) -> list[OutgoingRequest]:
    """Commit the exact bytes before the first of them leaves; only what is still ours is sent.

    Raises `CannotOpen` where the agent wallet was disabled since it signed.
    """
    cancels = [cancel for pack in packs for cancel in pack.cancels]
    signer = packs[0].requests[0].signer
    drafts = {pack.body: log.draft(_request_fact(pack, now)) for pack in packs}
    with transaction.atomic():
        mine = transitions.still_held(cancels)
        packs = [pack for pack in packs if mine.issuperset(c.pk for c in pack.cancels)]
        kept = {cancel.pk for pack in packs for cancel in pack.cancels}
        _leave(pks=kept, now=now)
        # Locked until this is committed: whoever disables it comes before the request, or after.
        if not _use(account_id=cancels[0].account_id, public_key=signer, now=now):
            raise CannotOpen("The agent wallet was disabled before the request left.")
        log.append(*(drafts[pack.body] for pack in packs))
    return packs


def _leaving(pks: set[int], now: datetime) -> tuple[CancelQuerySet, dict[str, Any]]:
    """Return these cancels, and what is written before they leave."""
    at_first = When(first_sent_at=None, then=exchange_clock.known(now))
    columns = {
        "sent_at": now,
        "clock_offset_ms": Case(at_first, default="clock_offset_ms"),
        "first_sent_at": Coalesce("first_sent_at", now),
        "signature_ends_at": now + MAX_LIFE,
    }
    return Cancel.objects.filter(pk__any=pks), columns


_leave = PreparedUpdate(_leaving, pks=({1}, {2}), now=MOMENTS)
_use = PreparedUpdate(
    lambda account_id, public_key, now: (
        signing_wallets(account_id, public_key),
        {"last_used_at": now},
    ),
    account_id=(1, 2),
    public_key=("a", "b"),
    now=MOMENTS,
)


def _request_fact(pack: OutgoingRequest, now: datetime) -> log.Fact:
    first = pack.cancels[0]
    data = client.described(pack.route, pack.requests) | {"attempt": first.attempt}
    return log.Fact(
        event=Event.REQUEST,
        actor=log.actor_of(first.job),
        at=now,
        account=first.account,
        job=first.job,
        data=data,
        body=pack.body,
        lines=tuple(log.line_of(cancel) for cancel in pack.cancels),
    )
