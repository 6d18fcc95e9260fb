"""What an operator may ask: cancel these orders, cancel this id."""

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from orders.access.denials import refuse
from orders.audit.log import Actor
from orders.cancels.intake import CancelReceipt, asked_before, record_request
from orders.lifecycle.routes import kind_of
from orders.lifecycle.targets import (
    CannotAsk,
    Target,
    check_reason,
    named_target,
    open_targets,
    target_of,
    unusual,
)
from orders.models import Account, CancelKind, Desk, Order, Right
from orders.models.desks import is_active_person
from orders.models.lookups import MAX_ROW_ID
from orders.models.prepared import Prepared

if TYPE_CHECKING:
    from orders.models.desks import Person


__all__ = [
    "CancelReceipt",
    "CannotAsk",
    "Target",
    "kind_of",
    "named_target",
    "target_of",
]  # whoever asks needs these too


NOTHING_HERE = "There is no such order among your desks' orders."
NO_ACCOUNT = "There is no such account among your desks' accounts."


def cancel_orders(
    *,
    user: "Person",
    actor: Actor,
    order_ids: list[int],
    reason: str = "",
    request_key: UUID | None = None,
    is_click: bool = True,
) -> CancelReceipt:
    """Ask to cancel known orders, given by our row ids; one job a desk.

    Rows the person may not touch are left out as if they did not exist. Raises `NotAllowed` where
    none is left, after recording the refusal. What is no single click needs the reason that a desk
    asks for: raises `CannotAsk` without it.
    """
    orders = _one(user, order_ids[0]) if len(order_ids) == 1 else _several(user, order_ids)
    if not orders:
        refuse(actor=actor, what=f"cancel {len(order_ids)} orders", said=NOTHING_HERE)
    if not is_click:
        desks = {order.account.desk for order in orders}
        if before := asked_before(actor, desks, request_key):
            return before
        check_reason(desks, reason)
    targets, skipped = open_targets(orders)
    return record_request(actor, targets, skipped=skipped, reason=reason, request_key=request_key)


def _one(user: "Person", pk: int) -> list[Order]:
    """Return the order if the person may cancel it. Nobody may who does not see it."""
    if not is_active_person(user) or pk > MAX_ROW_ID:
        return []
    return _cancellable(pk=pk, user_id=user.pk)


_cancellable = Prepared(
    lambda pk, user_id: (
        Order.objects.held_by(user_id, Right.CANCEL).filter(pk=pk).select_related("account__desk")
    ),
    pk=(1, 2),
    user_id=(3, 4),
)


def _several(user: "Person", pks: list[int]) -> list[Order]:
    """Return those that the person sees, the oldest first; none if one of them may not be."""
    seen = Order.objects.filter(pk__in=pks).visible_to(user).select_related("account__desk")
    orders = list(seen.order_by("created_at", "pk"))
    allowed = set(Desk.objects.allowing(user, Right.CANCEL).values_list("pk", flat=True))
    return orders if all(order.account.desk_id in allowed for order in orders) else []


def cancel_by_id(
    *,
    user: "Person",
    actor: Actor,
    account_id: int,
    symbol: str,
    kind: str = CancelKind.ORDER,
    order_id: int | None = None,
    client_order_id: str | None = None,
    reason: str = "",
    request_key: UUID | None = None,
) -> CancelReceipt:
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
    *,
    user: "Person",
    actor: Actor,
    account_id: int,
    symbol: str,
    kind: str,
    ids: list[tuple[int | None, str | None]],
    reason: str = "",
    request_key: UUID | None = None,
    urgent_up_to: int | None = None,
) -> CancelReceipt:
    """Ask to cancel orders of one account and symbol in one act; all of them or none.

    ``ids``: (order id, client order id) pairs, one of each pair None. ``urgent_up_to``: as in
    `record_request`. Raises as `cancel_by_id`.
    """
    allowed = Account.objects.filter(pk=account_id).allowing(user, Right.CANCEL)
    account = allowed.select_related("desk").first()
    if account is None:
        refuse(actor=actor, what=f"cancel an order of account {account_id}", said=NO_ACCOUNT)
    targets = [
        named_target(
            account=account,
            symbol=symbol,
            kind=kind,
            order_id=order_id,
            client_order_id=client_order_id,
        )
        for order_id, client_order_id in ids
    ]
    receipt = record_request(
        actor, targets, reason=reason, request_key=request_key, urgent_up_to=urgent_up_to
    )
    return replace(receipt, notes=tuple(filter(None, map(unusual, targets))))
