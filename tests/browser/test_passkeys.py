"""Passkeys in a real browser, whose authenticator is a virtual one that verifies its user."""

import pytest
from playwright.sync_api import expect

from tests.browser.screens import sign_in
from tests.browser.test_accessibility import faults_of
from tests.browser.test_click import SOON_MS

pytestmark = pytest.mark.browser
LATE_MS = 3 * SOON_MS
OWN = "/admin/your-second-factor/"
DEVICE = {"protocol": "ctap2", "transport": "internal", "hasUserVerification": True}
DEVICE |= {"hasResidentKey": True, "isUserVerified": True, "automaticPresenceSimulation": True}


@pytest.fixture(scope="module")
def demo(quiet_demo):
    """A demo whose people have no second factor yet, and none afterwards."""
    yield quiet_demo
    for table in ("orders_passkey", "orders_recoverycode", "orders_secondfactor"):
        quiet_demo.sql(f"DELETE FROM {table}")


class Devices:
    """The authenticators that a page's browser reaches, one or none at a time."""

    def __init__(self, page):
        self.cdp = page.context.new_cdp_session(page)
        self.cdp.send("WebAuthn.enable")
        self.here = None

    def plug(self, **about):
        """Have a new device at hand, in place of the one before."""
        self.unplug()
        options = {"options": DEVICE | about}
        self.here = self.cdp.send("WebAuthn.addVirtualAuthenticator", options)["authenticatorId"]

    def unplug(self):
        """Have no device at hand."""
        if self.here:
            self.cdp.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": self.here})
        self.here = None

    def keys(self):
        """The keys that the device holds."""
        found = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.here})
        return found["credentials"]

    def put(self, keys):
        """Put these keys into the device at hand."""
        for key in keys:
            about = {"authenticatorId": self.here, "credential": key}
            self.cdp.send("WebAuthn.addCredential", about)


@pytest.fixture
def devices(page):
    return Devices(page)


def add_passkey(page, name):
    page.goto(OWN)
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name of the passkey").fill(name)
    page.get_by_role("button", name="Set up a passkey").click()


def enrol(page, demo, person, name="laptop"):
    """Sign a person in who has no factor, and set a first passkey up."""
    sign_in(page, person, demo.logins[person])
    add_passkey(page, name)
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible(timeout=LATE_MS)


def begin_anew(page):
    """Open the sign-in as nobody; the page left first, which would go there by itself."""
    page.goto("about:blank")
    page.context.clear_cookies()
    page.goto("/admin/login/")


def sign_in_again(page, demo, person):
    """Give name and password anew; the second step is asked for."""
    begin_anew(page)
    page.fill("#id_username", person)
    page.fill("#id_password", demo.logins[person])
    page.click("#login-form button[type=submit]")
    page.wait_for_url("**/second-factor/**")


def use_passkey(page):
    button = page.get_by_role("button", name="Use a passkey")
    expect(button).to_be_focused(timeout=LATE_MS)
    button.press("Enter")


def said(page):
    return page.locator("[data-passkey-said]")


def test_a_passkey_is_set_up_and_signs_in_by_keys_alone(page, demo, devices):
    devices.plug()
    enrol(page, demo, "olivia")
    sign_in_again(page, demo, "olivia")
    assert faults_of(page) == []
    use_passkey(page)
    page.wait_for_url("**/admin/")
    page.goto(OWN)
    row = page.get_by_role("row").filter(has_text="laptop")
    expect(row).not_to_contain_text("not yet")
    assert faults_of(page) == []


def test_two_devices_the_wrong_one_and_a_removed_one(page, demo, devices):
    devices.plug()
    enrol(page, demo, "hannah")
    laptop = devices.keys()
    devices.plug()
    add_passkey(page, "phone")
    expect(page.get_by_text("Passkey “phone” is set up.")).to_be_visible(timeout=LATE_MS)
    sign_in_again(page, demo, "hannah")
    use_passkey(page)  # by the phone, which is at hand
    page.wait_for_url("**/admin/")
    page.goto(OWN)
    page.get_by_role("button", name="Remove phone").click()
    expect(page.get_by_text("Passkey “phone” is removed.")).to_be_visible(timeout=LATE_MS)
    sign_in_again(page, demo, "hannah")
    use_passkey(page)
    expect(said(page)).to_contain_text("holds none of yours", timeout=LATE_MS)
    devices.plug()
    devices.put(laptop)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/admin/")


def test_a_passkey_alone_signs_in_without_a_name(page, demo, devices):
    devices.plug()
    page.goto("/admin/login/")
    button = page.get_by_role("button", name="Sign in with a passkey")
    button.click()
    expect(said(page)).to_contain_text("holds none of yours", timeout=LATE_MS)
    enrol(page, demo, "omar")
    page.goto("/admin/")
    begin_anew(page)
    assert faults_of(page) == []
    button.click()
    page.wait_for_url("**/admin/")
    expect(page.get_by_text("omar").first).to_be_visible()
    page.goto(OWN)
    page.get_by_role("button", name="Remove laptop").click()
    page.wait_for_url("**/admin/login/**")


def test_a_device_is_not_set_up_twice(page, demo, devices):
    devices.plug()
    enrol(page, demo, "audrey")
    add_passkey(page, "again")
    expect(said(page)).to_contain_text("holds a passkey of yours already", timeout=LATE_MS)


def test_a_copied_key_is_refused_once_its_counter_falls_behind(page, demo, devices):
    devices.plug()
    enrol(page, demo, "ada")
    copy = devices.keys()
    for _ in range(2):
        sign_in_again(page, demo, "ada")
        use_passkey(page)
        page.wait_for_url("**/admin/")
    devices.plug()
    devices.put(copy)
    sign_in_again(page, demo, "ada")
    use_passkey(page)
    expect(said(page)).to_contain_text("there may be a copy of it", timeout=LATE_MS)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible(timeout=LATE_MS)


def test_a_device_that_verifies_nobody_and_a_browser_without_passkeys_are_told(page, demo, devices):
    sign_in(page, "omar", demo.logins["omar"])
    devices.plug(hasUserVerification=False, isUserVerified=False)
    add_passkey(page, "key")
    expect(said(page)).not_to_be_empty(timeout=LATE_MS)
    page.evaluate("() => { delete window.PublicKeyCredential; }")
    page.get_by_role("button", name="Set up a passkey").click()
    expect(said(page)).to_contain_text("This browser has no passkeys", timeout=LATE_MS)


def test_the_only_one_removed_takes_the_session_along(page, demo, devices):
    devices.plug()
    sign_in(page, "omar", demo.logins["omar"])
    add_passkey(page, "laptop")
    page.get_by_role("link", name="I have kept them").click()
    page.goto(OWN)
    page.get_by_role("button", name="Remove laptop").click()
    # the page itself says so, unless the door is there first
    ended = page.get_by_text("Your session has ended").or_(page.locator("input[name=username]"))
    expect(ended.first).to_be_visible(timeout=LATE_MS)
    sign_in(page, "omar", demo.logins["omar"])


def test_without_its_script_a_code_still_signs_in(page, demo, devices):
    devices.plug()
    sign_in(page, "omar", demo.logins["omar"])
    add_passkey(page, "laptop")
    code = page.locator(".dk-codes li").first.text_content()
    page.context.route("**/passkeys*.js", lambda route: route.abort())
    sign_in_again(page, demo, "omar")
    expect(page.get_by_role("button", name="Use a passkey")).to_be_hidden(timeout=LATE_MS)
    page.fill("#id_code", code)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/admin/")
