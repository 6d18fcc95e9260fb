"""Orders: the list one cancels from, and the page that tells an order's life."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Case, DecimalField, F, Q, QuerySet, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.orders import cancel_by_id, cancel_cell, mark_distance, open_pages, order_row
from orders.admin.orders import cancel_selected as orders_cancel_selected
from orders.admin.pictures import life
from orders.admin.shared import filters, order_history, saved_views, timings, versions
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
from orders.models.newest import Parts
from orders.models.orders import OrderQuerySet, OrderState
from orders.templatetags.desk import visible

MAX_ORDER_ID_DIGITS = 16  # digits of 2^53
MAX_UUID_DIGITS = 8  # that a client order id begins with, before its first dash
MAX_FOUND = 500
LED_TO = {"state", "desk", "account"}  # filters by which an index leads to orders by age
MAX_CELLS = 200
STALE_PAGE = "This page is too old to act on: reload it and click again."


#: What is left of an order, in USD, as far as its price is a number.
WORTH = F("open_amount_number") * F("price_number")
#: How much has traded, of the text in which the exchange says it.
FILLED = Case(
    When(
        filled_amount__regex=r"^[0-9]+([.][0-9]+)?$",
        then=Cast("filled_amount", DecimalField(max_digits=38, decimal_places=12)),
    )
)


Sorting = str | Combinable | Callable[[], Combinable]


def _column(
    draw: Callable[[Order], str], title: str, ordering: Sorting = ""
) -> Callable[["OrderAdmin", Order], str]:
    """A column of the list whose cells a function of `order_row` draws."""

    @display(description=title, ordering=ordering)
    def column(screen: "OrderAdmin", order: Order) -> str:
        return draw(order)

    return column


@admin.register(Order)
class OrderAdmin(ReadOnlyPage[Order]):
    """Orders of the person's desks, open ones first, each with its Cancel button."""

    list_display = (
        "symbol_column",
        "side_column",
        "account_column",
        "price_column",
        "away_column",
        "open_column",
        "worth_column",
        "filled_column",
        "age_column",
        "id_column",
        "cancel_column",
    )
    list_per_page = 80  # so that a page of refusals, each with its sentence, has 120 KB at most
    column_css = {f"{css.removeprefix('c-')}_column": css for css in order_row.CELLS}
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
    sortable_by = list_display[:-2]
    largest_first = ("price_column", "open_column", "worth_column", "filled_column")
    search_fields = ("order_id",)
    search_help_text = "Order id or client order id, whole or its beginning"
    list_select_related = ("account__desk",)
    actions = ("cancel_selected",)
    page_template = "desk/orders/order.html"
    change_list_template = "desk/orders/order_list.html"
    empty_sentence = (
        "No order fits. Take a filter away, choose All, or read the open orders anew with Sync now."
    )
    none_fits_sentence = empty_sentence

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (
            ("cells/", "orders_order_cells", self.cells_view),
            ("rows/", "orders_order_rows", self.rows_view),
            ("marks/", "orders_order_marks", self.marks_view),
            ("new/", "orders_order_new", self.new_view),
            ("cancel-selected/", "orders_order_cancel_selected", self.selected_view),
            ("cancel-by-id/", "orders_order_cancel_by_id", self.by_id_view),
            ("<int:object_id>/cancel/", "orders_order_cancel", self.cancel_view),
            ("<int:object_id>/facts/", "orders_order_facts", self.facts_view),
        )

    # Columns

    symbol_column = _column(order_row.symbol, "Symbol", "symbol")
    side_column = _column(order_row.side, "Side", "side")
    account_column = _column(order_row.account, "Account", "account__name")
    price_column = _column(order_row.price, "Price", "price_number")
    away_column = _column(mark_distance.text, "Away", mark_distance.in_sql)
    open_column = _column(order_row.open_amount, "Open", "open_amount_number")
    worth_column = _column(order_row.worth, "Notional", WORTH)
    filled_column = _column(order_row.filled, "Filled", FILLED)
    age_column = _column(order_row.age, "Age", "-created_at")
    id_column = _column(order_row.order_id, "Order id")
    cancel_column = _column(cancel_cell.html, "Cancel")

    def row_html(self, row: Order, *, has_box: bool) -> SafeString:
        return order_row.html(row, has_box=has_box)

    # The list

    def complete_rows(self, request: HttpRequest, rows: list[Order]) -> None:
        order_row.complete(request, rows)

    def head_note(self, column: str, rows: list[Order]) -> tuple[str, str]:
        if column != "away_column":
            return super().head_note(column, rows)
        return mark_distance.WHAT, mark_distance.age(rows)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if found := _found_by_index(term):
            these = queryset.filter(pk__in=found)
            if these.exists():
                return these, False  # the rest reads every order
        named = Q(client_order_id__istartswith=term)
        if _is_order_id(term):
            named |= order_id_begins(term)
        return queryset.filter(named), False

    def parts(self, request: HttpRequest) -> Parts | None:
        """Accounts, unless something is asked of their orders that only reading them tells."""
        narrowing = {"q", *(one.parameter_name for one in self.list_filter)} - LED_TO
        is_narrowed = any(request.GET.get(name) for name in narrowing)
        if is_narrowed or not filters.StateFilter.is_endless(request.GET):
            return None
        accounts = _accounts_asked(request).order_by("pk")
        asked = filters.StateFilter.asked(request.GET)
        states = [asked] if asked in OrderState.values else OrderState.values
        owners = accounts.values_list("pk", flat=True)
        return [{"account": pk, "state": state} for pk in owners for state in states]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        newest = open_pages.newest()
        response = super().changelist_view(request, extra_context)
        context = list_context(response)
        if context is not None:
            context["book"] = book_of(accounts_in_view(request))
            context["views"] = saved_views.of(request)
            context |= open_pages.new_line(request.GET.urlencode(), newest)
        return response

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Whether *Cancel selected* is offered; what is allowed is decided below."""
        return Right.CANCEL in rights_of(request)

    @action(description="Cancel selected…", permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: OrderQuerySet) -> HttpResponse | None:
        return orders_cancel_selected.confirm(self, request, queryset)

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def selected_view(self, request: HttpRequest) -> HttpResponse:
        """What is about to be cancelled; on POST it is asked for."""
        self.guard_view(request)
        if request.method == "POST":
            return orders_cancel_selected.confirmed(self, request)
        return orders_cancel_selected.shown(self, request)

    def by_id_view(self, request: HttpRequest) -> HttpResponse:
        self.guard_view(request)
        return cancel_by_id.view(self, request)

    @method_decorator(require_safe)
    def rows_view(self, request: HttpRequest) -> HttpResponse:
        """The rows of the orders named, for a list that is open."""
        self.guard_view(request)
        return open_pages.rows(self, request)

    @method_decorator(require_safe)
    def marks_view(self, request: HttpRequest) -> HttpResponse:
        """How far the marks are now from the orders named, for a list that is open."""
        self.guard_view(request)
        return open_pages.marks(self, request)

    @method_decorator(require_safe)
    def new_view(self, request: HttpRequest) -> HttpResponse:
        """How many orders came since the list was drawn."""
        self.guard_view(request)
        return open_pages.new_orders(self, request)

    # One order

    @method_decorator(require_safe)
    def facts_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Facts and life of an order, for its page that is open."""
        order = self.visible_or_404(request, str(object_id))
        return open_pages.facts(self, request, order)

    @method_decorator(require_safe)
    def cells_view(self, request: HttpRequest) -> HttpResponse:
        """The cancel cells of the orders named, for the page's poll."""
        self.guard_view(request)
        if same := versions.unchanged(request):
            return same
        named = request.GET.getlist("order")[:MAX_CELLS]
        orders = cancel_cell.visible_orders(request, [int(pk) for pk in named if is_row_id(pk)])
        return versions.versioned(fragment(cancel_cell.fresh(request, orders)), request)

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
        orders = cancel_cell.visible_orders(request, [object_id])
        return fragment(cancel_cell.fresh(request, orders, sentence=sentence))

    def facts(self, request: HttpRequest, order: Order) -> dict[str, Any]:
        order_row.complete(request, [order])
        steps = timings.of_order(order)
        return {
            "title": f"{visible(order.symbol)} {visible(order.side)} {order.order_id}",
            "order": order,
            "cell": cancel_cell.html(order),
            "price": order_row.price(order),
            "open_amount": order_row.open_amount(order),
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


def _found_by_index(term: str) -> list[int]:
    """Orders of anybody whose id is this or begins with it, where so few digits are missing."""
    if not _is_order_id(term) or len(term) <= MAX_UUID_DIGITS:
        return []
    found = Order.objects.filter(order_id_begins(term)).order_by().values_list("pk", flat=True)
    return list(found[:MAX_FOUND])


def _is_order_id(term: str) -> bool:
    """Whether an order id may be this or begin with it."""
    return term.isascii() and term.isdigit() and not term.startswith("0")


def order_id_begins(digits: str) -> Q:
    """Order ids that are these digits or begin with them, as ranges an index can serve."""
    found = Q(order_id=int(digits[:19]))
    for longer in range(1, MAX_ORDER_ID_DIGITS - len(digits) + 1):
        first = int(digits) * 10**longer
        found |= Q(order_id__gte=first, order_id__lt=first + 10**longer)
    return found


def accounts_in_view(request: HttpRequest) -> AccountQuerySet:
    """The accounts whose orders the list can show: its account or desk filter, or all visible."""
    return _accounts_asked(request).filter(is_active=True)


def _accounts_asked(request: HttpRequest) -> AccountQuerySet:
    """The same, with those that are not active any more."""
    accounts = Account.objects.visible_to(request.user)
    for name, column in (("account", "pk"), ("desk", "desk")):
        value = request.GET.get(name, "")
        if is_row_id(value):
            accounts = accounts.filter(**{column: value})
    return accounts
