"""Orders: the list one cancels from, and the page that tells an order's life."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.orders import cancel_by_id, cancel_cell
from orders.admin.orders import cancel_selected as orders_cancel_selected
from orders.admin.pictures import life
from orders.admin.shared import filters, order_history, timings, versions
from orders.admin.shared.freshness import book_of
from orders.admin.shared.screens import (
    ReadOnlyPage,
    fragment,
    list_context,
    refusal,
    request_key_of,
    rights_of,
)
from orders.admin.shared.unfold import CustomUrl, action, display
from orders.audit import sentences
from orders.cancels import requests
from orders.models import Account, Order, Right
from orders.models.accounts import AccountQuerySet
from orders.models.lookups import is_row_id
from orders.models.orders import OrderQuerySet
from orders.templatetags.desk import age, visible

MAX_ORDER_ID_DIGITS = 16  # digits of 2^53
MAX_CELLS = 200
STALE_PAGE = "This page is too old to act on: reload it and click again."


@admin.register(Order)
class OrderAdmin(ReadOnlyPage[Order]):
    """Orders of the person's desks, open ones first, each with its Cancel button."""

    list_display = (
        "order_column",
        "account_column",
        "price_column",
        "amount_column",
        "filled_column",
        "age_column",
        "order_id_column",
        "cancel_column",
    )
    list_filter = (
        filters.StateFilter,
        filters.DeskFilter,
        filters.AccountFilter,
        filters.SymbolFilter,
        filters.SideFilter,
        filters.TypeFilter,
        filters.ReduceOnlyFilter,
        filters.LiveCancelFilter,
    )
    sortable_by = ("price_column", "amount_column", "age_column")
    search_fields = ("order_id",)
    search_help_text = "Order id or client order id, whole or its beginning"
    list_select_related = ("account__desk",)
    actions = ("cancel_selected",)
    page_template = "desk/orders/order.html"
    empty_sentence = (
        "No order fits. Take a filter away, choose All, or read the open orders anew with Sync now."
    )

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (
            ("cells/", "orders_order_cells", self.cells_view),
            ("cancel-selected/", "orders_order_cancel_selected", self.confirmed_view),
            ("cancel-by-id/", "orders_order_cancel_by_id", self.by_id_view),
            ("<int:object_id>/cancel/", "orders_order_cancel", self.cancel_view),
        )

    # Columns

    @display(description="Order")
    def order_column(self, order: Order) -> SafeString:
        badges = "" if order.state == "open" else order.order_status or order.get_state_display()
        return format_html(
            '<span class="dk-order"><b>{}</b> <span class="dk-side dk-{}">{}</span> '
            '<span class="dk-muted">{}</span>{}{}{}{}</span>',
            visible(order.symbol),
            order.side if order.side in sentences.SIDES else "plain",
            visible(sentences.SIDES.get(order.side, order.side)),
            visible(sentences.of_type(order.order_type)),
            badge("reduce only") if order.reduce_only else "",
            badge(visible(badges)) if badges else "",
            badge("contradicted") if order.has_contradiction else "",
            badge("not read whole") if order.trouble else "",
        )

    @display(description="Account")
    def account_column(self, order: Order) -> SafeString:
        account = order.account
        return format_html(
            '<span class="dk-nowrap"><span class="dk-muted">{} ·</span> {}</span>',
            visible(account.desk),
            visible(account),
        )

    @display(description="Price", ordering="price_number")
    def price_column(self, order: Order) -> SafeString:
        return format_html('<span class="dk-number">{}</span>', visible(price_of(order)))

    @display(description="Open / initial", ordering="open_amount_number")
    def amount_column(self, order: Order) -> SafeString:
        return format_html(
            '<span class="dk-number">{} <span class="dk-muted">/ {}</span></span>',
            open_amount(order),
            visible(order.initial_amount or "–"),
        )

    @display(description="Filled")
    def filled_column(self, order: Order) -> SafeString:
        if order.amounts_note:
            return format_html('<span class="dk-muted">{}</span>', order.amounts_note)
        return format_html('<span class="dk-number">{}</span>', visible(order.filled_amount or "–"))

    @display(description="Age", ordering="created_at")
    def age_column(self, order: Order) -> str:
        return age(order.created_at)

    @display(description="Order id")
    def order_id_column(self, order: Order) -> SafeString:
        return format_html('<span class="dk-key">{}</span>', order.order_id)

    @display(description="Cancel")
    def cancel_column(self, order: Order) -> SafeString:
        return cancel_cell.html(order)

    # The list

    def complete_rows(self, request: HttpRequest, rows: list[Order]) -> None:
        cancel_cell.complete(request, rows)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        named = Q(client_order_id__istartswith=term)
        if term.isascii() and term.isdigit() and not term.startswith("0"):
            named |= order_id_begins(term)
        return queryset.filter(named), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        context = list_context(response)
        if context is not None:
            context["book"] = book_of(accounts_in_view(request))
        return response

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Whether *Cancel selected* is offered; what is allowed is decided below."""
        return Right.CANCEL in rights_of(request)

    @action(description="Cancel selected…", permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: OrderQuerySet) -> HttpResponse | None:
        return orders_cancel_selected.confirm(self, request, queryset)

    @method_decorator(require_POST)
    def confirmed_view(self, request: HttpRequest) -> HttpResponse:
        self.guard_view(request)
        return orders_cancel_selected.confirmed(self, request)

    def by_id_view(self, request: HttpRequest) -> HttpResponse:
        self.guard_view(request)
        return cancel_by_id.view(self, request)

    # One order

    @method_decorator(require_safe)
    def cells_view(self, request: HttpRequest) -> HttpResponse:
        """The cancel cells of the orders named, for the page's poll."""
        self.guard_view(request)
        if same := versions.unchanged(request):
            return same
        wanted = [pk for pk in request.GET.getlist("order")[:MAX_CELLS] if is_row_id(pk)]
        orders = self.get_queryset(request).filter(pk__in=wanted).select_related("account__desk")
        return versions.versioned(fragment(cancel_cell.fresh(request, list(orders))), request)

    @method_decorator(require_POST)
    def cancel_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        self.guard_view(request)
        key = request_key_of(request)
        if key is None:
            return refusal(STALE_PAGE, status=400)
        sentence = ""
        try:
            asked = requests.cancel_orders(
                user=request.user, actor=actor_of(request), order_ids=[object_id], request_key=key
            )
            sentence = "" if asked.recorded else asked.sentence()
        except NotAllowed as refused:
            if self.get_queryset(request).filter(pk=object_id).exists():
                return refusal("Your role on this desk may not cancel orders.")
            return refusal(str(refused), status=404)
        order = self.get_queryset(request).select_related("account__desk").get(pk=object_id)
        return fragment(cancel_cell.fresh(request, [order], sentence=sentence))

    def facts(self, request: HttpRequest, order: Order) -> dict[str, Any]:
        cancel_cell.complete(request, [order])
        steps = timings.of_order(order)
        return {
            "title": f"{visible(order.symbol)} {visible(order.side)} {order.order_id}",
            "order": order,
            "cell": cancel_cell.html(order),
            "price": price_of(order),
            "open_amount": open_amount(order),
            "type": sentences.of_type(order.order_type),
            "life": order_history.of_order(order, request.user),
            "steps": steps,
            "timeline": life.of_steps(steps),
        }

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Order:
        try:
            orders: OrderQuerySet = self.get_queryset(request)
            return orders.select_related("account__desk").get(pk=object_id)
        except (Order.DoesNotExist, ValueError, OverflowError):
            raise Http404 from None


