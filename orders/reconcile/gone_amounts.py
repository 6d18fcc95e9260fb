"""Amounts of orders whose cancels the open orders alone showed to be gone, once they are told."""

from orders.lifecycle.order_closure import Closure
from orders.models import Account, Cancel, CancelStatus, Order, Proof

AT_ONCE = 200  # rows of one statement


def fill(*, account: Account, closed: list[tuple[Order, Closure]]) -> None:
    """Write what traded of orders that were gone by the book alone into their cancels, once told.

    ``closed``: the (order, end) pairs of a sync, whose record shows them.
    """
    told = {order.order_id: ending for order, ending in closed}
    gone = _gone_untold(account, set(told)) if told else []
    for cancel in gone:
        ending = told.get(cancel.order_id) if cancel.order_id is not None else None
        if ending is not None and ending.filled_amount and ending.cancelled_amount:
            cancel.filled_amount = ending.filled_amount
            cancel.cancelled_amount = ending.cancelled_amount
    Cancel.objects.bulk_update(gone, ["filled_amount", "cancelled_amount"], batch_size=AT_ONCE)


def _gone_untold(account: Account, order_ids: set[int]) -> list[Cancel]:
    """Cancels that the book alone showed to be gone, with no amounts yet; locked.

    None of them is live: who concludes a live one locks its order after it.
    """
    named = Cancel.objects.filter(order_id__any=order_ids).order_by()
    rows = named.values_list("pk", "account_id", "status", "proof", "filled_amount")
    wanted = (account.pk, CancelStatus.GONE.value, Proof.BOOK.value, "")
    pks = {pk for pk, *row in rows if tuple(row) == wanted}
    gone = Cancel.objects.filter(pk__any=pks, status=CancelStatus.GONE).order_by("pk")
    return list(gone.select_for_update(no_key=True)) if pks else []
