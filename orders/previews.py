"""Freeze what a bulk cancel means, say what it would do, and run exactly that once confirmed."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.utils.timezone import now as clock

from orders import asking, credits
from orders.cancels import refuse
from orders.models import Account, Desk, Order, Preview, Right
from orders.scoping import BEST_PRICE, Scope, best_first, in_words, matching
from orders.targets import CannotAsk, Target, kind_of, named_target

GONE = "There is no such preview among yours: make it anew."
VALID_FOR = timedelta(minutes=15)
BATCH = 10


@dataclass(frozen=True)
class Plan:
    """What confirming a preview would do, as far as can be told before. Times in seconds."""

    count: int
    by_account: tuple
    by_symbol: tuple
    by_side: tuple
    notional: Decimal  # sum of price times open amount, in USD
    oldest_at: datetime | None
    reduce_only: int
    stops: int
    oldest_sync_at: datetime | None  # the age of the data; None where some book was never read
    requests: int
    credits: Decimal
    credits_left: Decimal
    estimated_s: float
    skipped: tuple = field(default=())


def of_scope(*, user, actor, scope: Scope) -> Preview:
    """Freeze the open orders that match a scope. Raises `NotAllowed` or `CannotAsk`."""
    desk = _desk(user, actor, scope.desk_id)
    accounts = list(desk.accounts.filter(pk__in=scope.account_ids))
    if len(accounts) < len(set(scope.account_ids)):
        refuse(actor=actor, what=f"preview on desk {desk.pk}", said=GONE)
    orders = list(matching(user=user, scope=scope, now=clock()).select_related("account"))
    if scope.order_of_work == BEST_PRICE:
        orders = best_first(orders)
    words = in_words(scope, desk=desk, accounts=accounts)
    return _freeze(user, desk, words, orders, is_everything=scope.is_everything)


def of_orders(*, user, actor, orders, words) -> list[Preview]:
    """Freeze known orders, such as all that match a changelist's filter: one preview a desk."""
    orders = orders.visible_to(user).select_related("account__desk").order_by("created_at", "pk")
    by_desk = {}
    for order in orders.open().filter(account__is_active=True):
        by_desk.setdefault(order.account.desk, []).append(order)
    if not by_desk:
        raise CannotAsk("No open order matches any more.")
    right = Right.CANCEL
    for desk in by_desk:
        if not Desk.objects.allowing(user, right).filter(pk=desk.pk).exists():
            refuse(actor=actor, what="preview of selected orders", said=GONE)
    return [_freeze(user, desk, words, rows) for desk, rows in by_desk.items()]


@dataclass(frozen=True)
class BadLine:
    """One line of a pasted list that names no order, and why."""

    number: int
    text: str
    why: str


