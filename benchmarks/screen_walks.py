"""A real browser at the screens: what a hand needs, what moves; parts of `benchmarks.screens`."""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks import silences, stage
from benchmarks.browser import Browser
from desk.demo.stack import free_port

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from orders.models import Order
    from tests.helpers.firm import Firm

ORDERS = "/admin/orders/order/"
JOBS = "/admin/orders/canceljob/"
LISTED, RUNNING = 150, 3000  # orders: more than a list shows, and than are soon cancelled
SLOW_MS = 2000  # of the exchange, so that a job is still running while its page is looked at
WAIT_MS = 60_000
PAUSE_MS = 1500  # after which a page has followed
SIZE = {"width": 1440, "height": 900}
SHIFTS = """() => {
    window.shifted = [];
    new PerformanceObserver((seen) => window.shifted.push(...seen.getEntries().map((one) =>
        [one.value, one.sources.map((each) => `${each.previousRect.y} to ${each.currentRect.y}: `
            + each.node?.outerHTML?.slice(0, 120)).join("; ")])))
        .observe({type: "layout-shift"});
}"""


@contextmanager
def opened_browser() -> Iterator[Any]:
    """Start a headless browser; what asks the database beside its driver may do so."""
    from playwright.sync_api import sync_playwright

    from tests.browser.chromium import launched

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # the driver runs a loop in this thread
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


def state_of(browser: Any, site: str, name: str) -> Any:
    """Sign a person in; return what the browser keeps of it."""
    from tests.browser.screens import sign_in
    from tests.helpers.firm import PASSWORD

    context = browser.new_context(base_url=site)
    sign_in(context.new_page(), name, PASSWORD)
    state = context.storage_state()
    context.close()
    return state


class Hand:
    """A person who has filled in the sign-in page; clicks are counted from *Sign in* on."""

    def __init__(self, browser: Any, site: str) -> None:
        from tests.helpers.firm import PASSWORD

        self.context = browser.new_context(base_url=site, viewport=SIZE)
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.page.goto("/admin/login/")
        self.page.fill("#id_username", "hannah")
        self.page.fill("#id_password", PASSWORD)
        self.clicks, self.at = 0, [time.perf_counter()]
        self.page.click("#login-form button[type=submit]")
        self.page.locator("[data-panic]").wait_for()
        self.at.append(time.perf_counter())

    def click(self, place: Any) -> None:
        """Click once the place is there."""
        place.wait_for()
        self.at.append(time.perf_counter())
        self.clicks += 1
        place.click()

    def since(self) -> list[float]:
        """Return the ms since *Sign in*, since the page after it, and since the last click."""
        now = time.perf_counter()
        return [(now - at) * 1000 for at in (self.at[0], self.at[1], self.at[-1])]


def clicks(given: argparse.Namespace) -> None:
    """Print what it takes from *Sign in* to *Cancelled*, and to three empty books."""
    port = free_port()
    with stage.Stage(given, EVENTS_PORT=port) as site:
        firm = site.firm()
        site.run("manage.py", "push", "--port", str(port))
        site.start()
        _three_desks(firm)
        firm.orders(150)
        site.paper.rules(latency_ms=given.latency_ms)
        print(f"{given.latency_ms} ms exchange, {site.conditions()} + push")
        with opened_browser() as browser:
            hands = [_cancel(Hand(browser, site.site)) for _ in range(given.times)]
            _tell("Cancelled", hands)
            hands = [_panic(browser, site, firm, given) for _ in range(given.panics)]
            _tell(f"three books of {given.count} orders empty", hands)


def passkeys(given: argparse.Namespace) -> None:
    """Print what it takes from the page to sign in to the overview, by password and by passkey."""
    with stage.Stage(given, PASSKEY_SIGN_IN="true") as site:
        site.firm()
        site.start()
        print(site.conditions())
        with opened_browser() as browser:
            address = site.site.replace("127.0.0.1", "localhost")  # a number has no passkeys
            page = _with_passkey(browser.new_context(base_url=address, viewport=SIZE))
            for what, walk in WAYS_IN.items():
                walks = [walk(page) for _ in range(given.times)]
                clicks, seconds = walks[0][0], [ms for _, ms in walks]
                print(f"{what}, clicks: {clicks}; {stage.told(seconds)} from the first press")


