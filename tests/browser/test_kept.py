"""Nothing that was typed is lost, whatever comes between a form and its act."""

import pytest
from playwright.sync_api import expect

from tests.browser.sessions import age_session, end_session, end_session_unseen
from tests.browser.test_click import SOON_MS, sign_in

pytestmark = pytest.mark.browser
AGAIN = "Nothing was done yet. What you typed or chose stands here again."
UNKNOWN = "It is not known whether this was done: look before you send it again."
LATE_MS = 30_000
NEEDS_REASON = "UPDATE orders_desk SET needs_reason = ? WHERE name = 'Basis'"


def preview_of(page, demo):
    """The preview of every order of a desk, filled in but not sent."""
    sign_in(page, demo, "hannah")
    page.goto("/admin/orders/preview/scope/")
    page.select_option("[name=desk]", label="Momentum")
    page.get_by_role("button", name="Preview").click()
    page.fill("#reason", "fed day")
    word = page.locator("label[for=typed] b").text_content()
    page.fill("#typed", word)
    return page.url, word


def filled_again(page, address, word):
    assert page.url == address
    expect(page.get_by_text(AGAIN)).to_be_visible()
    expect(page.locator("#reason")).to_have_value("fed day")
    expect(page.locator("#typed")).to_have_value(word)


def send(page):
    page.locator("form[data-kept] button[type=submit]").click()


def give_password(page, demo, name):
    page.fill("[name=password]", demo.logins[name])
    page.locator("form button[type=submit]").first.click()


def cancel_by_id(page, demo, reason="the feed is wrong"):
    """A form of an act with something typed."""
    sign_in(page, demo, "olivia")
    page.goto("/admin/orders/order/cancel-by-id/")
    page.fill("[name=reason]", reason)


def test_a_proof_of_who_one_is_comes_back_to_both_fields_filled(page, demo):
    address, word = preview_of(page, demo)
    age_session(page, demo)
    send(page)
    page.wait_for_url("**/confirm-yourself/**")
    assert "day" not in page.url  # no id of hexadecimal digits can say it
    give_password(page, demo, "hannah")
    page.wait_for_url(address)
    filled_again(page, address, word)


def test_after_a_wrong_word_too_it_comes_back_to_the_page_and_not_to_an_address_of_acts(page, demo):
    address, word = preview_of(page, demo)
    page.fill("#typed", "7")
    send(page)
    page.wait_for_url("**/confirm/")
    page.fill("#typed", word)
    age_session(page, demo)
    send(page)
    give_password(page, demo, "hannah")
    page.wait_for_url(address)
    filled_again(page, address, word)


def test_a_session_that_ended_in_between_comes_back_to_the_act(page, demo):
    address, word = preview_of(page, demo)
    end_session(page, demo)
    send(page)
    page.wait_for_url("**/login/**")
    page.fill("#id_username", "hannah")
    give_password(page, demo, "hannah")
    page.wait_for_url(address)
    filled_again(page, address, word)


def lose_the_answer(page, demo, order_id):
    """Ask to cancel an order; it is recorded, and a proxy answers in the desk's place."""
    cancel_by_id(page, demo)
    page.route("**/cancel-by-id/", gateway_timeout)
    ask_by_id(page, order_id)
    expect(page.get_by_text("Gateway timeout")).to_be_visible()
    page.unroute("**/cancel-by-id/")


def gateway_timeout(route):
    route.fetch(max_redirects=0)
    route.fulfill(status=504, body="Gateway timeout", content_type="text/html")


def ask_by_id(page, order_id):
    page.select_option("[name=account]", index=1)
    page.fill("[name=symbol]", "BTC")
    page.fill("[name=order_id]", order_id)
    page.get_by_role("button", name="Cancel this order").click()


def test_after_a_lost_answer_it_is_not_known_and_another_order_is_another_act(page, demo):
    lose_the_answer(page, demo, "28900000041")
    page.go_back()
    expect(page.get_by_text(UNKNOWN)).to_be_visible()
    expect(page.locator("[name=order_id]")).to_have_value("28900000041")
    ask_by_id(page, "28900000042")
    expect(page.get_by_text("1 cancel recorded.").first).to_be_visible()


def test_a_sign_in_after_a_lost_answer_does_not_say_that_nothing_was_done(page, demo):
    lose_the_answer(page, demo, "28900000043")
    end_session(page, demo)
    page.wait_for_function("() => performance.now() > 1500")
    page.goto("/admin/orders/order/cancel-by-id/")
    page.fill("#id_username", "olivia")
    give_password(page, demo, "olivia")
    expect(page.get_by_text(UNKNOWN)).to_be_visible()
    expect(page.get_by_text(AGAIN)).to_have_count(0)


