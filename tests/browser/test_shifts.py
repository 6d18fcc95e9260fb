"""Nothing moves by itself: what the browser counts as layout shift while pages follow is nought."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.screens import ORDERS, running_job
from tests.browser.test_click import SOON_MS, sign_in
from tests.browser.test_guards import disarm, made_guard
from tests.browser.test_list_follows import exchange as exchange  # a fixture

pytestmark = pytest.mark.browser
FOLLOWED_MS = 1500
KEPT = re.compile(r"job-rows[^>]*hx-preserve")
LEAST = 0.0005  # a line that moves by one pixel

WATCH = """() => {
    window.shifted = [];
    new PerformanceObserver((seen) => window.shifted.push(...seen.getEntries().map((one) =>
        [one.value, one.sources.map((each) => each.node?.outerHTML?.slice(0, 200)).join()])))
        .observe({type: "layout-shift"});
}"""


@pytest.fixture
def head(browser, demo):
    """A desk head in another browser."""
    context = browser.new_context(base_url=demo.address)
    page = context.new_page()
    sign_in(page, demo, "hannah")
    yield page
    context.close()


@pytest.fixture
def slow_exchange(exchange):
    """Each answer takes long enough that a small job is seen to run."""
    before = exchange("GET", "/rules")["latency_ms"]
    exchange("PUT", "/rules", {"latency_ms": 3000})
    yield
    exchange("PUT", "/rules", {"latency_ms": before})


def watched(page):
    page.wait_for_selector("html[data-line=stands]")
    page.wait_for_timeout(FOLLOWED_MS)
    page.evaluate(WATCH)


def moved(page):
    """What moved since, once a page has followed; also after an input of its reader."""
    page.wait_for_timeout(FOLLOWED_MS)
    return [one for one in page.evaluate("() => window.shifted") if one[0] > LEAST]


def cancel(page, number):
    """Cancel an order on its own page, in another tab."""
    page.goto(f"{ORDERS}order/{number}/change/")
    page.locator(".dk-head .dk-cell button").click()
    page.locator(".dk-head .dk-good").wait_for()


@pytest.mark.parametrize("path", ["order/", "order/{}/change/", ""])
def test_nothing_moves_while_a_strip_comes_and_goes_and_an_order_is_cancelled(
    page, demo, head, path
):
    made_guard(head)
    sign_in(page, demo, "hannah")
    page.goto(f"{ORDERS}order/")
    cells = page.locator(".dk-cell:has(button[hx-post])")
    number = cells.nth(5).get_attribute("id").removeprefix("cell-")
    page.goto(f"{ORDERS}{path.format(number)}" if path else "/admin/")
    watched(page)
    head.get_by_role("button", name="Arm it", exact=True).click()
    page.locator(".dk-guard").wait_for()
    head.get_by_role("button", name="Disarm it").wait_for()
    cancel(head.context.new_page(), number)
    disarm(head)
    assert moved(page) == []


def test_nothing_moves_on_a_jobs_page_while_it_comes_to_its_end(page, demo, slow_exchange):
    sign_in(page, demo, "hannah")
    page.set_viewport_size({"width": 1440, "height": 2000})  # the orders below it are seen too
    running_job(page)
    page.wait_for_selector("html[data-line=stands]")
    page.evaluate(WATCH)
    expect(page.locator("#progress")).to_contain_text("Running")
    expect(page.locator("#progress")).to_contain_text("Done", timeout=SOON_MS)
    expect(page.get_by_text("appeared in the scope since it was frozen")).to_be_visible()
    assert moved(page) == []


def test_the_rows_of_a_job_stay_while_they_are_the_same(page, demo):
    sign_in(page, demo, "hannah")
    running_job(page)
    expect(page.locator("#progress")).to_contain_text("Done", timeout=SOON_MS)
    table = page.locator("#job-rows table")
    for _ in range(40):  # what was filled is read by then; a job's times are told anew each 5 s
        table.evaluate("(one) => { one.wasThere = true; }")
        with page.expect_response(lambda told: "/progress/" in told.url) as told:
            page.evaluate("() => { window.htmx.trigger('#progress', 'desk:changed'); }")
        if told.value.status != 204 and KEPT.search(told.value.text()):
            break
        page.wait_for_timeout(500)
    else:
        raise AssertionError("the rows were sent each time")
    page.wait_for_timeout(100)
    assert table.evaluate("(one) => one.wasThere")
    expect(table.locator("tbody tr").first).to_contain_text("Cancelled")
