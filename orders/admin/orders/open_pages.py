"""What an open page of orders is told of them: rows that changed, new orders, an order's facts.

A page names the version that it shows. It is sent what the log names since, or 204 where that is
nothing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from orders.admin.orders import mark_distance, order_row
from orders.admin.shared import filter_text, versions
from orders.admin.shared.screens import fragment
from orders.models import AuditRecordOrder, Order
from orders.models.lookups import is_row_id, number
from orders.models.orders import OrderQuerySet

if TYPE_CHECKING:
    from orders.admin.orders.order_pages import OrderAdmin

MAX_ROWS = 200
MOST_NEW = 1_000  # that are counted


def rows(screen: "OrderAdmin", request: HttpRequest) -> HttpResponse:
    """The rows of the orders named; of a page with a version those that the log names since."""
    if same := versions.unchanged(request):
        return same
    orders = named(screen, request).select_related("account__desk")
    found = changed(list(orders), versions.shown(request))
    if not found:
        return versions.nothing(request)
    order_row.complete(request, found)
    html = "".join(order_row.html(order) for order in found)
    return versions.versioned(fragment(html), request)


def named(screen: "OrderAdmin", request: HttpRequest) -> OrderQuerySet:
    """The orders that a request names, as far as this person may see them."""
    wanted = [pk for pk in request.GET.getlist("order")[:MAX_ROWS] if is_row_id(pk)]
    orders: OrderQuerySet = screen.get_queryset(request).filter(pk__in=wanted)
    return orders


def marks(screen: "OrderAdmin", request: HttpRequest) -> HttpResponse:
    """The distances of the orders named from the marks."""
    return mark_distance.fresh(request, list(named(screen, request)))


def changed(orders: Sequence[Order], since: int | None) -> list[Order]:
    """Those of the orders that a record past this position names; all where there is none.

    One query.
    """
    if since is None or not orders:
        return list(orders)
    names = {order.client_order_id for order in orders if order.client_order_id}
    named = Q(order_id__in=[order.order_id for order in orders]) | Q(
        order_id=None, client_order_id__in=names | {name.lower() for name in names}
    )
    lines = AuditRecordOrder.objects.filter(named, record_id__gt=since).order_by().distinct()
    told = set(lines.values_list("account_id", "order_id", "client_order_id"))
    by_id = {(account_id, order_id) for account_id, order_id, _ in told if order_id is not None}
    by_name = {(account_id, (name or "").lower()) for account_id, pk, name in told if pk is None}
    return [
        order
        for order in orders
        if (order.account_id, order.order_id) in by_id
        or (order.account_id, (order.client_order_id or "").lower()) in by_name
    ]


def new_orders(screen: "OrderAdmin", request: HttpRequest) -> HttpResponse:
    """The line that counts the orders of the list's filter that came after its newest one."""
    said = request.headers.get(versions.VERSION, "").partition(".")[2] or "0"
    if versions.shown(request) == versions.position_of(request):
        return versions.nothing(request, said)
    after, query = number(request.GET.get("after", "")), request.GET.get("list", "")
    try:
        orders = filter_text.orders_of(screen, request, query).filter(pk__gt=after or 0)
    except IncorrectLookupParameters:
        return HttpResponse(status=400)
    count = 0 if after is None else len(orders.order_by().values_list("pk")[: MOST_NEW + 1])
    if str(count) == said:
        return versions.nothing(request, said)
    html = render_to_string("desk/orders/_new_orders.html", new_line(query, after, count), request)
    return versions.versioned(fragment(html), request, count)


def new_line(query: str, after: int | None, count: int = 0) -> dict[str, Any]:
    """What the line's template is given. ``query``: the list's; ``after``: its newest order."""
    return {
        "new_count": min(count, MOST_NEW),
        "is_more": count > MOST_NEW,
        "new_after": after,
        "query": query,
    }


def newest() -> int:
    """The row id of the order that the desk learnt of last, 0 where it knows none."""
    return Order.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def facts(screen: "OrderAdmin", request: HttpRequest, order: Order) -> HttpResponse:
    """The facts and the life of one order, for its page."""
    if same := versions.unchanged(request):
        return same
    if not changed([order], versions.shown(request)):
        return versions.nothing(request)
    told = screen.facts(request, order) | {"is_apart": True}
    html = render_to_string("desk/orders/_order_facts.html", told, request)
    return versions.versioned(fragment(html), request)
