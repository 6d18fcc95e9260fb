"""Pages follow what happens by themselves, over one line a browser, and ask where there is none."""

import contextlib
import re
import socket
import threading

import pytest
from playwright.sync_api import expect

from tests.browser.test_click import SOON_MS, first_cell, sign_in
from tests.browser.test_click import pytestmark as pytestmark

STANDS, FELL = "html[data-line=stands]", "html[data-line=fell]"
FRAME_MS = 3000  # how often a page without a line asks what its frame shows


class Wire:
    """A port that passes bytes on to another one, until it is cut."""

    def __init__(self, port):
        self._to, self._ends = port, []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.count = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Close every connection, and take no new one."""
        for end in (self._listener, *self._ends):
            with contextlib.suppress(OSError):  # cut before
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self.count += 1
                self._ends += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    @staticmethod
    def _pass(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(page):
    """The one way from this browser's pages to the stream."""
    made = []

    def rewire(route):
        answer = route.fetch()
        text = answer.text()
        named = re.search(r'data-events=":(\d+)/events"', text)
        if named and not made:
            made.append(Wire(int(named[1])))
        if made:
            text = re.sub(r'data-events="[^"]*"', f'data-events=":{made[0].port}/events"', text)
        route.fulfill(response=answer, body=text)

    page.context.route("**/admin/orders/order/", rewire)
    yield made
    for one in made:
        one.cut()


def watched(page):
    """The addresses that a page asks for from now on."""
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


def orders_of(page, state=STANDS):
    page.goto("/admin/orders/order/")
    if state:
        page.wait_for_selector(state)
    return page


def cancel(page, *others):
    """Click a first Cancel; the other pages must show the end too."""
    cell = first_cell(page)
    name = cell.get_attribute("id")
    cell.get_by_role("button").click()
    for one in (page, *others):
        expect(one.locator(f"#{name}")).to_contain_text("Cancelled", timeout=SOON_MS)


def test_two_tabs_follow_one_cancel_and_ask_for_nothing(page, demo):
    sign_in(page, demo, "olivia")
    first, second = orders_of(page), orders_of(page.context.new_page())
    asked = watched(second)
    cancel(first, second)
    second.wait_for_timeout(FRAME_MS + 500)
    expected = ("/counts/", "/order/marks/")  # what is counted, and how the market stands
    assert not [one for one in asked if not any(each in one for each in expected)]


def test_all_tabs_of_a_browser_share_one_line(page, demo, wire):
    sign_in(page, demo, "olivia")
    tabs = [orders_of(page), *(orders_of(page.context.new_page()) for _ in range(7))]
    assert wire[0].count == 1
    cancel(tabs[0], *tabs[1:])


def test_where_the_line_is_cut_polls_take_over(page, demo, wire):
    sign_in(page, demo, "olivia")
    orders_of(page)
    wire[0].cut()
    page.wait_for_selector(FELL)
    with page.expect_request("**/running/**", timeout=2 * FRAME_MS):
        pass
    with page.expect_request("**/order/rows/**"):
        cancel(page)


def test_a_browser_without_shared_workers_has_a_line_of_each_shown_page(page, demo):
    page.add_init_script("delete window.SharedWorker")
    sign_in(page, demo, "olivia")
    orders_of(page)
    assert page.evaluate("() => window.SharedWorker") is None
    asked = watched(page)
    cancel(page)
    page.wait_for_timeout(FRAME_MS + 500)
    assert not [one for one in asked if "/running/" in one]


def test_a_browser_without_any_line_polls(page, demo):
    page.add_init_script("delete window.SharedWorker; delete window.EventSource")
    sign_in(page, demo, "olivia")
    orders_of(page, state="")
    with page.expect_request("**/order/rows/**"):
        cancel(page)


@pytest.mark.exhaustive  # it waits for the sign-in page, which a busy machine draws too late
def test_signing_out_in_one_tab_ends_the_line_of_the_other(page, demo):
    sign_in(page, demo, "olivia")
    orders_of(page)
    other = page.context.new_page()
    other.goto("/admin/")
    other.evaluate("() => document.querySelector('form[action*=logout]').requestSubmit()")
    page.wait_for_url("**/login/**", timeout=SOON_MS)
