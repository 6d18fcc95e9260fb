"""The list of orders follows what happens elsewhere, without moving what is under the pointer."""

import re

import pytest
from playwright.sync_api import expect

from desk.demo.seed import ask
from tests.browser.test_click import SOON_MS, sign_in
from tests.browser.test_click import pytestmark as pytestmark
from tests.helpers.stack import environment_of

STANDS = "html[data-line=stands]"
NO_LINE = "delete window.SharedWorker; delete window.EventSource"
POLLED_MS = 20_000
PLACES = """() => [...document.querySelectorAll('#result_list tbody tr')]
    .map(row => row.getBoundingClientRect()).map(({y, height}) => [y, height])"""


@pytest.fixture(scope="module")
def exchange(demo):
    """The control doors of the demo's paper exchange."""
    found = re.search(rb"PACIFICA_PAPER_URL=(\S+?)/api/v1\0", environment_of(demo.processes()[0]))
    control = f"{found[1].decode()}/_paper"
    return lambda method, door, body=None: ask(control, method, door, body)


def orders_of(page, *, follows=True, query=""):
    page.goto(f"/admin/orders/order/{query}")
    if follows:
        page.wait_for_selector(STANDS)
    return page


def order_at(page, number):
    """A row of the list, held by its cell from now on; its cell's name, and its order's id."""
    row = page.locator("#result_list tbody tr").nth(number)
    cell = row.locator(".dk-cell").get_attribute("id")
    order_id = int(row.locator(".c-id").text_content())
    return page.locator("#result_list tr").filter(has=page.locator(f"#{cell}")), order_id


def truth(exchange, order_id):
    return next(o for o in exchange("GET", "/orders")["orders"] if o["order_id"] == order_id)


@pytest.mark.parametrize("follows", [True, False])
def test_an_order_cancelled_elsewhere_ends_in_its_row_and_nothing_moves(
    page, demo, exchange, follows
):
    if not follows:
        page.add_init_script(NO_LINE)
    sign_in(page, demo, "olivia")
    orders_of(page, follows=follows)
    row, order_id = order_at(page, 3)
    row.locator(".action-select").check()
    places = page.evaluate(PLACES)
    exchange("POST", "/closings", {"order_id": order_id})
    expect(row).to_have_class(re.compile("dk-ended"), timeout=POLLED_MS)
    expect(row.locator(".dk-cell")).to_contain_text("Cancelled")
    expect(row.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(row.locator(".action-select")).to_be_checked()
    page.wait_for_timeout(7000 if not follows else 0)  # over polls that have nothing to tell
    assert page.evaluate(PLACES) == places
    expect(page.get_by_text("That did not work")).to_have_count(0)


def test_a_fill_is_seen_in_the_row_of_a_second_tab_too(page, demo, exchange):
    sign_in(page, demo, "olivia")
    tabs = [orders_of(page), orders_of(page.context.new_page())]
    _, order_id = order_at(page, 5)
    left = float(truth(exchange, order_id)["amount"])
    exchange("POST", "/fills", {"order_id": order_id, "amount": str(left / 4)})
    for tab in tabs:
        other, _ = order_at(tab, 5)
        expect(other.locator(".c-filled")).to_contain_text(re.compile("[1-9]"), timeout=SOON_MS)


@pytest.mark.parametrize("follows", [True, False])
def test_new_orders_are_a_line_that_leads_to_the_same_list(page, demo, exchange, follows):
    if not follows:
        page.add_init_script(NO_LINE)
    sign_in(page, demo, "olivia")
    query = "?symbol=BTC&o=-price"
    orders_of(page, follows=follows, query=query)
    places = page.evaluate(PLACES)
    like = truth(exchange, order_at(page, 0)[1])
    fields = {"symbol": "BTC", "side": like["side"], "price": like["initial_price"]}
    fields["initial_amount"] = like["amount"]
    other = fields | {"symbol": "ETH"}
    placed = {"account": like["account"], "orders": [fields, fields, other]}
    ids = exchange("POST", "/orders", placed)["order_ids"]
    line = page.get_by_role("link", name="2 new orders, show")
    expect(line).to_be_visible(timeout=POLLED_MS)
    assert page.evaluate(PLACES) == places
    line.click()
    page.wait_for_url(f"**/order/{query}")
    for order_id in ids[:2]:
        expect(page.locator("#result_list")).to_contain_text(str(order_id))
    expect(page.get_by_text("new orders, show")).to_have_count(0)


def test_a_click_into_a_row_that_just_changed_does_nothing(page, demo, exchange):
    sign_in(page, demo, "olivia")
    orders_of(page)
    row, _ = order_at(page, 7)
    button = row.get_by_role("button", name="Cancel")
    asked = []
    page.on("request", lambda request: asked.append(request.method))
    text = page.locator(f"#{row.locator('.dk-cell').get_attribute('id')}").evaluate(
        """(cell) => {
            const row = cell.closest("tr"), amount = row.querySelector(".c-filled");
            const fresh = row.outerHTML.replace(amount.outerHTML, '<td class="c-filled">7</td>');
            window.deskReplace.put(fresh.replace(/<td><input[^>]*><\\/td>/, ""), 1e15);
            const press = (one) => one.dispatchEvent(
                new MouseEvent("click", {bubbles: true, cancelable: true, detail: 1}));
            press(row.querySelector(".dk-cell button"));
            press(row.querySelector(".action-select"));
            return [row.querySelector(".c-filled").textContent,
                row.querySelector(".action-select").checked];
        }"""
    )
    assert text == ["7", False]
    page.wait_for_timeout(500)
    assert "POST" not in asked
    button.click()
    expect(row.locator(".dk-cell")).to_contain_text("Cancelled", timeout=SOON_MS)


def test_an_orders_page_brings_its_facts_and_its_life_along(page, demo, exchange):
    sign_in(page, demo, "olivia")
    orders_of(page)
    row, order_id = order_at(page, 9)
    row.locator("th a").click()
    page.wait_for_selector(STANDS)
    exchange("POST", "/closings", {"order_id": order_id})
    expect(page.locator("#order-facts")).to_contain_text("Closed: cancelled", timeout=SOON_MS)
    expect(page.locator("#order-life")).to_contain_text("stream told of")
    expect(page.locator(".dk-head .dk-cell")).to_contain_text("Cancelled")
