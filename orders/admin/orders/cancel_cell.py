"""The cell of an order in which it is cancelled, and in which one sees how that goes."""

import uuid

from django.db.models import Q
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from orders.models import Cancel, CancelKind, Desk, Order, Right
from orders.models.cancels import LIVE


def complete(request: HttpRequest, orders: list[Order]) -> None:
    """Attach to orders their latest cancel and whether this person may cancel them: two queries."""
    allowed = set(Desk.objects.allowing(request.user, Right.CANCEL).values_list("pk", flat=True))
    latest = latest_cancels(orders)
    for order in orders:
        order.may_cancel = order.account.desk_id in allowed
        order.cancel_shown = latest.get((order.account_id, order.order_id))


def latest_cancels(orders: list[Order]) -> dict[tuple[int, int | None], Cancel]:
    """The newest cancel of each order that has one, by (account id, order id).

    A cancel asked for by client order id alone names the order only by that.
    """
    by_client_id: dict[tuple[int, str | None], int] = {
        (o.account_id, o.client_order_id.lower()): o.order_id for o in orders if o.client_order_id
    }
    named = Q(order_id__in=[order.order_id for order in orders]) | Q(
        order_id=None, client_order_id__in=[name for _, name in by_client_id]
    )
    cancels = Cancel.objects.filter(named, account__in={order.account_id for order in orders})
    latest: dict[tuple[int, int | None], Cancel] = {}
    for cancel in cancels.exclude(kind=CancelKind.TWAP).order_by("pk"):
        order_id = cancel.order_id or by_client_id.get((cancel.account_id, cancel.client_order_id))
        latest[cancel.account_id, order_id] = cancel
    return latest


def html(order: Order, *, sentence: str = "") -> SafeString:
    """The cell as it stands; ``sentence``: for the person who just clicked."""
    cancel = order.cancel_shown
    is_live = cancel is not None and cancel.status in LIVE
    context = {
        "order": order,
        "cancel": cancel,
        "is_live": is_live,
        "can_ask": order.may_cancel and order.state == "open" and not is_live,
        "request_key": uuid.uuid4(),
        "said": sentence,
    }
    return mark_safe(render_to_string("desk/orders/_cancel_cell.html", context))  # noqa: S308 escaped there


def fresh(request: HttpRequest, orders: list[Order], *, sentence: str = "") -> str:
    """The cells of these orders as they stand now, one after another."""
    complete(request, orders)
    return "".join(html(order, sentence=sentence) for order in orders)
