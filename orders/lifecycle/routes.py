"""Which cancel route takes an order, and the other one where the first does not find it.

Stops and orders have a route each, and a type's name may mislead. Only a cancel by order id is
tried by the other: whatever it meets there, it is the order that was meant. Each try is an attempt
of its own, bounded as all fresh attempts are.
"""

from dataclasses import replace

from orders.lifecycle.deliveries import AnyCancel, ClaimedCancel
from orders.lifecycle.interpret import Conclusion
from orders.models import Cancel, CancelKind, CancelStatus, Order, order_kinds
from orders.pacifica.rows import OpenOrder, TwapOrder

OTHER = {
    CancelKind.ORDER.value: CancelKind.STOP.value,
    CancelKind.STOP.value: CancelKind.ORDER.value,
}


def kind_of(order: Order | OpenOrder) -> CancelKind:
    """Say which route cancels an order: stops have one of their own.

    ``order``: an `Order` that we know, or its row among the open orders.
    """
    is_stop = order_kinds.is_stop(order.order_type, order.stop_price)
    return CancelKind.STOP if is_stop else CancelKind.ORDER


def at_once(
    pairs: list[tuple[ClaimedCancel, Conclusion]],
) -> list[tuple[ClaimedCancel, Conclusion]]:
    """(cancel, conclusion) pairs, in which a doubtful order that was not found is sent again.

    Doubtful is what we never saw, or whose type does not say for certain which route takes it.
    """
    missed = {cancel.pk: cancel for cancel, end in pairs if end.is_not_found and _is_first(cancel)}
    if not missed:
        return pairs
    pks = {cancel.known_order_id for cancel in missed.values()} - {None}
    known = Order.objects.in_bulk(pks) if pks else {}
    return [
        (cancel, _by_other(cancel, end))
        if cancel.pk in missed and _is_doubtful(cancel, known.get(cancel.known_order_id))
        else (cancel, end)
        for cancel, end in pairs
    ]


def is_due(cancel: Cancel, row: OpenOrder | TwapOrder) -> bool:
    """Whether an open order that was not found is tried by the other route without waiting.

    A TWAP has no other route.
    """
    if isinstance(row, TwapOrder) or not _was_not_found(cancel):
        return False
    return cancel.repeats == 0 and _is_doubtful(cancel, row)


def next_kind(cancel: Cancel, row: OpenOrder | TwapOrder) -> str:
    """Whose route a fresh attempt at this open order takes; nothing where it is the same."""
    if isinstance(row, TwapOrder) or cancel.kind not in OTHER:
        return ""
    wanted = OTHER[cancel.kind] if _was_not_found(cancel) else kind_of(row).value
    return wanted if wanted != cancel.kind else ""


def _is_first(cancel: ClaimedCancel) -> bool:
    """Whether it is the first attempt at an order that is named by its id."""
    is_named = cancel.order_id is not None and cancel.kind in OTHER
    return is_named and cancel.attempt == 1 and not cancel.has_unanswered


def _is_doubtful(cancel: AnyCancel, order: Order | OpenOrder | None) -> bool:
    """Whether the type does not say for certain which route takes the order.

    ``order``: as we know it, or its row among the open orders; None where we never saw it.
    """
    if order is None or kind_of(order) != cancel.kind:
        return True
    return not order_kinds.is_certain(order.order_type, order.stop_price)


def _was_not_found(cancel: Cancel) -> bool:
    """Whether the exchange's last word was that the route asked knows no such order."""
    is_asked = cancel.status == CancelStatus.SETTLING and cancel.answered_at is not None
    return is_asked and cancel.kind in OTHER and not (cancel.was_refused or cancel.was_taken)


def _by_other(cancel: ClaimedCancel, end: Conclusion) -> Conclusion:
    kind = OTHER[cancel.kind]
    asked, other = (CancelKind(one).label.lower() for one in (cancel.kind, kind))
    said = f"{end.explanation.partition(' Its history')[0]} Not found as {asked}: sent as {other}."
    return replace(
        end,
        status=CancelStatus.QUEUED,
        kind=kind,
        explanation=said[:400],
        next_check_at=None,
        is_not_found=False,
    )
