"""Cancel selected: what is about to be cancelled, a reason, and one POST that asks for it."""

import uuid
from collections import Counter

from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from orders import cancels
from orders.admin.base import request_key_of
from orders.admin.books import book_of
from orders.logins import actor_of
from orders.models import Account, Desk, OrderState, Right
from orders.rights import NotAllowed
from orders.templatetags.desk import visible

MOST_ORDERS = 5_000
SHOWN = 200
LIST = "admin:orders_order_changelist"


def confirm(screen, request, queryset):
    """The page that says exactly what will be cancelled; nothing is asked for yet."""
    chosen = list(queryset.select_related("account__desk")[: MOST_ORDERS + 1])
    if len(chosen) > MOST_ORDERS:
        messages.warning(request, f"Select at most {MOST_ORDERS} orders at a time.")
        return None
    desks = Desk.objects.allowing(request.user, Right.CANCEL)
    allowed = set(desks.values_list("pk", flat=True))
    mine = [order for order in chosen if order.account.desk_id in allowed]
    orders = [order for order in mine if order.state == OrderState.OPEN]
    if not orders:
        messages.warning(request, "None of the selected orders is open and yours to cancel.")
        return None
    accounts = Account.objects.filter(pk__in={order.account_id for order in orders})
    return screen.page(
        request,
        "desk/confirm_cancel.html",
        title="Cancel selected orders",
        orders=orders[:SHOWN],
        count=len(orders),
        ids=",".join(str(order.pk) for order in orders),
        foreign=len(chosen) - len(mine),
        closed=len(mine) - len(orders),
        breakdown=breakdown(orders),
        reduce_only=sum(order.reduce_only for order in orders),
        stops=sum(order.is_stop for order in orders),
        book=book_of(accounts),
        request_key=uuid.uuid4(),
    )


def breakdown(orders):
    """How many orders for each account, symbol and side, the most first."""
    counts = Counter((order.account.name, order.symbol, order.side) for order in orders)
    return counts.most_common()


def confirmed(screen, request):
    """Ask for what was confirmed. The same POST again finds the job it made before."""
    key = request_key_of(request)
    ids = [int(one) for one in request.POST.get("ids", "").split(",") if one.isdecimal()]
    if key is None or not ids or len(ids) > MOST_ORDERS:
        messages.error(request, "This page is too old to act on: select the orders again.")
        return redirect(LIST)
    try:
        asked = cancels.cancel_orders(
            user=request.user,
            actor=actor_of(request),
            order_ids=ids,
            reason=request.POST.get("reason", "")[:300],
            request_key=key,
        )
    except NotAllowed as refused:
        messages.error(request, str(refused))
        return redirect(LIST)
    return told(request, asked)


def told(request, asked):
    """Say what became of an instruction, and go to its job where there is one."""
    level = messages.SUCCESS if asked.recorded else messages.WARNING
    links = format_html_join(
        " ", '<a class="dk-link" href="{}">{}</a>', ((job_url(job), str(job)) for job in asked.jobs)
    )
    messages.add_message(request, level, format_html("{} {}", visible(asked.sentence()), links))
    if len(asked.jobs) == 1:
        return redirect(job_url(asked.jobs[0]))
    return redirect("admin:orders_canceljob_changelist" if asked.jobs else LIST)


def job_url(job):
    """The page of a job."""
    return reverse("admin:orders_canceljob_change", args=[job.pk])
