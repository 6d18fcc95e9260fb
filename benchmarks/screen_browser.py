"""A headless browser for the parts of `benchmarks.screens`, and who is signed in there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ORDERS = "/admin/orders/order/"
JOBS = "/admin/orders/canceljob/"
LISTED, RUNNING = 150, 3000  # orders: more than a list shows, and than are soon cancelled
SLOW_MS = 2000  # of the exchange, so that a job is still running while its page is looked at
WAIT_MS = 60_000
SIZE = {"width": 1440, "height": 900}


@contextmanager
def opened_browser() -> Iterator[Any]:
    """Start a headless browser; what asks the database beside its driver may do so."""
    from playwright.sync_api import sync_playwright

    from tests.browser.chromium import launched

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # the driver runs a loop in this thread
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


def state_of(browser: Any, site: str, name: str) -> Any:
    """Sign a person in; return what the browser keeps of it."""
    from tests.browser.screens import sign_in
    from tests.helpers.firm import PASSWORD

    context = browser.new_context(base_url=site)
    sign_in(context.new_page(), name, PASSWORD)
    state = context.storage_state()
    context.close()
    return state
