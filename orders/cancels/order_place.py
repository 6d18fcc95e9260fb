"""Where an order stands that a person names by its id alone: on which of their desks' accounts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orders.lifecycle.targets import CannotAsk
from orders.models import Account, CancelKind, Order, Right

if TYPE_CHECKING:
    from orders.models.desks import Person

UNKNOWN = {  # what is asked for, input by input, where this app knows no such order
    "account": "Choose the account that owns the order: this app knows no order with that id.",
    "symbol": "Write the symbol of the order: this app knows no order with that id.",
}


def place_of(
    *,
    user: "Person",
    account: Account | None,
    kind: str,
    order_id: int | None,
    client_order_id: str | None,
) -> Order | None:
    """Find the order that these words name, on the account given or on any that the person sees.

    None where this app knows none. Raises `CannotAsk` where it is on another account, on several,
    or where the person may not cancel.
    """
    if kind == CancelKind.TWAP:  # it has an id of another row of numbers
        return None
    found = _named(user, order_id, client_order_id)
    here = [order for order in found if account is None or order.account_id == account.pk]
    if found and not here and account is not None:
        raise CannotAsk(f"That order is on {_where(found)}, not on {account}.", field="account")
    if len({order.account_id for order in here}) > 1:
        raise CannotAsk(f"Such orders are on {_where(here)}: choose one.", field="account")
    if here and not _may_cancel(user, here[0]):
        told = f"That order is on {_where(here)}, where you may not cancel."
        raise CannotAsk(told, field="account")
    return here[0] if here else None


def _named(user: "Person", order_id: int | None, client_order_id: str | None) -> list[Order]:
    """Orders that bear the id, of desks that the person sees; of a client order id the open ones.

    A UUID names the same order in any case.
    """
    seen = Order.objects.visible_to(user).select_related("account__desk").order_by("pk")
    if order_id is not None:
        return list(seen.filter(order_id=order_id))
    return list(seen.open().filter(client_order_id__iexact=client_order_id))


def _where(orders: Sequence[Order]) -> str:
    names = {f"{order.account} of {order.account.desk}": None for order in orders}
    return " and ".join(names)


def _may_cancel(user: "Person", order: Order) -> bool:
    return Account.objects.filter(pk=order.account_id).allowing(user, Right.CANCEL).exists()
