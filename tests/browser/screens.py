"""Every screen of the site in the states that a person meets, for whoever walks over all."""

import re
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

from playwright.sync_api import Page

ADMIN = "/admin/"
ORDERS = "/admin/orders/"
LOGIN = "/admin/login/"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
SOON_MS = 60_000
OF_MOMENTUM = ("DOGE", "HYPE", "SUI", "AVAX", "LINK", "XRP")  # symbols that no other desk trades


class Screen(NamedTuple):
    """``person``: who looks, or nobody. ``open``: an address, or what opens it on a page."""

    name: str
    person: str
    open: str | Callable[[Page], object]
    status: int = 200


def sign_in(page: Page, name: str, password: str) -> None:
    """Sign a person in at the sign-in page, which is asked and answered but not drawn."""
    form = page.request.get(LOGIN)
    token = TOKEN.search(form.text())
    assert token is not None, form.status
    typed = {"username": name, "password": password, "csrfmiddlewaretoken": token[1]}
    answer = page.request.post(LOGIN, form=typed, max_redirects=0)
    assert answer.headers.get("location") == ADMIN, answer.status


def show(page: Page, screen: Screen) -> None:
    """Open a screen and wait until it stands still."""
    if isinstance(screen.open, str):
        answer = page.goto(screen.open)
        assert answer is not None
        assert answer.status == screen.status, (screen.name, answer.status)
    else:
        screen.open(page)
    page.wait_for_load_state("load")


def first_of(place: str) -> Callable[[Page], None]:
    """Open the first row of a list."""

    def open_first(page: Page) -> None:
        page.goto(place)
        link = page.locator("#result_list tbody a").first
        page.goto(link.evaluate("link => link.href"))  # whole: links of a list are relative

    return open_first


def cancel_one(page: Page) -> str:
    """Cancel the first order that can be, and wait for the end; the id of its row."""
    page.goto(f"{ORDERS}order/")
    button = page.locator(".dk-cell button[hx-post]").first
    cell = button.locator("xpath=ancestor::*[contains(@class,'dk-cell')]").get_attribute("id")
    button.click()
    page.locator(f"#{cell} .dk-good").wait_for(timeout=SOON_MS)
    return str(cell).removeprefix("cell-")


def cancelled_order(page: Page) -> None:
    """The page of an order that was cancelled just now."""
    page.goto(f"{ORDERS}order/{cancel_one(page)}/change/")


def select(count: int) -> Callable[[Page], None]:
    """Select so many rows and go on to their confirmation."""

    def confirm(page: Page) -> None:
        page.goto(f"{ORDERS}order/?symbol=BTC")
        for box in page.locator("input.action-select").all()[:count]:
            box.check()
        page.locator("button[name=index]").click()
        page.wait_for_selector("#reason")

    return confirm


def preview(page: Page) -> None:
    """What a scope of one symbol would cancel, the first of the desk's that has open orders."""
    page.goto(f"{ORDERS}preview/scope/")
    page.select_option("[name=desk]", label="Momentum")
    listed = page.get_by_text("Open now on Momentum").inner_text()
    page.fill("[name=symbols]", next(one for one in OF_MOMENTUM if one in listed))
    page.get_by_role("button", name="Preview").click()
    page.wait_for_url(re.compile("/preview/[0-9a-f-]{36}/"))


def running_job(page: Page) -> None:
    """A bulk job just after it was confirmed."""
    preview(page)
    page.fill("#reason", "an end of day")
    if page.locator("#typed").count():
        page.fill("#typed", str(page.locator("label[for=typed] b").text_content()))
    page.locator("button.dk-solid").click()
    page.wait_for_url("**/canceljob/*/change/")


def panic_job(page: Page) -> None:
    """A panic of one symbol, just after it was pulled."""
    page.goto(f"{ORDERS}panicline/pull/")
    page.select_option("[name=desk]", label="Momentum")
    page.fill("[name=symbol]", "PUMP")
    page.fill("[name=reason]", "a rehearsal")
    page.locator("#pull").click()
    page.wait_for_url("**/canceljob/*/change/")


