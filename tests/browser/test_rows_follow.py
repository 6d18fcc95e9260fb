"""The lists of jobs and of open questions follow; nothing that is ticked is lost, no row goes."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_click import first_cell, sign_in
from tests.browser.test_list_follows import NO_LINE, POLLED_MS
from tests.browser.test_list_follows import pytestmark as pytestmark

JOBS, QUESTIONS = "/admin/orders/canceljob/", "/admin/orders/cancel/"


@pytest.fixture
def cancelled(page, demo):
    """The row id of a cancel that is over, asked for by the person of the page."""
    sign_in(page, demo, "olivia")
    page.goto("/admin/orders/order/")
    cell = first_cell(page)
    cell.get_by_role("button").click()
    expect(cell).to_contain_text("Cancelled", timeout=POLLED_MS)
    ((pk, job_id),) = demo.sql("SELECT id, job_id FROM orders_cancel ORDER BY id DESC LIMIT 1")
    return pk, job_id


def test_a_running_job_is_done_in_its_row(page, demo, cancelled):
    page.add_init_script(NO_LINE)
    _, job_id = cancelled
    demo.sql("UPDATE orders_canceljob SET status = 'running' WHERE id = ?", job_id)
    page.goto(JOBS)
    row = page.locator(f"tr[data-row='{job_id}']")
    expect(row).to_contain_text("Running")
    demo.sql("UPDATE orders_canceljob SET status = 'done' WHERE id = ?", job_id)
    expect(row).to_contain_text("Done", timeout=POLLED_MS)
    expect(page.locator("#list-rows")).to_have_count(0)


def test_an_open_question_is_answered_in_its_row_with_its_tick_kept(page, demo, cancelled):
    pk, _ = cancelled
    ask = "UPDATE orders_cancel SET status = ?, next_check_at = ?, explanation = ? WHERE id = ?"
    demo.sql(ask, "unknown", "2099-01-01 03:04:05", "Lost.", pk)
    page.goto(QUESTIONS)
    row = page.locator(f"tr[data-row='{pk}']")
    row.locator(".action-select").check()
    demo.sql(ask, "cancelled", None, "Proven meanwhile.", pk)
    expect(row).to_contain_text("Proven meanwhile.", timeout=POLLED_MS)
    expect(row).to_contain_text("Cancelled")
    expect(row.locator(".action-select")).to_be_checked()
    expect(page.get_by_text("That did not work")).to_have_count(0)
