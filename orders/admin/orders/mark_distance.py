"""How far the mark is from an order: in a cell, in SQL to sort by, anew for a list that is open.

The mark is the one that the desk keeps; nothing here asks the exchange.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from django.db.models import Case, F, FloatField, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Abs, Cast, NullIf
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from orders.admin.shared.markup import joined, put
from orders.admin.shared.screens import fragment
from orders.exchange import markets
from orders.models import Market, Order, OrderState
from orders.models.clocks import is_ahead
from orders.models.orders import IS_STOP
from orders.templatetags.desk import time_tag

FRESH_FOR = timedelta(seconds=30)
SHOWN_FOR = timedelta(minutes=3)  # an older mark misleads more than none
CSS = "c-away"
PLAIN = r"^[0-9]{1,40}([.][0-9]{1,40})?$"
WHAT = (
    "How far the price must move from the mark to reach the order, of a stop its trigger. "
    "The time is the age of the mark."
)


def attach(orders: Iterable[Order]) -> None:
    """Attach to orders what is known of their markets: one query."""
    orders = list(orders)
    known = Market.objects.in_bulk({order.symbol for order in orders}, field_name="symbol")
    for order in orders:
        order.market = known.get(order.symbol)


def percent(order: Order, now: datetime) -> Decimal | None:
    """How far the price must move to reach the order, in percent of the mark; None if unknown."""
    mark, price = _mark(order, now), _target(order)
    if mark is None or price is None or order.state == OrderState.CLOSED:
        return None
    return (price - mark) / mark * 100


def _mark(order: Order, now: datetime) -> Decimal | None:
    """The mark of its market, as long as it may be shown."""
    market = order.market
    if market is None or market.marked_at is None or is_ahead(market.marked_at, now):
        return None
    return _positive(market.mark) if now - market.marked_at < SHOWN_FOR else None


def _target(order: Order) -> Decimal | None:
    """The price at which something happens: the trigger of a stop, the limit of all others."""
    return _positive(order.stop_price if order.is_stop else order.price)


def _positive(text: str | None) -> Decimal | None:
    try:
        number = Decimal(text or "0")
    except InvalidOperation:
        return None
    return number if number.is_finite() and number > 0 else None


def text(order: Order, now: datetime | None = None) -> str:
    """The distance in words, *+1.25%*; beyond tenfold without decimals."""
    away = percent(order, now or timezone.now())
    if away is None:
        return "–"
    said = f"{away:+,.0f}%" if abs(away) >= 1000 else f"{away:+,.2f}%"
    return said.replace("-", "\N{MINUS SIGN}")


def tone(order: Order, now: datetime | None = None) -> str:
    """The class of a cell whose mark is old."""
    at = order.market.marked_at if order.market else None
    is_old = at is not None and (now or timezone.now()) - at > FRESH_FOR
    return " dk-old" if is_old else ""


def read_at(orders: Iterable[Order]) -> datetime | None:
    """When the newest mark of these orders was read."""
    moments = (order.market.marked_at for order in orders if order.market)
    return max((at for at in moments if at is not None), default=None)


def age(orders: Iterable[Order]) -> SafeString:
    """The age of the marks of these orders, for the head of the column; empty without any."""
    at = read_at(orders)
    return time_tag(at, "age") if at else SafeString("")


def in_sql() -> Abs:
    """How far off an order is, either way, as a part of the mark: to sort by, nearest first.

    Floats decide the order of rows and nothing that is shown.
    """
    now = timezone.now()
    known = Market.objects.filter(symbol=OuterRef("symbol"), marked_at__gt=now - SHOWN_FOR)
    mark = Subquery(known.exclude(mark="").values(number=Cast("mark", FloatField()))[:1])
    return Abs(NullIf(_target_in_sql(), Value(0.0)) / mark - Value(1.0))


def _target_in_sql() -> Case:
    """The rule of `_target`, and of `percent` for orders that ended."""
    return Case(
        When(state=OrderState.CLOSED, then=Value(None)),
        When(IS_STOP & Q(stop_price__regex=PLAIN), then=Cast(F("stop_price"), FloatField())),
        When(IS_STOP, then=Value(None)),
        When(price__regex=PLAIN, then=Cast(F("price"), FloatField())),
        output_field=FloatField(),
    )


def fresh(request: HttpRequest, orders: list[Order]) -> HttpResponse:
    """The cells of these orders and the age of their marks, for a list that is open.

    Whoever asks is noted, so that a sender reads marks again.
    """
    now = timezone.now()
    markets.note_need(now)
    attach(orders)
    cells = (
        put('<td class="{}{}" data-of="{}">{}</td>', CSS, tone(one, now), one.pk, text(one))
        for one in orders
    )
    row = joined(cells)
    return fragment(put("<table><tr><th>{}</th>{}</tr></table>", age(orders), row))