def job_records(page: Page) -> None:
    """All that the log holds of the newest job."""
    first_of(f"{ORDERS}canceljob/")(page)
    page.goto(page.url.replace("/change/", "/life/"))


def sent_empty(place: str) -> Callable[[Page], None]:
    """A form that says what is missing."""

    def send(page: Page) -> None:
        page.goto(place)
        page.locator("main button[type=submit]").first.click()
        page.wait_for_load_state("load")

    return send


def made_token(page: Page) -> None:
    """Make a token of the API under a name that none had; its secret is shown this once."""
    page.goto(f"{ORDERS}apitoken/add/")
    page.select_option("[name=desk]", label="Momentum")
    page.fill("[name=name]", f"quoter-{uuid.uuid4().hex[:6]}")
    page.locator("[name=rights]").first.check()
    page.get_by_role("button", name="Make the token").click()
    page.get_by_text("Copy the token now").wait_for(timeout=SOON_MS)


def made_guard(page: Page) -> None:
    """Make a guard under a name that none had; its page."""
    page.goto(f"{ORDERS}guard/add/")
    page.select_option("[name=desk]", label="Momentum")
    page.fill("[name=name]", f"quoter-{uuid.uuid4().hex[:6]}")
    page.get_by_role("button", name="Make the guard").click()
    page.get_by_role("button", name="Arm it for a drill").wait_for(timeout=SOON_MS)


def passkey_refused(page: Page) -> None:
    """The page of a new passkey, which says why there can be none under this address."""
    page.goto(f"{ADMIN}second-factor/enrol/passkey/")
    page.get_by_role("button", name="Set up a passkey").click()
    page.get_by_text("A passkey belongs to the site's name").wait_for(timeout=SOON_MS)


def second_factor_of_a_person(page: Page) -> None:
    """What an administrator sees of the first person's second factor."""
    first_of("/admin/auth/user/")(page)
    page.locator("a[href$='/second-factor/']").click()
    page.wait_for_url("**/second-factor/")


def keys(page: Page) -> None:
    """The list of keys."""
    page.goto(f"{ORDERS}order/")
    page.keyboard.press("?")
    page.wait_for_selector("#keys[open]")


