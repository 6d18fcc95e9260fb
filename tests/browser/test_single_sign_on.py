"""Single sign-on at a real provider, in a real browser: `make sso`. The way back crosses sites."""

import json
import secrets
import subprocess
import time

import pytest
from playwright.sync_api import expect

from desk.demo.stack import free_port
from tests.browser.screens import sign_in
from tests.browser.test_accessibility import faults_of
from tests.browser.test_click import SOON_MS
from tests.helpers.stack import ROOT, running_demo

pytestmark = [pytest.mark.browser, pytest.mark.exhaustive]
HERE = ROOT / "tests/browser/sso"
ROLES = {"traders": {"Momentum": "operator"}, "heads": {"Basis": "head"}}
EMERGENCY = "ada"


class RealProvider:
    """A provider in a process of its own, under another site's name than the desk's."""

    def __init__(self, back, secret):
        self.port = free_port()
        self.issuer, self._about = f"http://localhost:{self.port}", (back, secret)
        self.start()

    def start(self):
        command = ["node", str(HERE / "provider.mjs"), self.issuer, str(self.port), *self._about]
        self.process = subprocess.Popen(
            command, cwd=ROOT / "data/sso", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert b"listening" in self.process.stdout.readline()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A provider and a demo that knows it, as (provider, demo)."""
    port, secret = free_port(), secrets.token_hex(16)
    folder = tmp_path_factory.mktemp("sso")
    roles = folder / "roles.json"
    roles.write_text(json.dumps(ROLES))
    provider = RealProvider(f"http://127.0.0.1:{port}/admin/single-sign-on/back/", secret)
    settings = {
        "SSO_ISSUER": provider.issuer,
        "SSO_NAME": "Example ID",
        "SSO_CLIENT_ID": "desk",
        "SSO_CLIENT_SECRET": secret,
        "SSO_ROLES_FILE": str(roles),
        "SSO_ONLY": "true",
        "SSO_EMERGENCY_ADMINISTRATOR": EMERGENCY,
    }
    with running_demo(folder / "data", port=port, settings=settings) as demo:
        yield provider, demo
    provider.stop()


@pytest.fixture(scope="module")
def demo(there):
    return there[1]


def sign_in_there(page, name):
    """Go by the button, sign in at the provider under this name, and agree once."""
    page.goto("/admin/login/")
    page.get_by_role("button", name="Sign in with Example ID").click()
    page.wait_for_url("http://localhost:*/**")
    give(page, name)


def give(page, name):
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", "anything")
    page.click("button[type=submit]")
    page.wait_for_load_state()
    if page.url.startswith("http://localhost"):
        page.click("button[type=submit]")  # what the site may know
    page.wait_for_url("**/admin/**")


def test_a_trader_is_in_with_the_role_of_the_group(page):
    began = time.monotonic()
    sign_in_there(page, "traders@example.com")
    page.wait_for_url("**/admin/")
    print(f"from the button to the overview: {time.monotonic() - began:.1f} s")
    page.goto("/admin/orders/order/")
    expect(page.locator("tr.dk-order, #result_list tbody tr").first).to_be_visible(timeout=SOON_MS)
    page.goto("/admin/your-settings/")
    expect(page.get_by_text("Example ID knows you as")).to_be_visible()
    assert faults_of(page) == []


def test_somebody_of_no_group_is_in_and_may_nothing(page):
    sign_in_there(page, "nobody@example.com")
    answer = page.goto("/admin/orders/order/")
    assert answer.status == 403


def test_a_new_proof_is_given_there(page):
    sign_in_there(page, "heads@example.com")
    page.goto("/admin/confirm-yourself/?next=/admin/your-settings/")
    page.get_by_role("button", name="Confirm with Example ID").click()
    page.wait_for_url("http://localhost:*/**")
    give(page, "heads@example.com")
    page.wait_for_url("**/admin/your-settings/")


def test_forms_of_another_tab_stay_good_after_a_walk(page):
    sign_in_there(page, "heads@example.com")
    other = page.context.new_page()
    other.goto("/admin/your-settings/")
    page.goto("/admin/confirm-yourself/")
    page.get_by_role("button", name="Confirm with Example ID").click()
    page.wait_for_url("http://localhost:*/**")
    give(page, "heads@example.com")
    other.get_by_role("button", name="Use this time zone").click()
    expect(other.get_by_text("Pages tell times in the time zone")).to_be_visible()


def test_with_the_provider_down_the_emergency_administrator_comes_in(there, page):
    provider, demo = there
    provider.stop()
    try:
        page.goto("/admin/login/")
        assert faults_of(page) == []
        page.get_by_role("button", name="Sign in with Example ID").click()
        page.wait_for_load_state()
        sign_in(page, EMERGENCY, demo.logins[EMERGENCY])
        page.goto("/admin/orders/alert/")
        expect(page.get_by_text("by the emergency password").first).to_be_visible()
    finally:
        provider.start()
