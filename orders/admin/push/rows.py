"""The rows of changed orders, drawn once for all pages that show them.

Two hundred open lists would otherwise ask for the same row two hundred times at each change.
"""

from collections.abc import Iterable
from typing import NamedTuple

from django.db.models import Q

from orders.admin.orders import cancel_cell, mark_distance, order_row
from orders.admin.push.changes import Change
from orders.admin.push.limits import Limits
from orders.models import Order


class Row(NamedTuple):
    """An order's row for those who may cancel on its desk, and for those who only look."""

    desk_id: int
    for_acting: str
    for_looking: str


Rows = dict[str, Row]  # by *account id-order id*


def drawn(changes: Iterable[Change], limits: Limits) -> Rows:
    """Return the rows of the orders that changed; none where they are many: pages ask for theirs.

    Three queries.
    """
    names = {name for change in changes for name in change.orders if not name.endswith("-")}
    if not 0 < len(names) <= limits.rows:
        return {}
    orders = list(Order.objects.filter(_named(names)).select_related("account__desk"))
    mark_distance.attach(orders)
    latest = cancel_cell.latest_cancels(orders)
    for order in orders:
        order.cancel_shown = latest.get((order.account_id, order.order_id))
    return {f"{order.account_id}-{order.order_id}": _row(order) for order in orders}


def _named(names: set[str]) -> Q:
    by_account: dict[str, list[str]] = {}
    for name in names:
        account_id, _, order_id = name.partition("-")
        by_account.setdefault(account_id, []).append(order_id)
    found = Q()
    for account_id, order_ids in by_account.items():
        found |= Q(account=account_id, order_id__in=order_ids)
    return found


def _row(order: Order) -> Row:
    order.may_cancel = True
    for_acting = order_row.html(order)
    order.may_cancel = False
    return Row(order.account.desk_id, for_acting, order_row.html(order))
