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
    OrderState,
    Right,
)
from orders.models.cancels import LIVE
from orders.pacifica import signing
from orders.rights import NotAllowed


class CannotAsk(ValueError):
    """The instruction makes no sense as it stands; ``field`` names the input, the text says why."""

    def __init__(self, sentence, *, field=None):
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True)
class Target:
    """One order to cancel, known to us (``order``) or only by name."""

    account: Account
    symbol: str
    kind: str
    order_id: int | None = None
    client_order_id: str | None = None
    order: Order | None = None


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
        return (
            "".join([text, *(f", {count} skipped: {why}" for why, count in reasons.items())]) + "."
        )


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
    targets = [target_of(order) for order in orders if order.state == OrderState.OPEN]
    skipped = [(str(o), "no longer open") for o in orders if o.state != OrderState.OPEN]
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
    account = Account.objects.filter(pk=account_id).allowing(user, Right.CANCEL)
    account = account.select_related("desk").first()
    if account is None:
        refuse(actor=actor, what=f"cancel an order of account {account_id}", said=NO_ACCOUNT)
    target = named_target(
        account=account,
        symbol=symbol,
        kind=kind,
        order_id=order_id,
        client_order_id=client_order_id,
    )
    return _ask(actor, [target], [], reason, request_key)


def named_target(*, account, symbol, kind, order_id=None, client_order_id=None) -> Target:
    """A checked target. What we know of the order fills in the id the operator did not give."""
    if not account.is_active:
        raise CannotAsk(f"{account.name} is deactivated: nothing is sent for it.", field="account")
    if kind not in CancelKind.values:
        raise CannotAsk("Choose order, stop or TWAP.", field="kind")
    if (order_id is None) == (not client_order_id):
        raise CannotAsk(
            "Give the order id or the client order id, one of the two.", field="order_id"
        )
    _check_wire(kind, symbol, order_id, client_order_id)
    known = _known(account, order_id, client_order_id) if kind != CancelKind.TWAP else None
    if known is None:
        client_order_id = client_order_id.lower() if client_order_id else None
        return Target(account, symbol, kind, order_id, client_order_id)
    if known.symbol != symbol:
        raise CannotAsk(
            f"That order is on {known.symbol}, not {symbol}. Symbols keep their case.",
            field="symbol",
        )
    if kind != kind_of(known):
        raise CannotAsk(
            f"That order is a {known.order_type.replace('_', ' ')} order: "
            f"choose {CancelKind(kind_of(known)).label.lower()}.",
            field="kind",
        )
    return target_of(known)


def target_of(order) -> Target:
    """The target that cancels a known order, through the route its type asks for."""
    return Target(
        order.account, order.symbol, kind_of(order), order.order_id, order.client_order_id, order
    )


def kind_of(order) -> str:
    """Stops have a route of their own; everything else listed in the book is an order."""
    return CancelKind.STOP if order.is_stop else CancelKind.ORDER


def refuse(*, actor, what, said):
    """Record a refused act and raise `NotAllowed` with a sentence that tells a stranger nothing."""
    audit.record(audit.Fact(event=Event.ACT_REFUSED, actor=actor, data={"asked": what[:300]}))
    raise NotAllowed(said)


def _check_wire(kind, symbol, order_id, client_order_id):
    """The same rules the signer holds, each said at the input it belongs to."""
    if not symbol or not symbol.isascii() or not symbol.isprintable() or " " in symbol:
        raise CannotAsk(
            "Write the symbol as on Pacifica, case kept: BTC, kBONK, SOL-USDC.", field="symbol"
        )
    if order_id is not None and not 0 < order_id <= signing.MAX_ORDER_ID:
        raise CannotAsk("An order id is a whole number from 1 to 2^53.", field="order_id")
    if client_order_id and signing.FULL_UUID.fullmatch(client_order_id) is None:
        raise CannotAsk(
            "A client order id is a full UUID with dashes, such as "
            "f47ac10b-58cc-4372-a567-0e02b2c3d479.",
            field="client_order_id",
        )


def _known(account, order_id, client_order_id):
    orders = account.orders.select_related("account__desk")
    if order_id is not None:
        return orders.filter(order_id=order_id).first()
    named = orders.filter(client_order_id__iexact=client_order_id)
    return named.order_by("-state", "-order_id").filter(state=OrderState.OPEN).first()


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
