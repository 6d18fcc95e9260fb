"""What is said of an order where the exchange told half of it: that half, and what was not read."""

from orders.lifecycle.interpret import Conclusion
from orders.models import Cancel, CancelStatus, Proof
from orders.reconcile.order_pasts import OrderPast

ENDED = {"cancelled": "was cancelled", "rejected": "was rejected", "completed": "was completed"}


def edited(last: OrderPast) -> str:
    """Say what became of an order that was edited before our cancel could act.

    ``last``: what came in its place.
    """
    said = f"Edited before our cancel could act: replaced by order {last.order_id}, which"
    if last.ending is not None:
        return f"{said} {ENDED.get(last.ending.status, last.ending.status)}."
    if last.is_in_doubt:
        return f"{said} the exchange calls {last.status}."
    return f"Edited before our cancel could act: it lives on as order {last.order_id}."


def replaced_or_cancelled(past: OrderPast, made: OrderPast) -> str:
    """Say that it was cancelled, and that an edit may have put another order in its place.

    ``made``: what that edit made, of this order, or of another that closed at the same moment.
    """
    if past.name and past.name == made.name:
        is_open = "is open" if made.ending is None and not made.is_in_doubt else "is not open now"
        return (
            f"Cancelled, by our request or by an edit: order {made.order_id} of the same client "
            f"order id was made within a second, by that edit or anew. It {is_open}."
        )
    return (
        "Cancelled, by our request or by an edit: other orders closed at the same moment, and "
        f"order {made.order_id} came in the place of this one or of one of those."
    )


def maybe_edited(why: str) -> str:
    """Say that it was cancelled, and that the pages that would show an edit were not read.

    What such an edit made is not open: the open orders would show it.
    """
    said = "Cancelled, by our request or by an edit that put another order in its place, which has"
    return f"{said} closed since: its history could not be read far enough ({why})."[:400]


def whose(past: OrderPast, why: str) -> Conclusion:
    """Conclude about an order that is not open here and may be another account's."""
    unread = f"Whether it is this account's could not be told: {why}. Check account and id."
    if past.ending is None:
        said = "No open order of this account has this id, though one of this id is open."
        return _by_book(CancelStatus.NOT_FOUND, f"{said} {unread}")
    said = f"Not open: the order of this id has ended ({past.ending.status})."
    return _by_book(CancelStatus.GONE, f"{said} {unread}")


def by_the_book(cancel: Cancel, is_ours: bool, why: str) -> Conclusion:
    """Conclude about an order of which only the open orders tell, by not listing it."""
    unread = f"its history could not be read ({why})"
    if cancel.order_id and is_ours:
        said = f"No longer open. How it closed is not known: {unread}."
        return _by_book(CancelStatus.GONE, said)
    name = "id" if cancel.order_id else "client order id"
    return _by_book(CancelStatus.NOT_FOUND, f"No open order has this {name}; {unread}.")


def _by_book(status: CancelStatus, said: str) -> Conclusion:
    return Conclusion(status, Proof.BOOK, said[:400])