def order_id_begins(digits: str) -> Q:
    """Order ids that are these digits or begin with them, as ranges an index can serve."""
    found = Q(order_id=int(digits[:19]))
    for longer in range(1, MAX_ORDER_ID_DIGITS - len(digits) + 1):
        first = int(digits) * 10**longer
        found |= Q(order_id__gte=first, order_id__lt=first + 10**longer)
    return found


def accounts_in_view(request: HttpRequest) -> AccountQuerySet:
    """The accounts whose orders the list can show: its account or desk filter, or all visible."""
    accounts = Account.objects.visible_to(request.user).filter(is_active=True)
    for name, column in (("account", "pk"), ("desk", "desk")):
        value = request.GET.get(name, "")
        if is_row_id(value):
            accounts = accounts.filter(**{column: value})
    return accounts


def price_of(order: Order) -> str:
    """The limit price, or at which price a stop without one triggers."""
    price: str = order.price
    if order.stop_price:
        return f"{price} @ {order.stop_price}" if price else f"@ {order.stop_price}"
    return price


def open_amount(order: Order) -> str:
    """What is left to cancel, without the zeros the decimal column pads it with."""
    number = order.open_amount_number
    return "–" if number is None or order.state == "closed" else f"{number.normalize():f}"


def badge(text: str) -> SafeString:
    """A small label beside a name."""
    return format_html('<span class="dk-badge">{}</span>', text)
