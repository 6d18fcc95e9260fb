"""Freeze what a bulk cancel means, say what it would do, and run exactly that once confirmed."""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.utils import timezone

from orders.access.denials import refuse
from orders.audit.log import Actor
from orders.cancels import intake
from orders.cancels.bulk import frozen_orders
from orders.cancels.bulk.scope import (
    BEST_PRICE,
    Scope,
    as_text,
    best_first,
    from_text,
    in_words,
    matching,
)
from orders.lifecycle.routes import kind_of
from orders.lifecycle.targets import CannotAsk, Target, check_reason
from orders.models import (
    Account,
    AuditRecord,
    Desk,
    Event,
    Order,
    OrderState,
    Preview,
    Restore,
    Right,
)
from orders.models.clocks import is_ahead
from orders.models.orders import OrderQuerySet

if TYPE_CHECKING:
    from orders.models.desks import Person


GONE = "There is no such preview among yours: make it anew."
VALID_FOR = timedelta(minutes=15)
ALREADY_FEWER = re.compile(r"^\d+ of (?=\d|a list)")
FROZEN_FROM = (  # what of an order a frozen set and its order of work are made from
    "account_id",
    "symbol",
    "side",
    "order_type",
    "stop_price",
    "order_id",
    "client_order_id",
    "price_number",
)


@dataclass(frozen=True)
class Limits:
    """How much one act may name."""

    orders: int = 50_000


LIMITS = Limits()


def of_scope(*, user: "Person", actor: Actor, scope: Scope, limits: Limits = LIMITS) -> Preview:
    """Freeze the open orders that match a scope. Raises `NotAllowed` or `CannotAsk`."""
    desk = _desk(user, actor, scope.desk_id)
    accounts = list(desk.accounts.filter(pk__in=scope.account_ids))
    if len(accounts) < len(set(scope.account_ids)):
        refuse(actor=actor, what=f"preview on desk {desk.pk}", said=GONE)
    orders = _with_accounts(matching(user=user, scope=scope, now=timezone.now()), limits)
    if scope.order_of_work == BEST_PRICE:
        orders = best_first(orders)
    return freeze(
        user,
        desk,
        _targets_of(orders),
        words=in_words(scope, desk=desk, accounts=accounts),
        query=as_text(scope),
        is_everything=scope.is_everything,
        limits=limits,
    )


def of_orders(
    *,
    user: "Person",
    actor: Actor,
    orders: OrderQuerySet,
    words: str = "",
    query: str = "",
    is_everything: bool = False,
    limits: Limits = LIMITS,
) -> list[Preview]:
    """Freeze known orders, such as all that match a list's filter: one preview a desk.

    ``query``: the filter, to be kept with them; ``words``: what it says, where there is one.
    """
    orders = orders.visible_to(user).open().filter(account__is_active=True)
    orders = orders.select_related(None).order_by("created_at", "pk")
    by_desk: dict[Desk, list[Order]] = {}
    for order in _with_accounts(orders, limits):
        by_desk.setdefault(order.account.desk, []).append(order)
    if not by_desk:
        raise CannotAsk("No open order matches any more.")
    allowed = set(Desk.objects.allowing(user, Right.CANCEL).values_list("pk", flat=True))
    if any(desk.pk not in allowed for desk in by_desk):
        refuse(actor=actor, what="preview of selected orders", said=GONE)
    return [
        freeze(
            user,
            desk,
            _targets_of(rows),
            words=words or _selected(rows),
            query=query,
            is_everything=is_everything,
            limits=limits,
        )
        for desk, rows in by_desk.items()
    ]


def _selected(rows: list[Order]) -> str:
    return "1 selected order" if len(rows) == 1 else f"{len(rows)} selected orders"


def anew(*, user: "Person", actor: Actor, preview: Preview) -> Preview:
    """Make a preview once more from what is known now.

    A scope is matched again, named orders stay named. Orders that have closed since are left out.
    Raises as the making of a preview does.
    """
    if is_scope(preview):
        return of_scope(user=user, actor=actor, scope=from_text(preview.query))
    desk = Desk.objects.allowing(user, Right.CANCEL).filter(pk=preview.desk_id).first()
    if desk is None or preview.made_by_id != user.pk:
        refuse(actor=actor, what=f"make preview {preview.pk} anew", said=GONE)
    targets = [target for target in frozen_orders.targets(preview) if _still_stands(target, desk)]
    words = preview.scope
    if len(targets) < preview.count:
        words = f"{len(targets)} of {ALREADY_FEWER.sub('', words)}"
    return freeze(user, desk, targets, words=words)


def _still_stands(target: Target, desk: Desk) -> bool:
    """Whether a target can be asked for again: its order may be open, its account is the desk's."""
    is_here = target.account.is_active and target.account.desk_id == desk.pk
    return is_here and (target.order is None or target.order.state == OrderState.OPEN)


def is_scope(preview: Preview) -> bool:
    """Whether a preview was made from a scope, not from a filter or orders named one by one."""
    return preview.query.startswith("{")


def must_type(preview: Preview) -> str:
    """Say what must be typed to confirm: the desk's name for everything, the count for many."""
    if preview.is_everything:
        return preview.desk.name
    return str(preview.count) if preview.count > preview.desk.confirm_above else ""


