"""Pictures draw what the log holds, lead to what they count, and an order prints on one page."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.screens import ORDERS, cancel_one, cancelled_order, running_job, sign_in
from tests.browser.test_click import SOON_MS

pytestmark = pytest.mark.browser
LATE_MS = 3 * SOON_MS
DRAWN = """(name) => {
    const chart = Chart.getChart(document.querySelector(`#picture-${name} canvas`));
    return JSON.stringify(chart.data.datasets.map((one) => [one.label, one.data]));
}"""
MORE_CANCELLED = """(before) => {
    const chart = Chart.getChart(document.querySelector("#picture-outcomes canvas"));
    const ended = chart.data.datasets.find((one) => one.label === "Cancelled");
    return ended && ended.data.reduce((a, b) => a + b, 0) > before;
}"""
MIDDLE_OF_A_BAR = """(name) => {
    const canvas = document.querySelector(`#picture-${name} canvas`);
    const bar = Chart.getChart(canvas).getDatasetMeta(0).data[0];
    const at = canvas.getBoundingClientRect(), middle = bar.getCenterPoint();
    return [at.left + middle.x, at.top + middle.y];
}"""


@pytest.fixture(scope="module")
def demo(quiet_demo):
    """A demo in which nobody has cancelled anything before."""
    return quiet_demo


def overview(page, demo):
    sign_in(page, "hannah", demo.logins["hannah"])
    page.goto("/admin/")
    page.wait_for_selector("#picture-notional canvas", timeout=LATE_MS)


def drawn(page, name):
    return dict(json.loads(page.evaluate(DRAWN, name)))


def test_the_overview_draws_as_many_cancels_as_the_log_has(page, demo):
    sign_in(page, "hannah", demo.logins["hannah"])
    cancel_one(page)
    page.goto("/admin/")
    page.wait_for_selector("#picture-outcomes canvas", timeout=LATE_MS)
    counted = sum(drawn(page, "outcomes")["Cancelled"])
    page.goto(f"{ORDERS}auditrecord/?event=outcome&outcome=cancelled")
    assert counted == page.locator("#result_list tbody tr").count()


def test_figures_follow_without_a_new_canvas(page, demo):
    overview(page, demo)
    before = sum(drawn(page, "outcomes").get("Cancelled", [0]))
    other = page.context.new_page()
    cancel_one(other)
    page.bring_to_front()
    page.evaluate("() => { document.querySelector('#picture-outcomes canvas').kept = true; }")
    page.wait_for_function(MORE_CANCELLED, arg=before, timeout=LATE_MS)
    assert page.evaluate("() => document.querySelector('#picture-outcomes canvas').kept")


def test_a_bar_leads_to_what_it_counts(page, demo):
    overview(page, demo)
    page.mouse.click(*page.evaluate(MIDDLE_OF_A_BAR, "notional"))
    page.wait_for_url(re.compile(r"/orders/order/\?symbol=.*&side=bid"), timeout=LATE_MS)


def test_a_job_is_burnt_down_to_nought(page, demo):
    sign_in(page, "hannah", demo.logins["hannah"])
    running_job(page)
    expect(page.locator("#progress")).to_contain_text("Done", timeout=LATE_MS)
    page.wait_for_function(
        "() => Chart.getChart(document.querySelector('#picture-burn-down canvas')).data.datasets"
        ".every((one) => one.data.at(-1) === 0 && one.data[0] > 0)",
        timeout=LATE_MS,
    )


def test_the_strip_of_checkpoints_stands_in_its_page(page, demo):
    sign_in(page, "audrey", demo.logins["audrey"])
    page.goto(f"{ORDERS}verification/")
    strip = page.locator("figure").filter(has_text="The newest checkpoints")
    expect(strip).to_be_visible()
    assert strip.evaluate("(one) => getComputedStyle(one).position") == "static"


def test_an_order_prints_on_one_page_of_a4_with_its_hashes(page, demo):
    sign_in(page, "hannah", demo.logins["hannah"])
    cancelled_order(page)
    expect(page.locator("#picture-life")).to_contain_text("Proven and recorded")
    assert re.search("[0-9a-f]{64}", page.locator("#picture-life").inner_text())
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) == 1
