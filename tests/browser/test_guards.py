"""A guard on every page: its strip comes by itself, tells the truth of beats, and moves no row."""

import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.test_click import SOON_MS, sign_in

pytestmark = pytest.mark.browser


def made_guard(page):
    """Make a guard of ten minutes on Momentum, and stay on its page."""
    page.goto("/admin/orders/guard/add/")
    page.select_option("[name=desk]", label="Momentum")
    page.fill("[name=name]", name := f"quoter-{uuid.uuid4().hex[:6]}")
    page.fill("[name=ttl_s]", "600")
    page.get_by_role("button", name="Make the guard").click()
    page.get_by_role("button", name="Arm it", exact=True).wait_for(timeout=SOON_MS)
    return name


def disarm(page):
    page.fill("[name=reason]", "the test is over")
    page.get_by_role("button", name="Disarm it").click()
    page.get_by_role("button", name="Arm it", exact=True).wait_for(timeout=SOON_MS)


def test_the_button_that_was_pressed_is_told(page, demo):
    """A button that is disabled as its form leaves would not say which it was."""
    sign_in(page, demo, "hannah")
    made_guard(page)
    page.get_by_role("button", name="Arm it for a drill").click()
    expect(page.get_by_text("has no drill account")).to_be_visible(timeout=SOON_MS)
    expect(page.get_by_role("button", name="Arm it", exact=True)).to_be_visible()


def test_a_strip_that_comes_and_goes_by_itself_moves_no_row(page, browser, demo):
    head = browser.new_context(base_url=demo.address).new_page()
    sign_in(head, demo, "hannah")
    name = made_guard(head)
    sign_in(page, demo, "olivia")
    page.goto("/admin/orders/order/")
    page.wait_for_selector("html[data-line=stands]")
    row = page.locator("#result_list tbody tr").nth(3)
    before = row.bounding_box()["y"]
    head.get_by_role("button", name="Arm it", exact=True).click()
    strip = page.locator(".dk-guard", has_text=name)
    expect(strip).to_have_text(re.compile(r"armed,\s+(600|59\d) s left"), timeout=SOON_MS)
    assert abs(row.bounding_box()["y"] - before) < 0.1
    disarm(head)
    expect(strip).to_have_count(0, timeout=SOON_MS)
    assert abs(row.bounding_box()["y"] - before) < 0.1
    head.context.close()


def test_a_page_looks_for_beats_once_half_of_the_time_is_over(page, browser, demo):
    head = browser.new_context(base_url=demo.address).new_page()
    sign_in(head, demo, "hannah")
    name = made_guard(head)
    head.get_by_role("button", name="Arm it", exact=True).click()
    sign_in(page, demo, "olivia")
    page.goto("/admin/orders/order/")
    left = page.locator(".dk-guard", has_text=name).locator("[data-until]")
    head.get_by_role("button", name="Beat: it counts from now").click()  # no record tells of it
    left.evaluate("left => { left.dataset.until = '1'; }")  # as if its time were over
    expect(left).not_to_have_attribute("data-until", "1", timeout=SOON_MS)
    expect(left).to_have_text(re.compile(r"600|59\d"), timeout=SOON_MS)
    disarm(head)
    head.context.close()


def test_the_focus_stays_on_a_guard_of_the_strip_when_the_strip_is_drawn_anew(page, demo):
    sign_in(page, demo, "hannah")
    name = made_guard(page)
    page.get_by_role("button", name="Arm it", exact=True).click()
    link = page.locator("#site-state a", has_text=name)
    link.focus()
    with page.expect_response("**/canceljob/running/**"):
        page.evaluate("window.htmx.trigger('#site-state', 'desk:changed')")
    page.wait_for_timeout(500)
    expect(link).to_be_focused()
    disarm(page)
