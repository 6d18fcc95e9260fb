"""Which orders a bulk cancel means: a scope in fields, as a query, and in words."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db.models import F

from orders.audit.hashing import spelled
from orders.models import Account, Desk, Order, Right
from orders.models.desks import DeskQuerySet
from orders.models.orders import IS_STOP, OrderQuerySet

if TYPE_CHECKING:
    from orders.models.desks import Person


OLDEST, BEST_PRICE, LARGEST = "oldest", "best_price", "largest"
ORDER_OF_WORK = {
    OLDEST: "oldest first",
    BEST_PRICE: "highest bids and lowest asks first",
    LARGEST: "largest first",
}


@dataclass(frozen=True)
class Scope:
    """What to cancel on one desk. Empty tuples and None mean *any*.

    ``min_age_s``: seconds since the exchange made the order; prices are inclusive.
    """

    desk_id: int
    account_ids: tuple[int, ...] = ()
    symbols: tuple[str, ...] = ()
    side: str = ""
    order_types: tuple[str, ...] = ()
    min_age_s: int | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    spare_reduce_only: bool = False
    spare_stops: bool = False
    order_of_work: str = OLDEST

    @property
    def is_everything(self) -> bool:
        """Whether nothing narrows it down: every open order of the desk."""
        narrowing = (
            self.account_ids,
            self.symbols,
            self.side,
            self.order_types,
            self.min_age_s,
            self.spare_reduce_only,
            self.spare_stops,
        )
        has_price = self.min_price is not None or self.max_price is not None  # 0 is a price too
        return not (any(narrowing) or has_price)


def as_text(scope: Scope) -> str:
    """Write a scope as JSON text, to be kept with what was made from it."""
    return json.dumps(asdict(scope), default=spelled)


def from_text(text: str) -> Scope:
    """Read the scope that `as_text` wrote."""
    fields = json.loads(text)
    for name in ("account_ids", "symbols", "order_types"):
        fields[name] = tuple(fields[name])
    for name in ("min_price", "max_price"):
        fields[name] = None if fields[name] is None else Decimal(fields[name])
    return Scope(**fields)


def matching(*, user: "Person", scope: Scope, now: datetime) -> OrderQuerySet:
    """Find the open orders in scope that this person may cancel by scope, in the order of work."""
    return inside(desks=Desk.objects.allowing(user, Right.CANCEL_SCOPE), scope=scope, now=now)


def inside(*, desks: DeskQuerySet, scope: Scope, now: datetime) -> OrderQuerySet:
    """Find the open orders in scope, if its desk is among these, in the order of work."""
    desks = desks.filter(pk=scope.desk_id)
    orders = Order.objects.open().filter(account__desk__in=desks, account__is_active=True)
    for name, value in _lookups(scope, now).items():
        orders = orders.filter(**{name: value})
    if scope.spare_reduce_only:
        orders = orders.filter(reduce_only=False)
    if scope.spare_stops:
        orders = orders.exclude(IS_STOP)
    return in_order(orders, scope.order_of_work)


def in_order(orders: OrderQuerySet, order_of_work: str) -> OrderQuerySet:
    """Sort orders as they are to be worked on."""
    if order_of_work == LARGEST:
        worth = F("price_number") * F("open_amount_number")
        return orders.order_by(worth.desc(nulls_last=True), "created_at", "pk")
    if order_of_work == BEST_PRICE:
        return orders  # sorted in Python by `best_first`: bids fall while asks rise
    return orders.order_by("created_at", "pk")


def best_first(orders: list[Order]) -> list[Order]:
    """Sort bids from the highest and asks from the lowest, each symbol by itself, in turns."""
    bids = sorted((o for o in orders if o.side == "bid"), key=lambda o: -(o.price_number or 0))
    asks = sorted((o for o in orders if o.side != "bid"), key=lambda o: o.price_number or 0)
    ranks: dict[int, int] = {}
    for side in (bids, asks):
        places: dict[str, int] = {}
        for order in side:
            places[order.symbol] = ranks[order.pk] = places.get(order.symbol, -1) + 1
    return sorted([*bids, *asks], key=lambda order: (ranks[order.pk], order.pk))


def in_words(scope: Scope, *, desk: Desk, accounts: Sequence[Account] = ()) -> str:
    """Describe a scope: *BTC, ETH bids on Alpha of Momentum, older than 60 s, sparing stops*."""
    side = f"{scope.side}s" if scope.side else "orders"
    what = f"{', '.join(scope.symbols)} {side}" if scope.symbols else f"every {side.rstrip('s')}"
    parts = [f"{what} on {', '.join(a.name for a in accounts) or 'every account'} of {desk}"]
    if scope.order_types:
        parts.append("of type " + ", ".join(t.replace("_", " ") for t in scope.order_types))
    if scope.min_age_s:
        parts.append(f"older than {scope.min_age_s} s")
    if scope.min_price is not None:
        parts.append(f"from {scope.min_price}")
    if scope.max_price is not None:
        parts.append(f"up to {scope.max_price}")
    if scope.spare_reduce_only:
        parts.append("sparing reduce-only")
    if scope.spare_stops:
        parts.append("sparing stops")
    return ", ".join(parts)


def _lookups(scope: Scope, now: datetime) -> dict[str, Any]:
    lookups: dict[str, Any] = {
        "account__in": scope.account_ids,
        "symbol__in": scope.symbols,
        "side": scope.side,
        "order_type__in": scope.order_types,
        "price_number__gte": scope.min_price,
        "price_number__lte": scope.max_price,
    }
    if scope.min_age_s:
        lookups["created_at__lte"] = now - timedelta(seconds=scope.min_age_s)
    return {name: value for name, value in lookups.items() if value not in ((), "", None)}
