"""Record what was asked: jobs, cancels and facts in one transaction; then wake the senders."""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from desk import logs
from orders.audit import log
from orders.cancels.cancel_rows import insert_queued, line_of, newest_of
from orders.cancels.live_cancels import Skipped, without_live
from orders.cancels.lost_races import again_if_lost
from orders.lifecycle import wakeups
from orders.lifecycle.targets import Target
from orders.models import Cancel, CancelJob, Desk, Event, Preview
from orders.models.prepared import Prepared

SKIPPED = "skipped"  # an order row of what was asked for and became no cancel


@dataclass(frozen=True)
class CancelReceipt:
    """What became of a request: the jobs made, how many cancels, and what was skipped and why."""

    jobs: tuple[CancelJob, ...]
    recorded: int
    skipped: tuple[tuple[int | str | None, str], ...] = ()  # (id of the order, why) pairs
    is_repeated: bool = False  # the same act again: nothing new was recorded
    notes: tuple[str, ...] = ()  # sentences on what was taken as asked though it looks odd

    def sentence(self) -> str:
        """Say in one line how many cancels were recorded, and why any order was skipped."""
        cancels = f"{self.recorded} {'cancel' if self.recorded == 1 else 'cancels'}"
        text = f"Already recorded: {cancels}" if self.is_repeated else f"{cancels} recorded"
        reasons: dict[str, int] = {}
        for _, why in self.skipped:
            reasons[why] = reasons.get(why, 0) + 1
        text += "".join(f", {count} skipped: {why}" for why, count in reasons.items())
        return " ".join([f"{text}.", *self.notes])


@dataclass(frozen=True)
class _Request:
    """What the jobs of one request have in common: columns of `CancelJob`.

    ``scope``: what was asked, in words; empty where the targets say it. ``key``: of the request;
    each desk's job has one made from it.
    """

    reason: str
    key: uuid.UUID
    scope: str = ""
    retry_of: CancelJob | None = None
    preview: Preview | None = None
    preview_sha256: str = ""
    urgent_up_to: int | None = None


def record_request(
    actor: log.Actor,
    targets: Sequence[Target],
    *,
    skipped: Sequence[Skipped] = (),
    reason: str = "",
    request_key: uuid.UUID | None = None,
    scope: str = "",
    retry_of: CancelJob | None = None,
    preview: Preview | None = None,
    preview_sha256: str = "",
    urgent_up_to: int | None = None,
) -> CancelReceipt:
    """Record jobs, cancels and facts in one transaction, then wake the senders.

    One job a desk. ``skipped``: what was left out already, to record and to tell of.
    ``request_key``: the same key again gives the same job. ``scope``: what was asked, in words,
    where the targets alone do not say it. ``preview_sha256``: hash of the frozen set.
    ``urgent_up_to``: more orders than this are a bulk job; None: as the setting says.
    """
    key = request_key or uuid.uuid4()
    request = _Request(reason.strip(), key, scope, retry_of, preview, preview_sha256, urgent_up_to)
    return again_if_lost(lambda: _record(actor, targets, skipped, request))


def asked_before(
    actor: log.Actor, desks: Iterable[Desk], request_key: uuid.UUID | None
) -> CancelReceipt | None:
    """Find what this person asked for with this key before, whatever became of the orders since."""
    if request_key is None:
        return None
    keys = [_key(request_key, desk) for desk in desks]
    if len(keys) == 1 and actor.operator_id is not None:
        jobs = tuple(_made(request_key=keys[0], operator_id=actor.operator_id))
    else:
        made = CancelJob.objects.filter(request_key__in=keys, operator_id=actor.operator_id)
        jobs = tuple(made.order_by("pk"))
    if not jobs:
        return None
    recorded = Cancel.objects.filter(job__in=jobs).count()
    return CancelReceipt(jobs, recorded, is_repeated=True)


_made = Prepared(
    lambda request_key, operator_id: CancelJob.objects.filter(
        request_key=request_key, operator_id=operator_id
    ),
    request_key=(uuid.UUID(int=1), uuid.UUID(int=2)),
    operator_id=(1, 2),
)


def _key(request_key: uuid.UUID, desk: Desk) -> uuid.UUID:
    return uuid.uuid5(request_key, str(desk.pk))


def extend(job: CancelJob, targets: Sequence[Target]) -> int:
    """Give a job more cancels, for orders that have no other live one; record them as asked.

    A panic does this with what its cancel-all left over. Returns how many were added.
    """
    return again_if_lost(lambda: _extend(job, targets))