def test_what_one_person_typed_is_not_shown_to_the_next(page, demo):
    cancel_by_id(page, demo)
    end_session(page, demo)
    send(page)
    page.fill("#id_username", "hannah")
    give_password(page, demo, "hannah")
    page.wait_for_url("**/cancel-by-id/")
    expect(page.locator("[name=reason]")).to_have_value("")


@pytest.fixture
def no_line(page):
    """The page asks by itself, as where no stream of changes stands."""
    page.add_init_script("delete window.SharedWorker; delete window.EventSource")


def test_a_poll_never_turns_a_half_filled_form_into_the_sign_in_page(page, demo, no_line):
    cancel_by_id(page, demo)
    end_session_unseen(page, demo)
    expect(page.locator("#signed-out")).to_be_visible(timeout=LATE_MS)
    expect(page.locator("[name=reason]")).to_have_value("the feed is wrong")
    page.get_by_role("link", name="sign in again").click()
    page.fill("#id_username", "olivia")
    give_password(page, demo, "olivia")
    page.wait_for_url("**/cancel-by-id/")
    expect(page.locator("[name=reason]")).to_have_value("the feed is wrong")


def test_a_page_with_nothing_typed_goes_to_the_sign_in_page(page, demo, no_line):
    sign_in(page, demo, "olivia")
    page.goto("/admin/orders/canceljob/")
    end_session_unseen(page, demo)
    page.wait_for_url("**/login/**", timeout=LATE_MS)


def test_a_page_from_before_the_sign_in_is_refused_and_gives_back_what_was_typed(page, demo):
    cancel_by_id(page, demo)
    end_session(page, demo)
    page.context.clear_cookies()
    other = page.context.new_page()
    other.set_default_timeout(SOON_MS)
    sign_in(other, demo, "olivia")
    send(page)
    expect(page.get_by_text("This page was too old to act on.")).to_be_visible()
    page.get_by_role("link", name="Back", exact=True).click()
    expect(page.locator("[name=reason]")).to_have_value("the feed is wrong")


def test_what_was_done_is_not_typed_again(page, demo):
    cancel_by_id(page, demo)
    send(page)
    page.goto("/admin/orders/order/")
    page.goto("/admin/orders/order/cancel-by-id/")
    expect(page.locator("[name=reason]")).to_have_value("")


def test_the_way_back_to_a_panic_shows_no_wider_one_half_chosen(page, demo):
    sign_in(page, demo, "hannah")
    page.goto("/admin/orders/panicline/pull/")
    page.select_option("[name=desk]", label="Basis")
    page.fill("[name=symbol]", "kBONK")
    page.locator("#pull").click()
    page.wait_for_url("**/canceljob/*/change/")
    page.go_back()
    page.wait_for_url("**/panicline/pull/")
    expect(page.locator("#warned")).to_have_text("Choose a desk.")
    expect(page.locator("[name=desk]")).to_have_value("")
    page.locator("#pull").click()
    expect(page.get_by_text("Choose a desk").first).to_be_visible()
    assert page.url.endswith("/panicline/pull/")


def test_what_stands_there_again_overwrites_no_change_that_came_in_between(page, demo):
    sign_in(page, demo, "ada")
    page.goto("/admin/orders/desk/")
    page.get_by_role("link", name="Basis").click()
    page.fill("[name=confirm_above]", "100")
    demo.sql(NEEDS_REASON, True)
    end_session(page, demo)
    send_desk(page)
    page.fill("#id_username", "ada")
    give_password(page, demo, "ada")
    expect(page.locator("[name=confirm_above]")).to_have_value("100")
    send_desk(page)
    expect(page.get_by_text("A bulk cancel must say why: yes")).to_be_visible()
    expect(page.locator("[name=confirm_above]")).to_have_value("100")
    demo.sql(NEEDS_REASON, False)


def send_desk(page):
    page.locator("#desk_form").evaluate("form => form.requestSubmit()")


def test_leaving_a_form_leads_back_to_the_list_as_it_was_chosen(page, demo):
    sign_in(page, demo, "hannah")
    page.goto("/admin/orders/order/?symbol=BTC&side=bid&o=-3")
    page.goto("/admin/orders/preview/list/")
    page.get_by_role("link", name="Back", exact=True).click()
    page.wait_for_url("**/orders/order/?symbol=BTC&side=bid&o=-3")


def test_no_secret_is_kept(page, demo):
    sign_in(page, demo, "ada")
    page.goto("/admin/auth/user/add/")
    page.fill("[name=username]", "olivia")
    page.fill("[name=password1]", "a secret that nobody keeps")
    with page.expect_navigation():
        page.locator("#user_form").evaluate("form => form.requestSubmit()")
    kept = page.evaluate("() => JSON.stringify({...sessionStorage})")
    assert "a secret" not in kept
