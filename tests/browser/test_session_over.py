"""The session ends in the middle of each act: nothing is done, what was typed comes back."""

import uuid
from contextlib import suppress

import pytest
from playwright.sync_api import Error, expect

from tests.browser.sessions import end_session
from tests.browser.test_click import first_cell, sign_in
from tests.browser.test_guards import disarm, made_guard
from tests.browser.test_kept import AGAIN, give_password

pytestmark = pytest.mark.browser
SOON_MS = 2_000
FORM = "form[data-kept], #desk_form, #account_form, #user_form, #changelist-form"
TYPED = """forms => forms.map(form => Array.from(form.elements)
    .filter(one => one.name && !['hidden', 'password', 'file', 'submit'].includes(one.type))
    .map(one => [one.name, ['checkbox', 'radio'].includes(one.type) ? one.checked : one.value]))"""


def new_guard(page):
    page.goto("/admin/orders/guard/add/")
    page.select_option("[name=desk]", label="Momentum")
    page.fill("[name=name]", "half-written")
    page.fill("[name=ttl_s]", "45")


def new_schedule(page):
    page.goto("/admin/orders/schedule/add/")
    page.select_option("[name=desk]", label="Momentum")
    page.fill("[name=name]", "evening")
    page.locator("form[data-kept] input[type=text]").last.fill("21:55")


def new_token(page):
    page.goto("/admin/orders/apitoken/add/")
    page.select_option("[name=desk]", label="Momentum")
    page.fill("[name=name]", "quoter-7")
    page.locator("form[data-kept] input[type=checkbox]").first.check()


def selected_orders(page):
    page.goto("/admin/orders/order/?symbol=BTC")
    for box in page.locator("#result_list tbody input[type=checkbox]").all()[:2]:
        box.check()
    page.get_by_role("button", name="Cancel selected").click()
    page.fill("[name=reason]", "wrong size")


def selection(page):
    page.goto("/admin/orders/order/?symbol=BTC&o=-3")
    for box in page.locator("#result_list tbody input[type=checkbox]").all()[1:4]:
        box.check()


def pasted_list(page):
    page.goto("/admin/orders/preview/list/")
    page.locator("form[data-kept] textarea").fill("# from the risk engine\n123456789\n")


def scope(page):
    page.goto("/admin/orders/preview/scope/")
    page.select_option("[name=desk]", label="Momentum")
    page.locator("form[data-kept] input[type=checkbox]").filter(visible=True).first.check()


def panic_half_chosen(page):
    page.goto("/admin/orders/panicline/pull/")
    page.select_option("[name=desk]", label="Basis")
    page.fill("[name=symbol]", "kBONK")


def time_zone(page):
    page.goto("/admin/your-settings/")
    page.select_option("[name=time_zone]", "Asia/Tokyo")
    page.focus("[name=time_zone]")


def new_view(page):
    page.goto("/admin/orders/order/?symbol=BTC&o=-3")
    page.locator(".dk-views summary").click()
    page.fill(".dk-views [name=name]", "bids of mine")


def new_person(page):
    page.goto("/admin/auth/user/add/")
    page.fill("[name=username]", "otto")


def desk_name(page):
    page.goto("/admin/orders/desk/")
    page.locator("#result_list tbody a").first.click()
    page.fill("[name=name]", "Renamed in vain")


def account_name(page):
    page.goto("/admin/orders/account/")
    page.locator("#result_list tbody a").first.click()
    page.fill("[name=name]", "Renamed in vain")


ACTS = {
    "hannah": (
        new_guard,
        new_schedule,
        new_token,
        selection,
        selected_orders,
        pasted_list,
        scope,
        panic_half_chosen,
        time_zone,
        new_view,
    ),
    "ada": (new_person, desk_name, account_name),
}


def sign_in_again(page, demo, name):
    """Sign in where one was led to, or by the link of the strip that says what happened."""
    strip = page.locator("#signed-out a")
    expect(strip.or_(page.locator("#login-form")).filter(visible=True)).to_be_visible()
    if strip.is_visible():
        with suppress(Error):  # the page may lead there by itself meanwhile
            strip.click(timeout=SOON_MS)
    page.wait_for_url("**/login/**")
    page.fill("#id_username", name)
    give_password(page, demo, name)


def typed(page):
    """Every field of every form that is kept, with what stands in it."""
    return [fields for fields in page.locator(FORM).evaluate_all(TYPED) if fields]


