"""The one click that everything is about, in a real browser, on the demo as its user starts it."""

import pytest
from playwright.sync_api import expect

from tests.browser import screens

pytestmark = pytest.mark.browser
SOON_MS = 10_000


def sign_in(page, demo, name):
    screens.sign_in(page, name, demo.logins[name])


def first_cell(page):
    """The cell of the first order that can be cancelled, held by its id from now on."""
    button = page.get_by_role("button", name="Cancel", exact=False)
    cell = page.locator("[id^=cell-]").filter(has=button).first
    return page.locator(f"#{cell.get_attribute('id')}")


def test_an_operator_clicks_cancel_and_sees_cancelled_in_the_row(page, demo):
    sign_in(page, demo, "olivia")
    page.goto("/admin/orders/order/")
    cell = first_cell(page)
    cell.get_by_role("button").click()
    expect(cell).to_contain_text("Cancelled", timeout=SOON_MS)
    expect(cell.get_by_role("button")).to_have_count(0)


def test_the_log_shows_request_and_answer_under_the_operators_name(page, demo):
    sign_in(page, demo, "olivia")
    page.goto("/admin/orders/order/")
    cell = first_cell(page)
    order_id = cell.get_by_role("button").get_attribute("aria-label").split()[-1]
    cell.get_by_role("button").click()
    expect(cell).to_contain_text("Cancelled", timeout=SOON_MS)
    page.goto(f"/admin/orders/auditrecord/?q={order_id}")
    event = page.get_by_text("Answer", exact=True)
    answer = page.locator("#result_list tbody tr").filter(has=event)
    expect(answer).to_contain_text("olivia")
    answer.locator("a").first.click()
    body = page.locator("body")
    for shown in ("olivia", order_id, "/orders/cancel", '"success"', "signature"):
        expect(body).to_contain_text(shown)


def test_an_auditor_sees_orders_and_no_cancel_button(page, demo):
    sign_in(page, demo, "audrey")
    page.goto("/admin/orders/order/")
    expect(page.locator("#result_list tbody tr").first).to_be_visible()
    expect(page.locator("[id^=cell-] button")).to_have_count(0)


def test_every_page_says_that_orders_are_practice_orders(page, demo):
    page.goto("/admin/login/")
    expect(page.locator("body")).to_contain_text("PAPER")
    sign_in(page, demo, "ada")
    for path in ("", "orders/order/", "orders/account/", "orders/auditrecord/"):
        page.goto(f"/admin/{path}")
        expect(page.locator("body")).to_contain_text("PAPER")
