"""Record what was asked: jobs, cancels and facts in one transaction; then wake the senders."""

import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.timezone import now as clock

from orders import audit, waking
from orders.models import Cancel, CancelJob, Event
from orders.models.cancels import LIVE


@dataclass(frozen=True)
class Asked:
    """What became of a request: the jobs made, how many cancels, and what was skipped and why."""

    jobs: tuple
    recorded: int
    skipped: tuple = ()  # (what, why) pairs, in words

    def sentence(self):
        """One line for the operator: countable, and why anything was skipped."""
        text = f"{self.recorded} {'cancel' if self.recorded == 1 else 'cancels'} recorded"
        reasons = {}
        for _, why in self.skipped:
            reasons[why] = reasons.get(why, 0) + 1
        return text + "".join(f", {count} skipped: {why}" for why, count in reasons.items()) + "."


def ask(actor, targets, *, skipped=(), reason="", request_key=None, **about) -> Asked:
    """Record jobs, cancels and facts in one transaction, then wake the senders.

    One job a desk. ``skipped``: (what, why) pairs to tell of. ``request_key``: the same key again
    gives the same job. ``about``: further columns of the job (``retry_of``, ``scope``,
    ``preview_sha256``).
    """
    request_key = request_key or uuid.uuid4()
    for last_try in (False, True):
        try:
            with transaction.atomic():
                return _record(actor, targets, list(skipped), reason.strip(), request_key, about)
        except IntegrityError:  # another click was recorded between our look and our insert
            if last_try:
                raise
    return None


def extend(job, targets) -> list[Cancel]:
    """Give a job more cancels, for orders that have no other live one; recorded as asked.

    A panic does this with what its cancel-all left over.
    """
    now = clock()
    actor = audit.actor_of(job)
    with transaction.atomic():
        fresh, _ = _without_live(targets)
        cancels = Cancel.objects.bulk_create([_cancel(job, target, now) for target in fresh])
        if cancels:
            audit.append(_fact(actor, job.desk, job, cancels, job.reason, now))
    return cancels


def _record(actor, targets, skipped, reason, request_key, about):
    now = clock()
    by_desk = {}
    for target in targets:
        by_desk.setdefault(target.account.desk, []).append(target)
    jobs, facts, recorded = [], [], 0
    for desk, wanted in by_desk.items():
        key = uuid.uuid5(request_key, str(desk.pk))
        earlier = CancelJob.objects.filter(request_key=key, operator_id=actor.operator_id).first()
        if earlier is not None:  # the same click again: the same job
            jobs.append(earlier)
            recorded += earlier.cancels.count()
            continue
        fresh, doubles = _without_live(wanted)
        skipped += doubles
        if fresh:
            job, cancels = _insert(actor, desk, fresh, reason, key, now, about)
            jobs.append(job)
            recorded += len(cancels)
            facts.append(_fact(actor, desk, job, cancels, reason, now))
            accounts = sorted({cancel.account_id for cancel in cancels})
            waking.deliver(account_ids=accounts, is_urgent=job.is_urgent)
    audit.append(*facts)
    return Asked(tuple(jobs), recorded, tuple(skipped))


def _without_live(targets):
    """Targets that have no other live cancel, and those that do, with the reason."""
    accounts = {target.account.pk for target in targets}
    live = Cancel.objects.filter(account__in=accounts, status__in=LIVE)
    taken = set()
    for account_id, order_id, client_order_id in live.values_list(
        "account_id", "order_id", "client_order_id"
    ):
        taken |= {(account_id, order_id), (account_id, client_order_id)}
    fresh, doubles = [], []
    for target in targets:
        names = _names(target)
        if names & taken:
            doubles.append((target.order_id or target.client_order_id, "already being cancelled"))
        else:
            fresh.append(target)
            taken |= names
    return fresh, doubles


def _names(target):
    names = {target.order_id, target.client_order_id} - {None}
    return {(target.account.pk, name) for name in names}


def _insert(actor, desk, targets, reason, key, now, about):
    is_urgent = len(targets) <= settings.URGENT_UP_TO
    job = CancelJob.objects.create(
        desk=desk,
        operator_id=actor.operator_id,
        operator_name=actor.operator_name,
        session_hash=actor.session_hash,
        address=actor.address,
        request_key=key,
        reason=reason,
        is_urgent=is_urgent,
        created_at=now,
        **({"scope": in_words(targets)} | about),
    )
    cancels = [_cancel(job, target, now) for target in targets]
    return job, Cancel.objects.bulk_create(cancels)


def _cancel(job, target, now):
    return Cancel(
        job=job,
        is_urgent=job.is_urgent,
        account=target.account,
        known_order=target.order,
        symbol=target.symbol,
        kind=target.kind,
        order_id=target.order_id,
        client_order_id=target.client_order_id,
        requested_at=now,
    )


def in_words(targets) -> str:
    """What a job is about: *BTC bid 28000000042 on Momentum*, or *12 orders on 3 accounts*."""
    if len(targets) == 1:
        target = targets[0]
        side = f" {target.order.side}" if target.order else ""
        name = target.order_id or target.client_order_id
        return f"{target.symbol}{side} {name} on {target.account.name}"
    accounts = sorted({target.account.name for target in targets})
    where = accounts[0] if len(accounts) == 1 else f"{len(accounts)} accounts"
    return f"{len(targets)} orders on {where}"


def _fact(actor, desk, job, cancels, reason, now):
    accounts = {cancel.account for cancel in cancels}
    return audit.Fact(
        event=Event.CANCEL_ASKED,
        actor=actor,
        at=now,
        desk=desk,
        account=accounts.pop() if len(accounts) == 1 else None,
        job=job,
        data={
            "scope": job.scope,
            "reason": reason,
            "count": len(cancels),
            "preview_sha256": job.preview_sha256,
        },
        lines=tuple(audit.line_of(cancel) for cancel in cancels),
    )
