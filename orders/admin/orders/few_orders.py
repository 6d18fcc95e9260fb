"""Up to twenty orders, each with price, size and notional, where their cancel is confirmed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from orders.admin.orders import mark_distance, order_row
from orders.cancels.bulk import frozen_orders
from orders.models import Order, Preview

MOST = 20


@dataclass(frozen=True)
class Few:
    """One order as the page shows it; ``order`` is None where this app does not know it."""

    account: str
    symbol: str
    name: int | str | None
    order: Order | None = None

    @property
    def price(self) -> str:
        """Its price, and of a stop where it triggers."""
        return order_row.price(self.order) if self.order else "–"

    @property
    def distance(self) -> str:
        """How far the mark is from it, in percent."""
        return mark_distance.text(self.order) if self.order else "–"

    @property
    def tone(self) -> str:
        """The class of that where the mark is old."""
        return mark_distance.tone(self.order) if self.order else ""

    @property
    def marked_at(self) -> datetime | None:
        """When that mark was read."""
        return mark_distance.read_at([self.order]) if self.order else None

    @property
    def size(self) -> str:
        """What is left to cancel."""
        return order_row.open_amount(self.order) if self.order else "–"

    @property
    def worth(self) -> str:
        """What that is worth, in USD."""
        return order_row.worth(self.order) if self.order else "–"


def of_orders(orders: Iterable[Order]) -> list[Few]:
    """Show these orders: one query."""
    orders = list(orders)
    mark_distance.attach(orders)
    return [Few(str(one.account), one.symbol, one.order_id, one) for one in orders]


def of_preview(preview: Preview) -> list[Few]:
    """Show the orders of a preview, in the order of work; none where they are more than a few.

    Raises `CannotAsk` where the frozen set was changed.
    """
    if preview.count > MOST:
        return []
    targets = frozen_orders.targets(preview)
    orders = Order.objects.in_bulk([one.order.pk for one in targets if one.order])
    mark_distance.attach(orders.values())
    return [
        Few(
            str(one.account),
            one.symbol,
            one.order_id or one.client_order_id,
            orders.get(one.order.pk) if one.order else None,
        )
        for one in targets
    ]