def of_list(*, user, actor, account_id, symbol, text) -> tuple[Preview | None, list[BadLine]]:
    """Freeze a pasted or uploaded list of order ids of one account: one a line, or CSV.

    A line may carry its own symbol and kind: ``28000000042``, ``28000000042,BTC``,
    ``f47ac10b-…,kBONK,stop``. Nothing is frozen while a line is bad: all bad lines are returned.
    """
    account = Account.objects.allowing(user, Right.CANCEL).filter(pk=account_id, is_active=True)
    account = account.select_related("desk").first()
    if account is None:
        refuse(actor=actor, what=f"list for account {account_id}", said=GONE)
    known = {order.order_id: order for order in account.orders.open()}
    targets, bad, seen = [], [], {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#") or (number == 1 and _is_head(line)):
            continue
        try:
            target = _target_of_line(line, account, symbol, known)
            name = target.order_id or target.client_order_id
            if name in seen:
                raise CannotAsk(f"is the same order as line {seen[name]}")
            seen[name] = number
            targets.append(target)
        except CannotAsk as error:
            bad.append(BadLine(number, line.strip()[:80], str(error)))
    if not targets and not bad:
        bad.append(BadLine(1, "", "The list holds no order id."))
    if bad:
        return None, bad
    words = f"a list of {len(targets)} orders on {account.name}"
    return _freeze_targets(user, account.desk, words, targets), []


def plan(preview: Preview) -> Plan:
    """What confirming it would do; orders that closed since are counted as they were frozen."""
    targets = _thawed(preview)
    ids = [target[5] for target in targets if target[5]]
    orders = {order.pk: order for order in Order.objects.filter(pk__in=ids)}
    accounts = {a.pk: a for a in Account.objects.filter(pk__in={target[0] for target in targets})}
    known = list(orders.values())
    sides = Counter(orders[t[5]].side if t[5] in orders else "unknown" for t in targets)
    cost, left, requests = _cost(targets, accounts)
    return Plan(
        count=preview.count,
        by_account=_ranked(Counter(accounts[target[0]].name for target in targets)),
        by_symbol=_ranked(Counter(target[1] for target in targets)),
        by_side=_ranked(sides),
        notional=sum((_worth(order) for order in known), Decimal(0)),
        oldest_at=min((order.created_at for order in known), default=None),
        reduce_only=sum(order.reduce_only for order in known),
        stops=sum(order.is_stop for order in known),
        oldest_sync_at=_oldest_sync(accounts.values()),
        requests=requests,
        credits=cost,
        credits_left=left,
        estimated_s=_estimate(cost, left, accounts, requests),
    )


def must_type(preview: Preview) -> str:
    """What to type to confirm: the desk's name for everything, the count for many, or nothing."""
    if preview.is_everything:
        return preview.desk.name
    return str(preview.count) if preview.count > preview.desk.confirm_above else ""


def confirm(*, user, actor, preview_id, reason="", typed="") -> asking.Asked:
    """Run exactly the frozen set, once: a replayed confirmation gives the same job.

    Raises `NotAllowed`, or `CannotAsk` naming the field that is missing.
    """
    preview = Preview.objects.allowing(user, Right.CANCEL).filter(pk=preview_id, made_by=user)
    preview = preview.select_related("desk").first()
    if preview is None:
        refuse(actor=actor, what=f"confirm preview {preview_id}", said=GONE)
    if preview.made_at < clock() - VALID_FOR:
        raise CannotAsk(
            "This preview is older than 15 minutes: the book has moved on. Make it anew."
        )
    if preview.desk.needs_reason and not reason.strip():
        raise CannotAsk(f"{preview.desk} asks for a reason.", field="reason")
    if typed.strip() != must_type(preview):
        raise CannotAsk(f"Type {must_type(preview)} to confirm.", field="typed")
    return asking.ask(
        actor,
        _targets(preview),
        reason=reason,
        request_key=preview.pk,
        scope=preview.scope,
        preview_sha256=preview.targets_sha256,
    )


def since(preview: Preview, scope_orders) -> list[Order]:
    """Orders in the same scope that appeared after the freeze: told afterwards, never cancelled."""
    frozen = {target[5] for target in _thawed(preview)}
    return [order for order in scope_orders if order.pk not in frozen]


def _desk(user, actor, desk_id):
    desk = Desk.objects.allowing(user, Right.CANCEL_SCOPE).filter(pk=desk_id).first()
    if desk is None:
        refuse(actor=actor, what=f"preview on desk {desk_id}", said=GONE)
    return desk


def _freeze(user, desk, words, orders, *, is_everything=False):
    targets = [
        Target(o.account, o.symbol, kind_of(o), o.order_id, o.client_order_id, o) for o in orders
    ]
    return _freeze_targets(user, desk, words, targets, is_everything=is_everything)


def _freeze_targets(user, desk, words, targets, *, is_everything=False):
    if not targets:
        raise CannotAsk("Nothing matches: no open order is in this scope.")
    rows = [
        [t.account.pk, t.symbol, t.kind, t.order_id, t.client_order_id, t.order and t.order.pk]
        for t in targets
    ]
    text = json.dumps(rows, separators=(",", ":"))
    return Preview.objects.create(
        desk=desk,
        made_by=user,
        made_at=clock(),
        scope=words[:200],
        is_everything=is_everything,
        count=len(targets),
        targets=text,
        targets_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def _thawed(preview):
    """The frozen rows; a set that does not match its hash is not run."""
    if hashlib.sha256(preview.targets.encode()).hexdigest() != preview.targets_sha256:
        raise CannotAsk("The frozen set was changed after it was shown. Make the preview anew.")
    return json.loads(preview.targets)


def _targets(preview):
    rows = _thawed(preview)
    accounts = Account.objects.select_related("desk").in_bulk({row[0] for row in rows})
    orders = Order.objects.in_bulk([row[5] for row in rows if row[5]])
    return [Target(accounts[row[0]], *row[1:5], orders.get(row[5])) for row in rows]


def _target_of_line(line, account, symbol, known):
    name, own_symbol, kind = ([part.strip() for part in line.split(",")] + ["", "", ""])[:3]
    order_id = int(name) if name.isascii() and name.isdigit() else None
    order = known.get(order_id)
    if order is not None and not own_symbol and not kind:
        order.account = account
        return Target(account, order.symbol, kind_of(order), order_id, order.client_order_id, order)
    if order_id is None and "-" not in name:
        raise CannotAsk("is neither an order id nor a client order id")
    return named_target(
        account=account,
        symbol=own_symbol or symbol or (order.symbol if order else ""),
        kind=kind or (kind_of(order) if order else "order"),
        order_id=order_id,
        client_order_id=None if order_id is not None else name,
    )


def _is_head(line):
    return "order_id" in line.lower()


def _cost(targets, accounts):
    """(credits, credits left, requests) of the plan; pools are not added up twice."""
    by_account = Counter(target[0] for target in targets)
    requests = sum(-(-count // BATCH) for count in by_account.values())
    balances = {}
    for account in accounts.values():
        balance = credits.balance(account=account, now=clock())
        balances[balance.name] = balance.left
    cost = settings.CREDIT_PRICES["cancel"] * len(targets)
    return cost, sum(balances.values(), Decimal(0)), requests


def _estimate(cost, left, accounts, requests):
    """Seconds: what the purse holds goes at once, the rest as a minute's quota allows."""
    quota = sum(
        {
            b.name: b.quota - b.reserve
            for b in (credits.balance(account=a, now=clock()) for a in accounts.values())
        }.values(),
        Decimal(0),
    )
    waiting = max(Decimal(0), cost - max(Decimal(0), left))
    return round(float(waiting / quota) * credits.WINDOW_S + requests * 0.005, 1) if quota else 0.0


def _worth(order):
    return (order.price_number or Decimal(0)) * (order.open_amount_number or Decimal(0))


def _oldest_sync(accounts):
    moments = [account.synced_at for account in accounts]
    return None if None in moments else min(moments, default=None)


def _ranked(counter):
    return tuple(counter.most_common())
