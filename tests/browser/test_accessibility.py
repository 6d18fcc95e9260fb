"""WCAG 2.2 AA: axe finds nothing on any screen, and a keyboard reaches everything."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.screens import ORDERS, screens, show, sign_in
from tests.browser.test_click import SOON_MS

pytestmark = pytest.mark.browser
LOOKS = {"light": (1440, 900), "dark": (400, 800)}
ONE_OF_A_KIND = (
    "sign-in",
    "orders",
    "order-cancelled",
    "cancel-by-id-refused",
    "confirm-few",
    "preview",
    "panic-running",
    "records",
    "record",
    "overview",
    "is-the-log-whole",
    "person",
)
AS_IN_A_ROW = """() => [...document.querySelectorAll("#result_list tbody tr")].map(row => [
    row.querySelector(".dk-cell").dataset.order.split("-")[1],
    row.querySelector("input.action-select").getAttribute("aria-label"),
    row.querySelector(".dk-cell button").getAttribute("aria-label"),
])"""


def faults_of(page):
    """What axe finds: rule, weight and the first place of each, in words."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:300]}" for one in found]


def faults_on(demo, browser, colours, names=(), looked=None):
    """What axe finds on the screens of these names, or on all, as a walk in these colours sees.

    ``looked``: a list that takes the names of the screens as they are looked at.
    """
    width, height = LOOKS[colours]
    look = {"viewport": {"width": width, "height": height}, "color_scheme": colours}
    contexts, faults = {}, {}
    for screen in screens():
        if names and screen.name not in names:
            continue
        if screen.person not in contexts:
            contexts[screen.person] = browser.new_context(
                base_url=demo.address, reduced_motion="reduce", **look
            )
            page = contexts[screen.person].new_page()
            page.set_default_timeout(2 * SOON_MS)
            if screen.person:
                sign_in(page, screen.person, demo.logins[screen.person])
        page = contexts[screen.person].pages[0]
        show(page, screen)
        if looked is not None:
            looked.append(screen.name)
        if found := faults_of(page):
            faults[screen.name] = found
    for context in contexts.values():
        context.close()
    return faults


@pytest.mark.exhaustive
@pytest.mark.parametrize("colours", LOOKS)
def test_axe_finds_nothing_on_any_screen(demo, browser, colours):
    assert faults_on(demo, browser, colours) == {}


@pytest.mark.parametrize(
    ("colours", "names"), [("light", ONE_OF_A_KIND[::2]), ("dark", ONE_OF_A_KIND[1::2])]
)
def test_axe_finds_nothing_on_a_screen_of_each_kind(demo, browser, colours, names):
    assert faults_on(demo, browser, colours, names) == {}


def orders_of(page, demo, person="olivia"):
    sign_in(page, person, demo.logins[person])
    page.goto(f"{ORDERS}order/")
    page.wait_for_selector("#result_list")


def said(page):
    return page.locator("#said")


def test_each_rows_box_and_button_says_its_order(page, demo):
    orders_of(page, demo)
    for order_id, box, button in page.evaluate(AS_IN_A_ROW):
        assert order_id in box
        assert order_id in button


def test_a_cancel_by_keys_alone_is_said_and_keeps_the_place(page, demo):
    orders_of(page, demo)
    page.keyboard.press("j")
    page.keyboard.press("j")
    row = page.locator("#result_list tbody tr").nth(1)
    expect(row).to_have_class(re.compile("dk-at"))
    order_id = row.locator(".dk-cell").get_attribute("data-order").split("-")[1]
    page.keyboard.press("c")
    expect(said(page)).to_contain_text(f"Order {order_id}: Cancelled", timeout=2 * SOON_MS)
    page.wait_for_function("() => document.activeElement.closest('tr.dk-at') !== null")


def test_a_button_pressed_by_enter_leaves_the_focus_in_its_row(page, demo):
    orders_of(page, demo)
    button = page.locator(".dk-cell button[hx-post]").first
    cell = button.locator("xpath=ancestor::*[contains(@class,'dk-cell')]").get_attribute("id")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"#{cell}")).to_contain_text("Cancelled", timeout=2 * SOON_MS)
    page.wait_for_function(  # the place is taken again once a change has settled
        "(id) => document.getElementById(id).closest('tr').contains(document.activeElement)",
        arg=cell,
    )


def test_selected_rows_go_to_their_confirmation_by_keys_alone(page, demo):
    orders_of(page, demo)
    for key in "jxjxc":
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="Cancel 2 orders?")).to_be_visible()


def test_a_panic_by_keys_alone(page, demo):
    orders_of(page, demo, "hannah")
    page.keyboard.press("!")
    page.wait_for_url("**/panicline/pull/")
    tab_to(page, "[name=desk]")
    page.keyboard.type("Basis")
    tab_to(page, "[name=symbol]")
    page.keyboard.type("BNB")
    expect(page.locator("#warned")).to_contain_text("of Basis, BNB only")
    tab_to(page, "#pull")
    page.keyboard.press("Enter")
    page.wait_for_url("**/canceljob/*/change/")
    expect(page.locator("#progress")).to_contain_text("2 of 2", timeout=2 * SOON_MS)


def tab_to(page, place):
    """Press Tab until this place has the focus."""
    for _ in range(60):
        if page.evaluate("(place) => document.activeElement.matches(place)", place):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no key leads to {place}")


def test_a_slash_searches_and_letters_in_a_field_stay_letters(page, demo):
    orders_of(page, demo)
    page.keyboard.press("/")
    page.keyboard.type("jx?c")
    expect(page.locator(":focus")).to_have_value("jx?c")
    assert not page.locator("#keys[open]").count()


def test_single_keys_can_be_switched_off(page, demo):
    orders_of(page, demo)
    page.keyboard.press("?")
    page.get_by_label("Single keys act in this browser").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("j")
    page.keyboard.press("!")
    page.keyboard.press("?")
    assert not page.locator("tr.dk-at, #keys[open]").count()
    assert page.url.endswith("/order/")


def test_the_first_tab_offers_to_skip_to_the_page(page, demo):
    orders_of(page, demo)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the page")
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "page-itself"


def test_icons_are_no_part_of_a_name(page, demo):
    orders_of(page, demo)
    menu = page.get_by_role("navigation").first
    expect(menu.get_by_role("link", name="Orders", exact=True)).to_be_visible()
    expect(menu.get_by_role("link", name="Jobs")).to_be_visible()


def test_a_keyboard_opens_what_the_theme_gives_to_pointers_alone(page, demo):
    orders_of(page, demo)
    page.get_by_role("button", name="olivia").press("Enter")
    page.get_by_role("button", name="Dark").press("Enter")
    expect(page.locator("html")).to_have_class(re.compile("dark"))
    page.set_viewport_size({"width": 400, "height": 800})
    page.get_by_role("button", name="Menu").press("Enter")
    page.get_by_role("button", name="Close the menu").press("Enter")
    expect(page.get_by_role("button", name="Menu")).to_be_focused()


def test_nothing_moves_for_who_asked_for_no_motion(page, demo):
    page.emulate_media(reduced_motion="reduce")
    orders_of(page, demo)
    moving = page.evaluate(
        "() => [...document.querySelectorAll('*')].filter(one =>"
        " parseFloat(getComputedStyle(one).transitionDuration) > 0.001).length"
    )
    assert moving == 0
