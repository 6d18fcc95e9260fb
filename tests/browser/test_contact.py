"""Where the site does not answer, each page says since when, and pretends nothing."""

import os
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.test_click import SOON_MS, sign_in

pytestmark = pytest.mark.browser
GONE, PRESENT = "html[data-contact=gone]", "html:not([data-contact])"
LATE_MS = 30_000


def strip(page):
    return page.locator("#no-contact")


def opened(page, demo, path="/admin/orders/order/"):
    sign_in(page, demo, "olivia")
    page.goto(path)
    page.wait_for_selector("html[data-line=stands]")


def web_of(demo):
    """The processes that serve pages."""

    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in demo.processes()}
    return [pid for pid, command in commands.items() if b"gunicorn" in command]


@contextmanager
def frozen(demo):
    """The web takes requests and answers none."""
    stopped = web_of(demo)
    assert stopped
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


def test_a_strip_says_since_when_and_what_to_do_and_moves_no_row(page, demo):
    opened(page, demo)
    row = page.locator("#result_list tbody tr").nth(3)
    before = row.bounding_box()["y"]
    page.context.set_offline(True)
    page.wait_for_selector(GONE, timeout=SOON_MS)
    expect(strip(page)).to_contain_text("No contact with the desk since")
    expect(strip(page)).to_contain_text("manage.py panic --desk Momentum --operator olivia")
    assert row.bounding_box()["y"] == before
    page.context.set_offline(False)
    page.wait_for_selector(PRESENT, timeout=SOON_MS)
    expect(strip(page)).to_be_hidden()


def test_ages_stand_still_while_nothing_is_heard(page, demo):
    opened(page, demo, "/admin/")
    age = page.locator("#book time[data-ago]").first
    page.context.set_offline(True)
    page.wait_for_selector(GONE, timeout=SOON_MS)
    shown = age.text_content()
    page.wait_for_timeout(2500)
    assert age.text_content() == shown


def test_ages_go_by_the_sites_clock_not_by_the_browsers(page, demo):
    three_hours = "Date.now = ((now) => () => now.call(Date) + 10_800_000)(Date.now)"
    page.add_init_script(three_hours)
    opened(page, demo, "/admin/")
    page.wait_for_timeout(1500)
    assert " h " not in page.locator("#book time[data-ago]").first.text_content()


def test_a_form_is_not_sent_into_nowhere(page, demo):
    opened(page, demo, "/admin/orders/order/cancel-by-id/")
    page.fill("[name=reason]", "the feed is wrong")
    page.context.set_offline(True)
    page.wait_for_selector(GONE, timeout=SOON_MS)
    page.get_by_role("button", name="Cancel this order").click()
    expect(strip(page)).to_contain_text("What you just pressed was not sent.")
    expect(page.locator("[name=reason]")).to_have_value("the feed is wrong")


def test_a_site_that_takes_requests_and_answers_none_is_gone_too(page, demo):
    opened(page, demo)
    with frozen(demo):
        page.wait_for_selector(GONE, timeout=LATE_MS)
    page.wait_for_selector(PRESENT, timeout=LATE_MS)
