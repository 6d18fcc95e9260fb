"""Clicks and time of a sign-in by a passkey; a part of `benchmarks.screens`."""

import argparse
import time
from typing import Any

from benchmarks import stage
from benchmarks.screen_browser import SIZE, WAIT_MS, opened_browser


def passkeys(given: argparse.Namespace) -> None:
    """Print what it takes from the page to sign in to the overview, by password and by passkey."""
    with stage.Stage(given, PASSKEY_SIGN_IN="true") as site:
        site.firm()
        site.start()
        print(site.conditions())
        with opened_browser() as browser:
            address = site.site.replace("127.0.0.1", "localhost")  # a number has no passkeys
            page = _with_passkey(browser.new_context(base_url=address, viewport=SIZE))
            for what, walk in WAYS_IN.items():
                walks = [walk(page) for _ in range(given.times)]
                clicks, seconds = walks[0][0], [ms for _, ms in walks]
                print(f"{what}, clicks: {clicks}; {stage.told(seconds)} from the first press")


def _with_passkey(context: Any) -> Any:
    """Return a page with an authenticator, on which Hannah has set a passkey up."""
    from tests.browser.screens import sign_in
    from tests.browser.test_passkeys import Devices, add_passkey
    from tests.helpers.firm import PASSWORD

    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    Devices(page).plug()
    sign_in(page, "hannah", PASSWORD)
    add_passkey(page, "laptop")
    page.get_by_role("heading", name="Recovery codes").wait_for()
    return page


def _at_the_door(page: Any) -> None:
    page.goto("about:blank")  # else the page before, its session gone, goes to the door by itself
    page.context.clear_cookies()
    page.goto("/admin/login/")


def _by_password_and_passkey(page: Any) -> tuple[int, float]:
    from tests.helpers.firm import PASSWORD

    _at_the_door(page)
    page.fill("#id_username", "hannah")
    page.fill("#id_password", PASSWORD)
    use = page.get_by_role("button", name="Use a passkey")
    return _let_in(page, page.locator("#login-form button[type=submit]"), use)


def _by_passkey_alone(page: Any) -> tuple[int, float]:
    _at_the_door(page)
    return _let_in(page, page.get_by_role("button", name="Sign in with a passkey"))


def _let_in(page: Any, *buttons: Any) -> tuple[int, float]:
    """Press one after another; return how many, and the ms until the overview is there."""
    buttons[0].wait_for()
    at = time.perf_counter()
    for button in buttons:
        button.click()
    page.locator("[data-panic]").wait_for()
    return len(buttons), (time.perf_counter() - at) * 1000


WAYS_IN = {"password, then passkey": _by_password_and_passkey, "passkey alone": _by_passkey_alone}
