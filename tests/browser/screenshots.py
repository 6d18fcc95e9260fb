"""`make screenshots`: every screen, light and dark, wide and narrow, into a folder of one's own.

With ``--chosen``: the four that stand in the documents, in their places there.
"""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import launched
from tests.browser.screens import (
    ADMIN,
    ORDERS,
    SOON_MS,
    cancel_one,
    cancelled_order,
    running_job,
    screens,
    show,
    sign_in,
)
from tests.helpers.stack import RunningDemo, running_demo

FOLDER = Path(__file__).parents[2] / "data" / "screenshots"
WIDTHS = (1440, 768, 400)
COLOURS = ("light", "dark")
DOCUMENTS = Path(__file__).parents[2] / "orders" / "static" / "desk"


def main() -> None:
    """Start a demo, walk over all screens in each look, and say where the pictures are."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pictures go")
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS)
    parser.add_argument("--colours", nargs="+", choices=COLOURS, default=COLOURS)
    parser.add_argument("--chosen", action="store_true", help="those of the documents alone")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as data,
        running_demo(Path(data) / "demo") as demo,
        sync_playwright() as playwright,
    ):
        browser = launched(playwright)
        if options.chosen:
            choose(browser, demo)
        else:
            walk_in_each_look(browser, demo, options)
        browser.close()


def walk_in_each_look(browser: Browser, demo: RunningDemo, options: argparse.Namespace) -> None:
    """All screens, at each width and in each colour."""
    for width in options.widths:
        for colours in options.colours:
            walk(browser, demo, options.folder / f"{width}-{colours}", width, colours)
    print(f"The pictures are in {options.folder}")


def choose(browser: Browser, demo: RunningDemo) -> None:
    """The pictures of the documents: a desk on a working day, as a desk head sees it."""
    size = {"width": 1440, "height": 900}
    page = browser.new_context(base_url=demo.address, viewport=size).new_page()
    page.set_default_timeout(SOON_MS)
    sign_in(page, "hannah", demo.logins["hannah"])
    for _ in range(6):
        cancel_one(page)
    page.screenshot(path=DOCUMENTS / "orders.png")
    cancelled_order(page)
    page.wait_for_timeout(2_000)  # until what follows has settled
    page.screenshot(path=DOCUMENTS / "life.png")
    running_job(page)
    panic_of_a_desk(page)
    page.screenshot(path=DOCUMENTS / "panic.png")
    page.goto(ADMIN)
    page.wait_for_timeout(12_000)  # the pictures are drawn anew every ten seconds
    upper = {"x": 0, "y": 0, "width": 1440, "height": 1150}
    page.screenshot(path=DOCUMENTS / "overview.png", full_page=True, clip=upper)
    print(f"The four pictures are in {DOCUMENTS}")


def panic_of_a_desk(page: Page) -> None:
    """A panic on everything of one desk, some of it still open."""
    page.goto(f"{ORDERS}panicline/pull/")
    page.select_option("[name=desk]", label="Momentum")
    page.fill("[name=reason]", "the feed is wrong")
    page.locator("#pull").click()
    page.wait_for_url("**/canceljob/*/change/")
    page.wait_for_timeout(1_500)


def walk(browser: Browser, demo: RunningDemo, folder: Path, width: int, colours: str) -> None:
    """A picture of each screen, numbered in the order of the walk."""
    folder.mkdir(parents=True, exist_ok=True)
    size = {"width": width, "height": 900}
    pages = {}
    for number, screen in enumerate(screens(), 1):
        if screen.person not in pages:
            context = browser.new_context(
                base_url=demo.address, viewport=size, color_scheme=colours
            )
            pages[screen.person] = context.new_page()
            pages[screen.person].set_default_timeout(SOON_MS)
            if screen.person:
                sign_in(pages[screen.person], screen.person, demo.logins[screen.person])
        page = pages[screen.person]
        show(page, screen)
        page.screenshot(path=folder / f"{number:02}-{screen.name}.png", full_page=True)
    for page in pages.values():
        page.context.close()


if __name__ == "__main__":
    main()
