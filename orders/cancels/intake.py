"""Record what was asked: jobs, cancels and facts in one transaction; then wake the senders."""

import uuid
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from orders.audit import log
from orders.lifecycle import wakeups
from orders.lifecycle.targets import Target
from orders.models import Cancel, CancelJob, Desk, Event, Preview
from orders.models.bulk_insert import insert
from orders.models.cancels import LIVE

SKIPPED = "skipped"  # an order row of what was asked for and became no cancel


@dataclass(frozen=True)
class CancelReceipt:
    """What became of a request: the jobs made, how many cancels, and what was skipped and why."""

    jobs: tuple
    recorded: int
    skipped: tuple = ()  # (what, why) pairs, in words
    is_repeated: bool = False  # the same act again: nothing new was recorded
    notes: tuple = ()  # sentences on what was taken as asked though it looks odd

    def sentence(self) -> str:
        """One line for the operator: countable, and why anything was skipped."""
        cancels = f"{self.recorded} {'cancel' if self.recorded == 1 else 'cancels'}"
        text = f"Already recorded: {cancels}" if self.is_repeated else f"{cancels} recorded"
        reasons = {}
        for _, why in self.skipped:
            reasons[why] = reasons.get(why, 0) + 1
        text += "".join(f", {count} skipped: {why}" for why, count in reasons.items())
        return " ".join([f"{text}.", *self.notes])


def record_request(
    actor: log.Actor,
    targets: list[Target],
    *,
    skipped: list[tuple[Target, str]] | tuple[Any, ...] = (),
    reason: str = "",
    request_key: uuid.UUID | None = None,
    **about: str | CancelJob | Preview,
) -> CancelReceipt:
    """Record jobs, cancels and facts in one transaction, then wake the senders.

    One job a desk. ``skipped``: (target, why) pairs that were left out already, to record and to
    tell of. ``request_key``: the same key again gives the same job. ``about``: further columns of
    the job (``retry_of``, ``scope``, ``preview_sha256``).
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


def asked_before(
    actor: log.Actor,
    desks: dict[Desk, tuple[list[Target], list[tuple[str | Target, ...]]]] | list[Desk] | set[Desk],
    request_key: uuid.UUID | None,
) -> CancelReceipt | None:
    """What this person asked for with this key before, whatever became of the orders since."""
    if request_key is None:
        return None
    keys = [_key(request_key, desk) for desk in desks]
    jobs = CancelJob.objects.filter(request_key__in=keys, operator_id=actor.operator_id)
    jobs = tuple(jobs.order_by("pk"))
    recorded = Cancel.objects.filter(job__in=jobs).count()
    return CancelReceipt(jobs, recorded, is_repeated=True) if jobs else None


def _key(request_key: uuid.UUID, desk: Desk) -> uuid.UUID:
    return uuid.uuid5(request_key, str(desk.pk))


def extend(job: CancelJob, targets: list[Target]) -> int:
    """Give a job more cancels, for orders that have no other live one; recorded as asked.

    A panic does this with what its cancel-all left over. Returns how many.
    """
    try:
        return _extend(job, targets)
    except IntegrityError:  # a click took one of the orders between our look and our insert
        return _extend(job, targets)


def _extend(job: CancelJob, targets: list[Target]) -> int | None:
    now = timezone.now()
    with transaction.atomic():
        fresh, _ = _without_live(targets)
        if fresh:
            lines = _insert(job, fresh, now)
            log.append(_fact(log.actor_of(job), job, fresh, lines, now))
    return len(fresh)


def _record(
    actor: log.Actor,
    targets: list[Target],
    skipped: list[tuple[Target, str]],
    reason: str,
    request_key: uuid.UUID,
    about: dict[str, Any],
) -> CancelReceipt:
    now = timezone.now()
    by_desk = {}
    for target in targets:
        by_desk.setdefault(target.account.desk, ([], []))[0].append(target)
    for target, why in skipped:
        by_desk.setdefault(target.account.desk, ([], []))[1].append((target, why))
    if before := asked_before(actor, by_desk, request_key):
        return before
    jobs, facts, told = [], [], []
    for desk, (wanted, left_out) in by_desk.items():
        fresh, doubles = _without_live(wanted)
        left_out += doubles
        told += [(target.order_id or target.client_order_id, why) for target, why in left_out]
        if fresh:
            job = _new_job(actor, desk, fresh, reason, _key(request_key, desk), now, about)
            jobs.append(job)
            facts.append(_fact(actor, job, fresh, _insert(job, fresh, now), now, left_out))
            _wake(job, fresh)
        elif left_out:
            scope = about.get("scope") or in_words([target for target, _ in left_out])
            idle = CancelJob(desk=desk, scope=scope, reason=reason)  # none is made for nothing
            facts.append(_fact(actor, idle, (), (), now, left_out))
    log.append(*facts)
    recorded = sum(fact.data["count"] for fact in facts)
    return CancelReceipt(tuple(jobs), recorded, tuple(told))


def _wake(job: CancelJob, targets: list[Target]) -> None:
    accounts = sorted({target.account.pk for target in targets})
    count = len(targets) // len(accounts)
    wakeups.deliver(account_ids=accounts, is_urgent=job.is_urgent, count=count)


class Live:
    """The names under which live cancels of some accounts have their orders; one query."""

    def __init__(self, account_ids: set[int]) -> None:
        self._order_ids, self._by_client_id = set(), {}
        cancels = Cancel.objects.filter(account__in=account_ids, status__in=LIVE)
        for row in cancels.values_list(*NAMES):
            self.add(*row)

    def add(self, account_id: int, order_id: int | None, client_order_id: str | None) -> None:
        """Have a cancel of an order of these names count as live."""
        if order_id:
            self._order_ids.add((account_id, order_id))
        if client_order_id:
            self._by_client_id[account_id, client_order_id] = order_id

    def has_name(self, account_id: int, client_order_id: str | None) -> bool:
        """Whether a live cancel has this client order id, of which there may be one."""
        return (account_id, client_order_id) in self._by_client_id

    def has(self, account_id: int, order_id: int | None, client_order_id: str | None) -> bool:
        """Whether a live cancel is, or may be, of this order.

        An edited order keeps its client order id under a new order id: it is another one.
        """
        if order_id is None:
            return self.has_name(account_id, client_order_id)
        is_nameless = self._by_client_id.get((account_id, client_order_id), order_id) is None
        return is_nameless or (account_id, order_id) in self._order_ids


def _without_live(targets: list[Target]) -> tuple[list[Target], list[tuple[str | Target, ...]]]:
    """Targets that have no other live cancel, and (target, why) of those that do."""
    live = Live({target.account.pk for target in targets})
    fresh, doubles = [], []
    for target in targets:
        account_id, names = target.account.pk, (target.order_id, target.client_order_id)
        if live.has(account_id, *names):
            doubles.append((target, "already being cancelled"))
            continue
        if target.order_id and live.has_name(account_id, target.client_order_id):
            target = replace(target, client_order_id=None)  # its order id says enough
        fresh.append(target)
        live.add(account_id, *names)
    return fresh, doubles


def _new_job(
    actor: log.Actor,
    desk: Desk,
    targets: list[Target],
    reason: str,
    key: uuid.UUID,
    now: datetime,
    about: dict[str, Any],
) -> CancelJob:
    return CancelJob.objects.create(
        desk=desk,
        **actor.columns(),
        request_key=key,
        reason=reason,
        is_urgent=len(targets) <= settings.URGENT_UP_TO,
        created_at=now,
        **({"scope": in_words(targets)} | about),
    )


def _insert(job: CancelJob, targets: list[Target], now: datetime) -> tuple[log.OrderLine, ...]:
    """One queued cancel for each target; the log's order rows of them."""
    newest = job.cancels.aggregate(newest=Max("pk"))["newest"] or 0
    rows = [_row(job, target, now) for target in targets]
    insert(Cancel, (*GIVEN, *DEFAULTS), rows)
    # By name: a panic's threads may add to the same job meanwhile, each for its own account.
    added = job.cancels.filter(pk__gt=newest).values_list(*NAMES, "pk")
    ids = {tuple(names): pk for *names, pk in added}
    return tuple(
        _line(one, ids[one.account.pk, one.order_id, one.client_order_id]) for one in targets
    )


