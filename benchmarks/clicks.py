"""How long from the click to the exchange, and to *Cancelled* on the page.

    python -m benchmarks.clicks [--count 200] [--latency-ms 25] [--broker URL] [--database URL]

Starts the paper exchange, one Celery worker and gunicorn; signs in over HTTP as an operator; clicks
Cancel on one order after another, and asks for the row as its page does until it says *Cancelled*.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks import stage
from benchmarks.browser import Browser

if TYPE_CHECKING:
    from orders.models import Order

ROW_EVERY_S = 0.05


def main() -> None:
    given = stage.options(__doc__, count=200, latency_ms=25).parse_args()
    with stage.Stage(given) as site:
        orders = site.firm().orders(given.count)
        site.paper.rules(latency_ms=given.latency_ms)
        site.start(sweep=False)
        first_byte, on_screen = _clicked(site, orders)
        print(f"{given.count} clicks, {given.latency_ms} ms exchange, {site.conditions()}")
    print("click to first byte at the exchange:", stage.told(first_byte))
    print("click to Cancelled on the page:", stage.told(on_screen))


def _clicked(site: stage.Stage, orders: "Sequence[Order]") -> tuple[list[float], list[float]]:
    """Measure the milliseconds to the exchange and to *Cancelled*, one for each order."""
    operator = Browser(site.site, "olivia")
    clicked: dict[int, float] = {}
    on_screen: list[float] = []
    for order in orders:
        clicked[order.order_id] = operator.click(order.pk)
        _until_cancelled(operator, order.pk)
        on_screen.append(time.time() * 1000 - clicked[order.order_id])
    return stage.to_first_byte(site.paper, clicked), on_screen


def _until_cancelled(operator: Browser, row: int) -> None:
    address = f"/admin/orders/order/cells/?order={row}"
    is_cancelled = lambda: "Cancelled" in operator.get(address)  # noqa: E731
    stage.until(is_cancelled, "Cancelled", every_s=ROW_EVERY_S)


if __name__ == "__main__":
    main()
