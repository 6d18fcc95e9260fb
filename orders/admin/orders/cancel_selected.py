"""Cancel selected: what is about to be cancelled, a reason, and one POST that asks for it.

More than a few orders, or all that match the filter, are frozen into a preview instead.
"""

import uuid
from collections import Counter
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.db.models import Min
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.shared import fields, filter_text
from orders.admin.shared.freshness import book_of
from orders.admin.shared.job_links import ORDERS, told
from orders.admin.shared.screens import request_key_of
from orders.cancels import requests
from orders.cancels.bulk import previews
from orders.models import Account, Desk, Order, Right
from orders.models.orders import OrderQuerySet

if TYPE_CHECKING:
    from orders.admin.orders.order_pages import OrderAdmin


SHOWN = 200
WHY_LEFT_OUT = "no longer open, on a deactivated account, or not yours to cancel"
NOTHING = "None of the selected orders is open and yours to cancel."


def confirm(
    screen: "OrderAdmin", request: HttpRequest, queryset: OrderQuerySet
) -> HttpResponse | None:
    """Say what will be cancelled and ask for nothing yet; many orders are frozen in a preview."""
    desks = Desk.objects.allowing(request.user, Right.CANCEL)
    mine = queryset.filter(account__desk__in=desks)
    orders = mine.open()
    is_all = request.POST.get("select_across") == "1"
    if is_all or orders.count() > _most(orders):
        return _frozen(screen, request, orders, is_all=is_all, chosen=queryset.count())
    rows = list(orders.select_related("account__desk"))
    if not rows:
        messages.warning(request, NOTHING)
        return None
    foreign, closed = queryset.count() - mine.count(), mine.count() - len(rows)
    return _page(screen, request, rows, foreign=foreign, closed=closed)


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
        orders=orders[:SHOWN],
        count=len(orders),
        ids=",".join(str(order.pk) for order in orders),
        needs_reason=any(order.account.desk.needs_reason for order in orders),
        breakdown=breakdown(orders),
        reduce_only=sum(bool(order.reduce_only) for order in orders),
        stops=sum(order.is_stop for order in orders),
        book=book_of(accounts),
        request_key=request_key or uuid.uuid4(),
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
    ids = fields.ids_of(request)
    named = screen.get_queryset(request).filter(pk__in=ids[: settings.URGENT_UP_TO])
    if key is None or not ids or len(ids) > _most(named):
        messages.error(request, "This page is too old to act on: select the orders again.")
        return redirect(ORDERS)
    try:
        asked = requests.cancel_orders(
            user=request.user,
            actor=actor_of(request),
            order_ids=ids,
            reason=fields.reason_of(request),
            request_key=key,
            is_click=False,
        )
    except requests.CannotAsk as wrong:
        orders = list(
            screen.get_queryset(request).filter(pk__in=ids).select_related("account__desk").open()
        )
        return _page(screen, request, orders, request_key=key, status=422, error=str(wrong))
    except NotAllowed as refused:
        messages.error(request, str(refused))
        return redirect(ORDERS)
    return told(request, asked)