def _plain(default: str) -> str:
    """A column's default as the database takes it."""
    return getattr(default, "value", default)


NAMES = ("account_id", "order_id", "client_order_id")  # of an order; one live cancel has them
GIVEN = (
    "job_id",
    "is_urgent",
    "account_id",
    "known_order_id",
    "symbol",
    "kind",
    "order_id",
    "client_order_id",
    "requested_at",
)
DEFAULTS = {  # of the columns that may not be null
    field.attname: _plain(field.get_default())
    for field in Cancel._meta.concrete_fields
    if not field.null and not field.primary_key and field.attname not in GIVEN
}


def _row(job: CancelJob, target: Target, now: datetime) -> tuple[int | str | None, ...]:
    """The columns of `GIVEN`, then the defaults."""
    return (
        job.pk,
        job.is_urgent,
        target.account.pk,
        target.order and target.order.pk,
        target.symbol,
        _plain(target.kind),
        target.order_id,
        target.client_order_id,
        now,
        *DEFAULTS.values(),
    )


def _line(target: Target, cancel_id: int) -> log.OrderLine:
    return log.OrderLine(
        account_id=target.account.pk,
        symbol=target.symbol,
        order_id=target.order_id,
        client_order_id=target.client_order_id,
        cancel_id=cancel_id,
    )


def in_words(targets: list[Target]) -> str:
    """What a job is about: *BTC bid 28000000042 on Momentum*, or *12 orders on 3 accounts*."""
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
    targets: list[Target] | tuple[Any, ...],
    lines: tuple[log.OrderLine, ...],
    now: datetime,
    left_out: list[tuple[Target, str]] | tuple[Any, ...] = (),
) -> log.Fact:
    """What was asked for; of orders that were left out too, each with a row of its own."""
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
        lines=(*lines, *(_line(one, None)._replace(outcome=SKIPPED) for one in skipped)),
    )
