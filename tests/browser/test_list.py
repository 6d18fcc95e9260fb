"""The list of orders in a real browser: how much fits, what stays, what is never cut."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_click import sign_in

pytestmark = pytest.mark.browser
ROWS = 22  # at 1440×900

VISIBLE = """() => [...document.querySelectorAll('#result_list tbody tr')].filter(row => {
    const {top, bottom, left} = row.getBoundingClientRect();
    const isMine = y => row.contains(document.elementFromPoint(left + 60, y));
    return isMine(top + 2) && isMine(bottom - 2);
}).length"""
HEIGHTS = """() => [...new Set([...document.querySelectorAll('#result_list tbody tr')]
    .map(row => row.getBoundingClientRect().height))]"""
IS_CUT = """(word) => {
    const cell = document.querySelector('.dk-cell');
    cell.innerHTML = `<span class="dk-status dk-busy">${word}</span>`;
    const one = cell.firstChild, {right} = one.getBoundingClientRect();
    const edge = one.closest('td').getBoundingClientRect().right;
    return one.scrollWidth - one.clientWidth > 1 || right > edge + 1;
}"""
CUT_AMOUNTS = """() => [...document.querySelectorAll('#result_list td.c-open')]
    .filter(cell => cell.scrollWidth > cell.clientWidth).map(cell => cell.textContent)"""
OUT_OF_PLACE = """() => [...document.querySelectorAll(
        '#result_list :is(td.c-price, td.c-id, td.c-account)')].filter(cell => {
    const text = document.createRange();
    text.selectNodeContents(cell);
    const [is, column] = [text.getBoundingClientRect(), cell.getBoundingClientRect()];
    const row = cell.closest('tr').getBoundingClientRect();
    const isCut = cell.scrollWidth > cell.clientWidth || is.right > column.right + .5
        || is.left < column.left - .5;
    return cell.offsetParent && (isCut || is.top < row.top - 1 || is.bottom > row.bottom + 1);
}).map(cell => cell.innerText)"""
WIDTH = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def orders(page, demo):
    sign_in(page, demo, "hannah")
    page.goto("/admin/orders/order/")
    return page


def test_twenty_two_rows_of_32_px_are_seen_at_once(orders):
    assert orders.evaluate(HEIGHTS) == [32]
    assert orders.evaluate(VISIBLE) >= ROWS


def test_head_filters_and_panic_stay_where_they_are(orders):
    stays = ["#result_list thead th >> nth=1", "form[data-filters]", "[data-panic]", ".dk-pagebar"]
    orders.evaluate("() => window.scrollTo(0, 1000)")
    orders.wait_for_function("() => window.scrollY === 1000")
    for one in stays:
        expect(orders.locator(one)).to_be_in_viewport()
    assert orders.evaluate(VISIBLE) >= ROWS


@pytest.mark.parametrize("width", [1440, 1280, 768, 720, 400, 360])
def test_nothing_scrolls_sideways_and_no_status_or_amount_is_cut(orders, width):
    orders.set_viewport_size({"width": width, "height": 900})
    assert orders.evaluate(CUT_AMOUNTS) == []
    for word in ("Unknown", "Recorded, waiting to be sent", "Closed by operator · 12 min"):
        assert not orders.evaluate(IS_CUT, word), (width, word)
    assert orders.evaluate(WIDTH) == 0


@pytest.mark.parametrize("width", [1440, 1000, 720, 660, 620, 580, 400, 360])
def test_ids_prices_and_accounts_are_whole_and_in_their_own_row(orders, width):
    orders.set_viewport_size({"width": width, "height": 900})
    for symbol in ("kBONK", "BTC"):
        orders.goto(f"/admin/orders/order/?symbol={symbol}")
        assert orders.evaluate(OUT_OF_PLACE) == []


@pytest.mark.parametrize("width", [1440, 768, 400])
def test_a_sentence_has_its_own_line_and_the_row_keeps_its_height(orders, width):
    orders.set_viewport_size({"width": width, "height": 900})
    before = orders.evaluate(HEIGHTS)
    overlap = orders.locator(".dk-cell").first.evaluate(
        """(cell) => {
            cell.innerHTML = '<span class="dk-status dk-alarm">Refused</span>'
                + '<button type="button">Again</button>'
                + '<span class="dk-why">The agent wallet is not bound to it.</span>';
            const line = cell.lastChild.getBoundingClientRect();
            const price = cell.closest('tr').querySelector('.c-price').getBoundingClientRect();
            const [status, button] = [...cell.children].map(one => one.getBoundingClientRect());
            return [line.right > status.left, line.height < 10, status.right > button.left
                && status.bottom > button.top];
        }"""
    )
    assert overlap == [False, False, False]
    assert orders.evaluate(HEIGHTS) == before


def test_rows_are_selected_one_by_one_in_a_range_and_all(orders):
    boxes = orders.locator("#result_list .action-select")
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    counter = orders.locator(".action-counter")
    expect(counter).to_have_text("4 of 80 selected")
    orders.locator("#action-toggle").click()
    expect(counter).to_have_text("80 of 80 selected")
    orders.get_by_text(re.compile(r"Select all \d+ orders")).click()
    assert orders.locator(".select-across").input_value() == "1"
    boxes.nth(0).click()
    expect(counter).to_have_text("79 of 80 selected")
    assert orders.locator(".select-across").input_value() == "0"


def test_filters_open_from_their_row_where_there_is_little_room(orders):
    orders.set_viewport_size({"width": 768, "height": 900})
    symbol = orders.locator("form[data-filters] [name=symbol]")
    expect(symbol).to_be_hidden()
    orders.get_by_text("Search and filter").click()
    symbol.fill("BTC")
    symbol.press("Enter")
    orders.wait_for_url("**symbol=BTC**")
    expect(orders.locator("#result_list tbody tr").first).to_contain_text("BTC")


def test_a_click_copies_the_order_id(orders):
    orders.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = orders.locator(".c-id button").first
    shown = button.text_content()
    button.click()
    orders.wait_for_function(f"async () => await navigator.clipboard.readText() === '{shown}'")


@pytest.mark.parametrize("width", [1440, 768, 400])
def test_a_mark_that_is_shortened_does_not_stand_there_whole_as_well(orders, width):
    orders.set_viewport_size({"width": width, "height": 900})
    mark = orders.locator(".dk-ro").first
    assert "reduce only" in mark.text_content()
    size, short = mark.evaluate(
        "one => [getComputedStyle(one).fontSize, getComputedStyle(one, '::after').content]"
    )
    assert (size, "RO" in short) == ("0px", True)