def _with_passkey(context: Any) -> Any:
    """Return a page with an authenticator, on which Hannah has set a passkey up."""
    from tests.browser.screens import sign_in
    from tests.browser.test_passkeys import Devices, add_passkey
    from tests.helpers.firm import PASSWORD

    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    Devices(page).plug()
    sign_in(page, "hannah", PASSWORD)
    add_passkey(page, "laptop")
    page.get_by_role("heading", name="Recovery codes").wait_for()
    return page


def _at_the_door(page: Any) -> None:
    page.goto("about:blank")  # else the page before, its session gone, goes to the door by itself
    page.context.clear_cookies()
    page.goto("/admin/login/")


def _by_password_and_passkey(page: Any) -> tuple[int, float]:
    from tests.helpers.firm import PASSWORD

    _at_the_door(page)
    page.fill("#id_username", "hannah")
    page.fill("#id_password", PASSWORD)
    use = page.get_by_role("button", name="Use a passkey")
    return _let_in(page, page.locator("#login-form button[type=submit]"), use)


def _by_passkey_alone(page: Any) -> tuple[int, float]:
    _at_the_door(page)
    return _let_in(page, page.get_by_role("button", name="Sign in with a passkey"))


def _let_in(page: Any, *buttons: Any) -> tuple[int, float]:
    """Press one after another; return how many, and the ms until the overview is there."""
    buttons[0].wait_for()
    at = time.perf_counter()
    for button in buttons:
        button.click()
    page.locator("[data-panic]").wait_for()
    return len(buttons), (time.perf_counter() - at) * 1000


WAYS_IN = {"password, then passkey": _by_password_and_passkey, "passkey alone": _by_passkey_alone}


def _tell(what: str, hands: list[tuple[int, list[float]]]) -> None:
    parts = ("Sign in", "the page after it", "the last click")
    print(f"{what}, {hands[0][0]} clicks after signing in:")
    for number, part in enumerate(parts):
        print(f"  from {part}: {stage.told([since[number] for _, since in hands])}")


def _three_desks(firm: "Firm") -> None:
    """Make Hannah the head of two more desks, each with an account."""
    from orders.accounts import provisioning
    from orders.models import Role

    carry, _ = provisioning.add_desk(name="Carry")
    firm.new_account("Calendar", carry)
    for desk in (firm.basis, carry):
        firm.head.memberships.create(desk=desk, role=Role.HEAD)


def _cancel(hand: Hand) -> tuple[int, list[float]]:
    page = hand.page
    hand.click(page.get_by_role("navigation").get_by_role("link", name="Orders", exact=True))
    button = page.locator(".dk-cell button[hx-post]").first
    button.wait_for()
    cell = button.locator("xpath=ancestor::*[contains(@class,'dk-cell')]").get_attribute("id")
    hand.click(button)
    page.locator(f"#{cell} .dk-good", has_text="Cancelled").wait_for()
    return _left(hand)


def _panic(
    browser: Any, site: stage.Stage, firm: "Firm", given: argparse.Namespace
) -> tuple[int, list[float]]:
    from orders.models import PanicLine

    _filled(firm, site, given)
    hand = Hand(browser, site.site)
    page = hand.page
    hand.click(page.locator("[data-panic]"))
    hand.click(page.get_by_role("link", name="All my desks"))
    hand.click(page.locator("#pull"))
    page.wait_for_url("**/canceljob/")
    stage.until(lambda: not PanicLine.objects.unfinished().exists(), "three empty books")
    return _left(hand)


def _left(hand: Hand) -> tuple[int, list[float]]:
    since = hand.since()
    hand.context.close()
    return hand.clicks, since


def _filled(firm: "Firm", site: stage.Stage, given: argparse.Namespace) -> None:
    """Fill the books of the three desks; each a panic is to find full."""
    from orders.models import Account

    site.paper.rules(latency_ms=0)
    for account in Account.objects.all():
        firm.orders(given.count, account=account)
    site.paper.rules(latency_ms=given.latency_ms)


def shift(given: argparse.Namespace) -> None:
    """Print what moved by itself on the pages while they followed what happened."""
    port = free_port()
    with stage.Stage(given, EVENTS_PORT=port) as site:
        firm = site.firm()
        site.run("manage.py", "push", "--port", str(port))
        site.start()
        _three_desks(firm)
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
