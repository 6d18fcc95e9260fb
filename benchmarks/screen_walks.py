"""Clicks and time to *Cancelled* and to empty books; a part of `benchmarks.screens`."""

import argparse
import time
from typing import TYPE_CHECKING, Any

from benchmarks import stage
from benchmarks.screen_browser import SIZE, WAIT_MS, opened_browser
from desk.demo.stack import free_port

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from tests.helpers.firm import Firm


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
        three_desks(firm)
        firm.orders(150)
        site.paper.rules(latency_ms=given.latency_ms)
        print(f"{given.latency_ms} ms exchange, {site.conditions()} + push")
        with opened_browser() as browser:
            hands = [_cancel(Hand(browser, site.site)) for _ in range(given.times)]
            _tell("Cancelled", hands)
            hands = [_panic(browser, site, firm, given) for _ in range(given.panics)]
            _tell(f"three books of {given.count} orders empty", hands)


def _tell(what: str, hands: list[tuple[int, list[float]]]) -> None:
    parts = ("Sign in", "the page after it", "the last click")
    print(f"{what}, {hands[0][0]} clicks after signing in:")
    for number, part in enumerate(parts):
        print(f"  from {part}: {stage.told([since[number] for _, since in hands])}")


def three_desks(firm: "Firm") -> None:
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
