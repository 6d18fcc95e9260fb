"""A list's filter as a thing to keep: its orders now or later, and what it says in words."""

import copy
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest, QueryDict

from orders.admin.shared.filters import Choice, StateFilter
from orders.admin.shared.rows import FILTER_ALONE
from orders.models import Order, OrderState
from orders.models.orders import OrderQuerySet

NOT_A_FILTER = ("p", "o", StateFilter.SINCE)  # page and sorting choose no rows
IN_ANY_CASE = (OrderState.OPEN.value, StateFilter.EVERY)  # only open orders are ever cancelled


def text_of(request: HttpRequest) -> str:
    """The filter in the address line of a list, as text; never empty."""
    kept = [(name, value) for name, value in request.GET.items() if name not in NOT_A_FILTER]
    return urlencode(sorted(kept)) or "state=open"


def orders_of(screen: "admin.ModelAdmin[Order]", request: HttpRequest, text: str) -> OrderQuerySet:
    """The rows that this person's list shows under a filter, all pages of it."""
    orders: OrderQuerySet = _list(screen, request, text).queryset
    return orders


def in_words(
    screen: "admin.ModelAdmin[Order]", request: HttpRequest, text: str
) -> tuple[str, bool]:
    """*every open order with symbol BTC, side Bid*, and whether it is all of a desk's."""
    shown = _list(screen, request, text)
    parts = {"q": f"id {shown.query}"} if shown.query else {}
    for spec in shown.filter_specs:
        if not isinstance(spec, Choice):
            continue  # never: an order's filters all are
        value = spec.value()
        if value and value not in IN_ANY_CASE:
            label = dict(spec.lookup_choices).get(value, value)
            parts[spec.parameter_name] = f"{spec.title} {label}"
    words = f" with {', '.join(parts.values())}" if parts else ""
    return f"every open order{words}", not set(parts) - {"desk"}


def _list(screen: "admin.ModelAdmin[Order]", request: HttpRequest, text: str) -> ChangeList:
    shown = copy.copy(request)
    shown.GET = QueryDict(text)
    setattr(shown, FILTER_ALONE, True)
    return screen.get_changelist_instance(shown)