def screens() -> Iterator[Screen]:
    """All of them, in an order in which the early ones make what the later ones show."""
    yield Screen("sign-in", "", "/admin/login/")
    yield Screen("sign-in-refused", "", sent_empty("/admin/login/"))
    head = "hannah"
    yield Screen("orders-after-a-cancel", head, cancel_one)
    yield Screen("orders", head, f"{ORDERS}order/")
    yield Screen("orders-none-fits", head, f"{ORDERS}order/?q=99999")
    yield Screen("keys", head, keys)
    yield Screen("order", head, first_of(f"{ORDERS}order/"))
    yield Screen("order-cancelled", head, cancelled_order)
    yield Screen("cancel-by-id", head, f"{ORDERS}order/cancel-by-id/")
    yield Screen("cancel-by-id-refused", head, sent_empty(f"{ORDERS}order/cancel-by-id/"))
    yield Screen("confirm-few", head, select(3))
    yield Screen("cancel-by-scope", head, f"{ORDERS}preview/scope/")
    yield Screen("cancel-a-list", head, f"{ORDERS}preview/list/")
    yield Screen("cancel-a-list-refused", head, sent_empty(f"{ORDERS}preview/list/"))
    yield Screen("preview", head, preview)
    yield Screen("job-running", head, running_job)
    yield Screen("panic", head, f"{ORDERS}panicline/pull/")
    yield Screen("panic-on-all-desks", head, f"{ORDERS}panicline/pull-all/")
    yield Screen("panic-running", head, panic_job)
    yield Screen("jobs", head, f"{ORDERS}canceljob/")
    yield Screen("job", head, first_of(f"{ORDERS}canceljob/"))
    yield Screen("job-records", head, job_records)
    yield Screen("unresolved", head, f"{ORDERS}cancel/")
    yield Screen("discrepancies", head, f"{ORDERS}drift/")
    yield Screen("own-settings", head, "/admin/your-settings/")
    yield Screen("second-factor", head, "/admin/your-second-factor/")
    yield Screen("enrol-second-factor", head, "/admin/second-factor/enrol/")
    yield Screen("add-passkey", head, "/admin/second-factor/enrol/passkey/")
    yield Screen("add-passkey-refused", head, passkey_refused)
    yield Screen("confirm-yourself", head, "/admin/confirm-yourself/")
    yield Screen("accounts", head, f"{ORDERS}account/")
    yield Screen("account", head, first_of(f"{ORDERS}account/"))
    yield Screen("agent-wallets", head, f"{ORDERS}agentwallet/")
    yield Screen("agent-wallet", head, first_of(f"{ORDERS}agentwallet/"))
    yield Screen("add-agent-wallet", head, f"{ORDERS}agentwallet/add/")
    yield Screen("api-tokens-none", head, f"{ORDERS}apitoken/")
    yield Screen("add-api-token-refused", head, sent_empty(f"{ORDERS}apitoken/add/"))
    yield Screen("api-token-made", head, made_token)
    yield Screen("api-tokens", head, f"{ORDERS}apitoken/")
    yield Screen("api-token", head, first_of(f"{ORDERS}apitoken/"))
    yield Screen("guards-none", head, f"{ORDERS}guard/")
    yield Screen("add-guard-refused", head, sent_empty(f"{ORDERS}guard/add/"))
    yield Screen("guard-made", head, made_guard)
    yield Screen("guards", head, f"{ORDERS}guard/")
    yield Screen("schedules-none", head, f"{ORDERS}schedule/")
    yield Screen("add-schedule-refused", head, sent_empty(f"{ORDERS}schedule/add/"))
    yield Screen("latches-none", head, f"{ORDERS}latch/")
    yield Screen("second-person-none", head, f"{ORDERS}proposal/")
    yield Screen("records", head, f"{ORDERS}auditrecord/")
    yield Screen("record", head, first_of(f"{ORDERS}auditrecord/?event=answer"))
    yield Screen("overview", head, ADMIN)
    yield Screen("new-password", head, "/admin/password_change/")
    yield Screen("not-allowed", head, f"{ORDERS}export/", 403)
    yield Screen("not-found", head, "/admin/nothing/", 404)
    auditor = "audrey"
    yield Screen("orders-of-an-auditor", auditor, f"{ORDERS}order/")
    yield Screen("is-the-log-whole", auditor, f"{ORDERS}verification/")
    yield Screen("exports", auditor, f"{ORDERS}export/")
    administrator = "ada"
    yield Screen("overview-of-an-administrator", administrator, ADMIN)
    yield Screen("desks", administrator, f"{ORDERS}desk/")
    yield Screen("alerts", administrator, f"{ORDERS}alert/")
    yield Screen("add-desk", administrator, f"{ORDERS}desk/add/")
    yield Screen("add-desk-refused", administrator, sent_empty(f"{ORDERS}desk/add/"))
    yield Screen("desk", administrator, first_of(f"{ORDERS}desk/"))
    yield Screen("people", administrator, "/admin/auth/user/")
    yield Screen("people-without-a-second-factor", administrator, "/admin/auth/user/?factor=none")
    yield Screen("add-person", administrator, "/admin/auth/user/add/")
    yield Screen("person", administrator, first_of("/admin/auth/user/"))
    yield Screen("second-factor-of-a-person", administrator, second_factor_of_a_person)
    yield Screen("add-account", administrator, f"{ORDERS}account/add/")
    yield Screen("restored-copies", administrator, f"{ORDERS}restore/")
