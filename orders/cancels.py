"""What an operator may ask: cancel these orders, cancel this id."""

import uuid
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils.timezone import now as clock

from orders import audit, waking
from orders.models import (
    Account,
    Cancel,
    CancelJob,
    CancelKind,
    Desk,
    Event,
    Order,
    Right,
)
from orders.models.cancels import LIVE
from orders.rights import NotAllowed
from orders.targets import CannotAsk, Target, kind_of, named_target, open_targets, target_of

__all__ = ["CannotAsk", "Target", "kind_of", "named_target", "target_of"]  # belong to asking


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


NOTHING_HERE = "There is no such order among your desks' orders."
NO_ACCOUNT = "There is no such account among your desks' accounts."


def cancel_orders(*, user, actor, order_ids, reason="", request_key=None) -> Asked:
    """Ask to cancel known orders, given by our row ids; one job a desk.

    Rows the person may not touch are left out as if they did not exist. Raises `NotAllowed` where
    none is left, after recording the refusal.
    """
    orders = Order.objects.filter(pk__in=order_ids).visible_to(user)
    orders = list(orders.select_related("account__desk").order_by("created_at", "pk"))
    allowed = set(Desk.objects.allowing(user, Right.CANCEL).values_list("pk", flat=True))
    if not orders or any(order.account.desk_id not in allowed for order in orders):
        refuse(actor=actor, what=f"cancel {len(order_ids)} orders", said=NOTHING_HERE)
    targets, skipped = open_targets(orders)
    return _ask(actor, targets, skipped, reason, request_key)


def cancel_by_id(
    *,
    user,
    actor,
    account_id,
    symbol,
    kind=CancelKind.ORDER,
    order_id=None,
    client_order_id=None,
    reason="",
    request_key=None,
) -> Asked:
    """Ask to cancel one order that the app need not know.

    Raises `CannotAsk` with a sentence for each wrong input, `NotAllowed` for a foreign account.
    """
    return cancel_by_ids(
        user=user,
        actor=actor,
        account_id=account_id,
        symbol=symbol,
        kind=kind,
        ids=[(order_id, client_order_id)],
        reason=reason,
        request_key=request_key,
    )


def cancel_by_ids(
    *, user, actor, account_id, symbol, kind, ids, reason="", request_key=None
) -> Asked:
    """Ask to cancel orders of one account and symbol in one act; all of them or none.

    ``ids``: (order id, client order id) pairs, one of each pair None. Raises as `cancel_by_id`.
    """
    account = Account.objects.filter(pk=account_id).allowing(user, Right.CANCEL)
    account = account.select_related("desk").first()
    if account is None:
        refuse(actor=actor, what=f"cancel an order of account {account_id}", said=NO_ACCOUNT)
    about = {"account": account, "symbol": symbol, "kind": kind}
    targets = [named_target(order_id=one, client_order_id=other, **about) for one, other in ids]
    return _ask(actor, targets, [], reason, request_key)


def refuse(*, actor, what, said):
    """Record a refused act and raise `NotAllowed` with a sentence that tells a stranger nothing."""
    audit.record(audit.Fact(event=Event.ACT_REFUSED, actor=actor, data={"asked": what[:300]}))
    raise NotAllowed(said)


def _ask(actor, targets, skipped, reason, request_key):
    """Record job, cancels and facts in one transaction, then wake the senders."""
    request_key = request_key or uuid.uuid4()
    for last_try in (False, True):
        try:
            with transaction.atomic():
                return _record(actor, targets, list(skipped), reason.strip(), request_key)
        except IntegrityError:  # another click was recorded between our look and our insert
            if last_try:
                raise
    return None


def _record(actor, targets, skipped, reason, request_key):
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
            job, cancels = _insert(actor, desk, fresh, reason, key, now)
            jobs.append(job)
            recorded += len(cancels)
            facts.append(_fact(actor, desk, job, cancels, reason, now))
            waking.deliver(account_ids=sorted({c.account_id for c in cancels}), is_urgent=True)
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


def _insert(actor, desk, targets, reason, key, now):
    job = CancelJob.objects.create(
        desk=desk,
        operator_id=actor.operator_id,
        operator_name=actor.operator_name,
        session_hash=actor.session_hash,
        address=actor.address,
        request_key=key,
        scope=in_words(targets),
        reason=reason,
        created_at=now,
    )
    cancels = [_cancel(job, target, now) for target in targets]
    return job, Cancel.objects.bulk_create(cancels)


def _cancel(job, target, now):
    return Cancel(
        job=job,
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
        data={"scope": job.scope, "reason": reason, "count": len(cancels)},
        lines=tuple(audit.line_of(cancel) for cancel in cancels),
    )