def confirm(
    *,
    user: "Person",
    actor: Actor,
    preview_id: UUID,
    reason: str = "",
    typed: str = "",
    urgent_up_to: int | None = None,
) -> intake.CancelReceipt:
    """Run exactly the frozen set, once: a replayed confirmation gives the same job.

    Where every order was skipped, no job was made, and the set is not run later either.
    ``urgent_up_to``: as in `intake.record_request`.
    Raises `NotAllowed`, or `CannotAsk` naming the field that is missing.
    """
    mine = Preview.objects.filter(pk=preview_id, made_by_id=user.pk)
    preview = mine.allowing(user, Right.CANCEL).select_related("desk").first()
    if preview is None or not mine.allowing(user, _right_to_run(preview)).exists():
        refuse(actor=actor, what=f"confirm preview {preview_id}", said=GONE)
    if before := intake.asked_before(actor, [preview.desk], preview.pk):
        return before
    _check_age(preview, timezone.now())
    _check_unused(preview, actor)
    check_reason([preview.desk], reason)
    demanded = must_type(preview)
    if demanded and typed.strip() != demanded:
        raise CannotAsk(f"Type {demanded} to confirm.", field="typed")
    targets = frozen_orders.targets(preview)
    _check_accounts(preview, targets)
    return intake.record_request(
        actor,
        targets,
        reason=reason,
        request_key=preview.pk,
        scope=preview.scope,
        preview=preview,
        preview_sha256=preview.targets_sha256,
        urgent_up_to=urgent_up_to,
    )


def _right_to_run(preview: Preview) -> Right:
    return Right.CANCEL_SCOPE if is_scope(preview) else Right.CANCEL


def _check_age(preview: Preview, now: datetime) -> None:
    """Raise `CannotAsk` where the frozen set no longer tells what is open."""
    if preview.made_at < now - VALID_FOR or is_ahead(preview.made_at, now):
        raise CannotAsk(
            "This preview is older than 15 minutes: the open orders have changed. Make it anew."
        )
    if Restore.objects.filter(found_at__gte=preview.made_at).exists():
        raise CannotAsk("An older copy of the database was put back since: make the preview anew.")


def _check_unused(preview: Preview, actor: Actor) -> None:
    """Raise `CannotAsk` where this person confirmed this set since, and all of it was skipped.

    The log says so: without a job nothing else names the set.
    """
    asked = AuditRecord.objects.filter(event=Event.CANCEL_ASKED, outcome=intake.SKIPPED)
    asked = asked.filter(operator_id=actor.operator_id, at__gte=preview.made_at)
    if asked.filter(data__contains=preview.targets_sha256).exists():
        raise CannotAsk("This was confirmed already: every order was skipped then. Make it anew.")


def _check_accounts(preview: Preview, targets: list[Target]) -> None:
    """Raise `CannotAsk` where an account is by now another desk's, or nothing is sent for it."""
    for account in {target.account for target in targets}:
        if account.desk_id != preview.desk_id:
            raise CannotAsk(
                f"{account.name} went to another desk since this was shown. Make it anew."
            )
        if not account.is_active:
            raise CannotAsk(f"{account.name} was deactivated since this was shown. Make it anew.")


def since(preview: Preview, scope_orders: OrderQuerySet) -> list[int]:
    """Return row ids of orders in scope that appeared after the freeze; none is ever cancelled."""
    before = {row.order_pk for row in frozen_orders.frozen(preview)}
    return [pk for pk in scope_orders.values_list("pk", flat=True) if pk not in before]


def _desk(user: "Person", actor: Actor, desk_id: int) -> Desk:
    desk = Desk.objects.allowing(user, Right.CANCEL_SCOPE).filter(pk=desk_id).first()
    if desk is None:
        refuse(actor=actor, what=f"preview on desk {desk_id}", said=GONE)
    return desk


def _with_accounts(orders: OrderQuerySet, limits: Limits) -> list[Order]:
    """Read the orders, each with its account and desk: quicker than a join of three tables.

    Raises `CannotAsk` where there are too many: none may be missing when they are split by desk.
    """
    rows = list(orders.only(*FROZEN_FROM)[: limits.orders + 1])
    check_count(len(rows), limits)
    accounts = Account.objects.select_related("desk").in_bulk({row.account_id for row in rows})
    for row in rows:
        row.account = accounts[row.account_id]
    return rows


def _targets_of(orders: list[Order]) -> list[Target]:
    return [
        Target(o.account, o.symbol, kind_of(o), o.order_id, o.client_order_id, o) for o in orders
    ]


def freeze(
    user: "Person",
    desk: Desk,
    targets: list[Target],
    *,
    words: str,
    query: str = "",
    is_everything: bool = False,
    limits: Limits = LIMITS,
) -> Preview:
    """Keep these targets as they are now. Raises `CannotAsk` where they are none or too many."""
    if not targets:
        raise CannotAsk("Nothing matches: no open order is in this scope.")
    check_count(len(targets), limits)
    assert user.pk is not None  # whoever comes here holds a right on the desk
    rows = [frozen_orders.row_of(target) for target in targets]
    text = json.dumps(rows, separators=(",", ":"))
    return Preview.objects.create(
        desk=desk,
        made_by_id=user.pk,
        made_at=timezone.now(),
        scope=words if len(words) <= 200 else f"{words[:199]}…",
        query=query,
        is_everything=is_everything,
        count=len(targets),
        targets=text,
        targets_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def check_count(count: int, limits: Limits = LIMITS) -> None:
    """Raise `CannotAsk` where these are more orders than one act may name."""
    if count > limits.orders:
        raise CannotAsk(f"More than {limits.orders:,} orders: narrow it down, or use Panic.")
