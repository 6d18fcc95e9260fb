"""One demo and one browser for all tests of the screens, and a page of nobody's for each test."""

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.chromium import launched
from tests.helpers.stack import running_demo

SOON_MS = 10_000
PAGE_MS = 60_000  # on a machine with much else to do


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The demo as its user starts it, for whoever needs none of his own."""
    with running_demo(tmp_path_factory.mktemp("demo") / "data") as demo:
        yield demo


@pytest.fixture(scope="session")
def quiet_demo(tmp_path_factory):
    """Another one, under a name, as passkeys need it, for whoever counts all that was done."""
    folder = tmp_path_factory.mktemp("quiet") / "data"
    with running_demo(folder, settings={"PASSKEY_SIGN_IN": "true"}) as demo:
        demo.address = demo.address.replace("127.0.0.1", "localhost")
        yield demo


@pytest.fixture(scope="session")
def browser():
    """A headless browser."""
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def room(demo, browser):
    """What pages of a module share: scripts and styles that were read once, and nothing else."""
    context = browser.new_context(base_url=demo.address, viewport={"width": 1440, "height": 900})
    yield context
    context.close()


@pytest.fixture
def page(demo, room):
    """A page of a browser in which nobody has signed in; it fails on errors of its own."""
    page, errors = room.new_page(), []
    kept = {"origin": demo.address, "storageTypes": "local_storage,indexeddb"}
    room.new_cdp_session(page).send("Storage.clearDataForOrigin", kept)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(SOON_MS)
    page.set_default_navigation_timeout(PAGE_MS)
    yield page
    _as_new(room)
    assert errors == []


def _as_new(room):
    """Close all pages and forget who they were, but no script and no style."""
    for page in room.pages:
        page.close()
    room.clear_cookies()
    room.clear_permissions()
    room.set_offline(False)
    room.unroute_all()
