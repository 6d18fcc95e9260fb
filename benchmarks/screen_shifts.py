"""What moves by itself on open pages; a part of `benchmarks.screens`."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from benchmarks import silences, stage
from benchmarks.browser import Browser
from benchmarks.screen_browser import (
    JOBS,
    LISTED,
    ORDERS,
    RUNNING,
    SIZE,
    SLOW_MS,
    opened_browser,
    state_of,
)
from benchmarks.screen_walks import three_desks
from desk.demo.stack import free_port

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from orders.models import Order
    from tests.helpers.firm import Firm

PAUSE_MS = 1500  # after which a page has followed
SHIFTS = """() => {
    window.shifted = [];
    new PerformanceObserver((seen) => window.shifted.push(...seen.getEntries().map((one) =>
        [one.value, one.sources.map((each) => `${each.previousRect.y} to ${each.currentRect.y}: `
            + each.node?.outerHTML?.slice(0, 120)).join("; ")])))
        .observe({type: "layout-shift"});
}"""


def shift(given: argparse.Namespace) -> None:
    """Print what moved by itself on the pages while they followed what happened."""
    port = free_port()
    with stage.Stage(given, EVENTS_PORT=port) as site:
        firm = site.firm()
        site.run("manage.py", "push", "--port", str(port))
        site.start()
        three_desks(firm)
        print(f"{len(Elsewhere.ACTS)} acts a page, {site.conditions()} + push")
        elsewhere = Elsewhere(site, firm)
        with opened_browser() as browser:
            state = state_of(browser, site.site, "hannah")
            for name, address in _watched(elsewhere):
                context = browser.new_context(
                    base_url=site.site, viewport=SIZE, storage_state=state
                )
                _tell_shifts(name, _shifts(context.new_page(), address, elsewhere))
                context.close()


class Elsewhere:
    """What happens while a page is open, by other hands and at the exchange."""

    def __init__(self, site: stage.Stage, firm: "Firm") -> None:
        self.site, self.firm = site, firm
        self.head = Browser(site.site, "hannah")
        self.guard = silences.guard(firm, "quoter", ttl_s=600)
        self.orders: list[Order] = []

    def cancelled_here(self) -> None:
        """Click Cancel in another tab."""
        self.head.click(self.orders.pop().pk)

    def cancelled_elsewhere(self) -> None:
        """Have another hand cancel one, and read the book."""
        self.site.paper.close(self.orders.pop().order_id)
        self._read()

    def filled(self) -> None:
        """Have somebody trade with one, and read the book."""
        self.site.paper.fill(self.orders[-1].order_id, amount="0.1")
        self._read()

    def placed(self) -> None:
        """Place five more."""
        self.firm.orders(5)

    def armed(self) -> None:
        """Arm a guard, whose strip comes onto every page."""
        self.head.post(f"/admin/orders/guard/{self.guard.pk}/arm/")

    def disarmed(self) -> None:
        """Disarm it again."""
        self.head.post(f"/admin/orders/guard/{self.guard.pk}/disarm/", reason="bench")

    def pulled(self) -> None:
        """Pull a panic on another desk, whose strip comes onto every page."""
        self.pull(self.firm.basis.pk, "BTC")

    ACTS = (cancelled_here, cancelled_elsewhere, filled, placed, armed, pulled, disarmed)

    def pull(self, desk_id: int, symbol: str) -> None:
        """Pull a panic of one symbol."""
        address = "/admin/orders/panicline/pull/"
        self.head.post(address, desk=desk_id, symbol=symbol, reason="bench")

    def _read(self) -> None:
        from orders.reconcile import sync

        sync.sync_account(account_id=self.firm.account.pk)


def _watched(elsewhere: Elsewhere) -> Iterator[tuple[str, str]]:
    """Yield each page that is to be watched, once there is what it shows."""
    from orders.models import CancelJob

    site, firm = elsewhere.site, elsewhere.firm
    elsewhere.orders = firm.orders(LISTED)
    yield "Orders", ORDERS
    yield "an order", f"{ORDERS}{elsewhere.orders[-1].pk}/change/"
    yield "overview", "/admin/"
    firm.orders(RUNNING, symbol="DOGE")
    preview = stage.frozen(firm, symbols=("DOGE",))
    firm.orders(RUNNING, symbol="SUI")
    site.paper.rules(latency_ms=SLOW_MS)
    yield "a running job", f"{JOBS}{stage.confirmed(firm, preview).pk}/change/"
    elsewhere.pull(firm.momentum.pk, "SUI")
    panic = CancelJob.objects.filter(is_panic=True).latest("pk")
    yield "a running panic", f"{JOBS}{panic.pk}/change/"


def _shifts(page: Any, address: str, elsewhere: Elsewhere) -> list[tuple[float, str]]:
    """Return each shift while things happen elsewhere: its value, and what moved."""
    page.goto(address)
    page.wait_for_selector("html[data-line=stands]")
    page.wait_for_timeout(PAUSE_MS)
    page.evaluate(SHIFTS)
    for act in elsewhere.ACTS:
        act(elsewhere)
        page.wait_for_timeout(PAUSE_MS)
    return [(value, moved) for value, moved in page.evaluate("() => window.shifted")]


def _tell_shifts(name: str, shifts: list[tuple[float, str]]) -> None:
    print(f"{name:16} {sum(value for value, _ in shifts):.4f} in {len(shifts)} shifts")
    for value, moved in sorted(shifts, reverse=True)[:3]:
        print(f"    {value:.4f} {' '.join(moved.split())}")