def _extend(job: CancelJob, targets: Sequence[Target]) -> int:
    now = timezone.now()
    with transaction.atomic():
        fresh, _ = without_live(targets)
        if not fresh:
            return 0
        made = insert_queued(job, fresh, now, newest=newest_of(job))
        log.append(_fact(log.actor_of(job), job, made.targets, made.lines, now))
    return len(made.lines)


@transaction.atomic
def _record(
    actor: log.Actor, targets: Sequence[Target], skipped: Sequence[Skipped], request: _Request
) -> CancelReceipt:
    now = timezone.now()
    by_desk: dict[Desk, tuple[list[Target], list[Skipped]]] = {}
    for target in targets:
        by_desk.setdefault(target.account.desk, ([], []))[0].append(target)
    for target, why in skipped:
        by_desk.setdefault(target.account.desk, ([], []))[1].append((target, why))
    if before := asked_before(actor, by_desk, request.key):
        return before
    jobs: list[CancelJob] = []
    facts: list[log.Fact] = []
    told: list[tuple[int | str | None, str]] = []
    for desk, (wanted, left_out) in by_desk.items():
        fresh, doubles = without_live(wanted)
        left_out += doubles
        if fresh:
            job = _new_job(actor, desk, fresh, request, now)
            jobs.append(job)
            made = insert_queued(job, fresh, now)
            left_out += made.taken
            facts.append(_fact(actor, job, made.targets, made.lines, now, left_out))
            _wake(job, made.targets)
        elif left_out:
            scope = request.scope or in_words([target for target, _ in left_out])
            # No job is made for nothing.
            idle = CancelJob(desk=desk, scope=scope, reason=request.reason)
            idle.preview_sha256 = request.preview_sha256
            facts.append(_fact(actor, idle, (), (), now, left_out))
        told += [(target.order_id or target.client_order_id, why) for target, why in left_out]
    log.append(*facts)
    recorded = sum(fact.data["count"] for fact in facts)
    return CancelReceipt(tuple(jobs), recorded, tuple(told))


def _wake(job: CancelJob, targets: list[Target]) -> None:
    accounts = sorted({target.account.pk for target in targets})
    count = len(targets) // len(accounts)
    with logs.bound(job=job.pk):
        wakeups.deliver(account_ids=accounts, is_urgent=job.is_urgent, count=count)


def _new_job(
    actor: log.Actor, desk: Desk, targets: list[Target], request: _Request, now: datetime
) -> CancelJob:
    return CancelJob.objects.create(
        desk=desk,
        **actor.act_columns(),
        request_key=_key(request.key, desk),
        scope=request.scope or in_words(targets),
        reason=request.reason,
        retry_of=request.retry_of,
        preview=request.preview,
        preview_sha256=request.preview_sha256,
        is_urgent=len(targets) <= (request.urgent_up_to or settings.URGENT_UP_TO),
        created_at=now,
    )


def in_words(targets: Sequence[Target]) -> str:
    """Say what a job is about: *BTC bid 28000000042 on Momentum*, or *12 orders on 3 accounts*."""
    if len(targets) == 1:
        target = targets[0]
        side = f" {target.order.side}" if target.order and target.order.side else ""
        name = target.order_id or target.client_order_id
        return f"{target.symbol}{side} {name} on {target.account.name}"
    accounts = sorted({target.account.name for target in targets})
    where = accounts[0] if len(accounts) == 1 else f"{len(accounts)} accounts"
    return f"{len(targets)} orders on {where}"


def _fact(
    actor: log.Actor,
    job: CancelJob,
    targets: Sequence[Target],
    lines: tuple[log.OrderLine, ...],
    now: datetime,
    left_out: Sequence[Skipped] = (),
) -> log.Fact:
    """Say what was asked for. An order that was left out has a row of its own too."""
    reasons = Counter(why for _, why in left_out)
    skipped = [target for target, _ in left_out]
    accounts = {target.account for target in (*targets, *skipped)}
    return log.Fact(
        event=Event.CANCEL_ASKED,
        actor=actor,
        at=now,
        outcome="" if lines else SKIPPED,
        desk=job.desk,
        account=accounts.pop() if len(accounts) == 1 else None,
        job=job if job.pk else None,
        data={
            "scope": job.scope,
            "reason": job.reason,
            "count": len(lines),
            "skipped": dict(reasons),
            "frozen": len(lines) + len(skipped),
            "preview_sha256": job.preview_sha256,
        },
        lines=(*lines, *(line_of(target, None)._replace(outcome=SKIPPED) for target in skipped)),
    )
