"""Cancel selected: what is about to be cancelled, a reason, and one POST that asks for it.

More than a few orders, or all that match the filter, are frozen into a preview instead.
"""

import uuid
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Min
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.orders import few_orders
from orders.admin.shared import fields, filter_text
from orders.admin.shared.freshness import book_of
from orders.admin.shared.job_links import ORDERS, told
from orders.admin.shared.screens import key_of_act, request_key_of
from orders.cancels import requests
from orders.cancels.bulk import previews
from orders.models import Account, Desk, Order, Right
from orders.models.orders import OrderQuerySet

if TYPE_CHECKING:
    from orders.admin.orders.order_pages import OrderAdmin


HERE = "admin:orders_order_cancel_selected"
SHOWN = 200
WHY_LEFT_OUT = "no longer open, on a deactivated account, or not yours to cancel"
NOTHING = "None of the selected orders is open and yours to cancel."


def confirm(
    screen: "OrderAdmin", request: HttpRequest, queryset: OrderQuerySet
) -> HttpResponse | None:
    """Ask for nothing yet: many orders are frozen in a preview, a few have a page that names them.

    The page's address names them too, so that one comes back to it from wherever one was led.
    """
    orders = _mine(request, queryset).open()
    is_all = request.POST.get("select_across") == "1"
    if is_all or orders.count() > _most(orders):
        return _frozen(screen, request, orders, is_all=is_all, chosen=queryset.count())
    if not orders.exists():
        messages.warning(request, NOTHING)
        return None
    ids = ",".join(str(pk) for pk in queryset.values_list("pk", flat=True))
    named = urlencode({"ids": ids, "list": request.GET.urlencode()}, safe=",")
    return redirect(f"{reverse(HERE)}?{named}")


def _mine(request: HttpRequest, orders: OrderQuerySet) -> OrderQuerySet:
    desks = Desk.objects.allowing(request.user, Right.CANCEL)
    return orders.filter(account__desk__in=desks)


def shown(screen: "OrderAdmin", request: HttpRequest) -> HttpResponse:
    """Say what will be cancelled of the orders that the address names."""
    if not screen.has_cancel_permission(request):
        raise PermissionDenied
    chosen = screen.get_queryset(request).filter(pk__in=fields.ids_of(request.GET)[:SHOWN])
    mine = _mine(request, chosen)
    rows = list(mine.open().select_related("account__desk"))
    if not rows:
        messages.warning(request, NOTHING)
        return _to_list(request.GET)
    foreign, closed = chosen.count() - mine.count(), mine.count() - len(rows)
    return _page(screen, request, rows, foreign=foreign, closed=closed)


def _to_list(data: QueryDict) -> HttpResponse:
    """The list as it was chosen from: its filter, sorting and page."""
    return redirect(f"{reverse(ORDERS)}?{QueryDict(data.get('list', '')).urlencode()}")


def _most(orders: OrderQuerySet) -> int:
    """How many of these orders, at most, are confirmed without a preview and anything typed."""
    of_desks = orders.aggregate(least=Min("account__desk__confirm_above"))["least"]
    return settings.URGENT_UP_TO if of_desks is None else min(settings.URGENT_UP_TO, of_desks)


def _frozen(
    screen: "OrderAdmin", request: HttpRequest, orders: OrderQuerySet, *, is_all: bool, chosen: int
) -> HttpResponse | None:
    """Freeze exactly the rows ticked, or exactly those the filter shows, and go to the preview."""
    words, query, is_everything = "", "", False
    if is_all:
        query = filter_text.text_of(request)
        words, is_everything = filter_text.in_words(screen, request, query)
    try:
        made = previews.of_orders(
            user=request.user,
            actor=actor_of(request),
            orders=orders,
            words=words,
            query=query,
            is_everything=is_everything,
        )
    except (requests.CannotAsk, NotAllowed) as wrong:
        messages.warning(request, str(wrong))
        return None
    if left_out := chosen - sum(preview.count for preview in made):
        messages.warning(request, f"{left_out} left out: {WHY_LEFT_OUT}.")
    if len(made) == 1:
        return redirect("admin:orders_preview_change", made[0].pk)
    return screen.page(
        request, "desk/orders/preview_per_desk.html", title="One preview a desk", previews=made
    )


def _page(
    screen: "OrderAdmin",
    request: HttpRequest,
    orders: list[Order],
    *,
    request_key: uuid.UUID | None = None,
    status: int = 200,
    **more: int | str,
) -> TemplateResponse:
    accounts = Account.objects.filter(pk__in={order.account_id for order in orders})
    return screen.page(
        request,
        "desk/orders/confirm_selected.html",
        title="Cancel selected orders",
        few=few_orders.of_orders(orders) if len(orders) <= few_orders.MOST else [],
        orders=few_orders.of_orders(orders[:SHOWN]),
        count=len(orders),
        ids=",".join(str(order.pk) for order in orders),
        needs_reason=any(order.account.desk.needs_reason for order in orders),
        breakdown=breakdown(orders),
        reduce_only=sum(bool(order.reduce_only) for order in orders),
        stops=sum(order.is_stop for order in orders),
        book=book_of(accounts),
        request_key=request_key or uuid.uuid4(),
        list=(request.POST or request.GET).get("list", ""),
        status=status,
        **more,
    )


def breakdown(orders: list[Order]) -> list[tuple[tuple[str, str, str], int]]:
    """How many orders for each account, symbol and side, the most first."""
    counts = Counter(
        (order.account.name, order.symbol, order.side or "side unknown") for order in orders
    )
    return counts.most_common()


def confirmed(screen: "OrderAdmin", request: HttpRequest) -> HttpResponse:
    """Ask for what was confirmed. The same POST again finds the job it made before."""
    key = request_key_of(request)
    ids = fields.ids_of(request.POST)
    named = screen.get_queryset(request).filter(pk__in=ids[: settings.URGENT_UP_TO])
    if key is None or not ids or len(ids) > _most(named):
        messages.error(request, "This page is too old to act on: select the orders again.")
        return _to_list(request.POST)
    try:
        asked = requests.cancel_orders(
            user=request.user,
            actor=actor_of(request),
            order_ids=ids,
            reason=fields.reason_of(request),
            request_key=key_of_act(request, *sorted(set(ids))),
            is_click=False,
        )
    except requests.CannotAsk as wrong:
        orders = list(
            screen.get_queryset(request).filter(pk__in=ids).select_related("account__desk").open()
        )
        return _page(screen, request, orders, request_key=key, status=422, error=str(wrong))
    except NotAllowed as refused:
        messages.error(request, str(refused))
        return _to_list(request.POST)
    return told(request, asked)
