"""`make screenshots`: every screen, light and dark, wide and narrow, into a folder of one's own."""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.chromium import launched
from tests.browser.screens import SOON_MS, screens, show, sign_in
from tests.helpers.stack import RunningDemo, running_demo

FOLDER = Path(__file__).parents[2] / "data" / "screenshots"
WIDTHS = (1440, 768, 400)
COLOURS = ("light", "dark")


def main() -> None:
    """Start a demo, walk over all screens in each look, and say where the pictures are."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pictures go")
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS)
    parser.add_argument("--colours", nargs="+", choices=COLOURS, default=COLOURS)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as data,
        running_demo(Path(data) / "demo") as demo,
        sync_playwright() as playwright,
    ):
        browser = launched(playwright)
        for width in options.widths:
            for colours in options.colours:
                walk(browser, demo, options.folder / f"{width}-{colours}", width, colours)
        browser.close()
    print(f"The pictures are in {options.folder}")


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
