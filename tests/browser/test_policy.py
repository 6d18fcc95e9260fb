"""The content security policy, kept by a real browser, breaks no page of ours."""

import pytest

from tests.browser.test_click import sign_in

pytestmark = pytest.mark.browser
PAGES = [
    "",
    "orders/order/",
    "orders/order/cancel-by-id/",
    "orders/canceljob/",
    "orders/cancel/",
    "orders/account/",
    "orders/agentwallet/",
    "orders/agentwallet/add/",
    "orders/auditrecord/",
    "orders/desk/",
    "orders/desk/add/",
    "auth/user/",
    "auth/user/add/",
    "password_change/",
    "second-factor/enrol/",
]


def test_no_page_asks_for_what_the_policy_forbids(page, demo):
    refused = []
    page.on("console", lambda line: refused.append(line.text))
    page.goto("/admin/login/")
    sign_in(page, demo, "ada")
    for path in PAGES:
        page.goto(f"/admin/{path}")
        if page.evaluate("() => 'deskEvents' in window"):  # else its network is idle at last
            page.wait_for_selector("html[data-line=stands]")
    assert [line for line in refused if "Content Security" in line] == []


def test_the_browser_runs_no_inline_script(page, demo):
    sign_in(page, demo, "ada")
    page.goto("/admin/")
    page.evaluate(
        "() => { const s = document.createElement('script');"
        " s.textContent = 'window.ran = true'; document.body.append(s); }"
    )
    assert page.evaluate("() => window.ran") is None