def chosen_form(page):
    """The form in which something was last typed or chosen."""
    return page.locator(":focus").locator("xpath=ancestor::form")


@pytest.mark.parametrize(
    ("name", "fill"), [(name, fill) for name, fills in ACTS.items() for fill in fills]
)
def test_what_was_typed_comes_back(page, demo, name, fill):
    sign_in(page, demo, name)
    fill(page)
    before, address = typed(page), page.url
    end_session(page, demo)
    chosen_form(page).evaluate("form => form.requestSubmit()")
    sign_in_again(page, demo, name)
    page.wait_for_url(lambda url: url.partition("?")[0] == address.partition("?")[0])
    expect(page.get_by_text(AGAIN)).to_be_visible()
    assert typed(page) == before
    assert page.url == address
    if fill is selection:
        expect(page.locator(".action-counter")).to_contain_text("3 of")


def test_the_reason_of_a_disarming_comes_back_to_an_armed_guard(page, demo):
    sign_in(page, demo, "hannah")
    made_guard(page)
    page.get_by_role("button", name="Arm it", exact=True).click()
    page.fill("[name=reason]", "the bot moves house")
    address = page.url
    end_session(page, demo)
    page.get_by_role("button", name="Disarm it").click()
    sign_in_again(page, demo, "hannah")
    page.wait_for_url(address)
    expect(page.locator("[name=reason]")).to_have_value("the bot moves house")
    disarm(page)


def schedule_of(page):
    """Make a schedule, and stay on its page."""
    page.goto("/admin/orders/schedule/add/")
    page.select_option("[name=desk]", label="Basis")
    page.fill("[name=name]", f"night-{uuid.uuid4().hex[:6]}")
    page.fill("[name=at]", "03:00")
    page.get_by_role("button", name="Make the schedule").click()
    page.get_by_role("button", name="Switch it off").wait_for()


@pytest.mark.parametrize("button", ["Arm it", "Sync now"])
def test_a_button_alone_leads_back_to_its_page_and_does_nothing(page, demo, button):
    sign_in(page, demo, "hannah")
    if button == "Arm it":
        made_guard(page)
    else:
        page.goto("/admin/orders/order/?symbol=BTC")
    address = page.url
    end_session(page, demo)
    page.get_by_role("button", name=button, exact=True).first.click()
    sign_in_again(page, demo, "hannah")
    page.wait_for_url(address)
    expect(page.get_by_role("button", name=button, exact=True).first).to_be_visible()


@pytest.mark.parametrize("name", ["Arm it", "Switch it off"])
def test_of_a_button_alone_it_is_said_once_that_it_was_not_done(page, demo, name):
    sign_in(page, demo, "hannah")
    made_guard(page) if name == "Arm it" else schedule_of(page)
    address, button = page.url, page.get_by_role("button", name=name, exact=True)
    end_session(page, demo)
    button.click()
    sign_in_again(page, demo, "hannah")
    page.wait_for_url(address)
    said = page.get_by_text(f"“{name}” was not done.")
    expect(said).to_be_visible()
    page.reload()
    expect(button).to_be_visible()
    expect(said).to_have_count(0)


def test_signing_out_is_done_and_the_next_sign_in_says_nothing_else(page, demo):
    sign_in(page, demo, "olivia")
    page.goto("/admin/")
    page.locator("form[action$='/logout/']").first.evaluate("form => form.requestSubmit()")
    page.wait_for_url("**/log*/**")
    page.goto("/admin/")
    page.fill("#id_username", "olivia")
    give_password(page, demo, "olivia")
    page.wait_for_url("**/admin/")
    expect(page.get_by_text("was not done.").filter(visible=True)).to_have_count(0)


def test_a_click_on_cancel_cancels_nothing_and_comes_back_to_the_list_as_chosen(page, demo):
    sign_in(page, demo, "olivia")
    page.goto("/admin/orders/order/?symbol=BTC&o=-3")
    cell = first_cell(page)
    end_session(page, demo)
    cell.get_by_role("button").click()
    expect(page.get_by_text("What you just pressed was not done.")).to_be_visible()
    sign_in_again(page, demo, "olivia")
    page.wait_for_url("**/orders/order/?symbol=BTC&o=-3")
    expect(cell.get_by_role("button")).to_be_visible()
