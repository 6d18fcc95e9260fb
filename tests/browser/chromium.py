"""How the tests of the screens start their browser."""

from playwright.sync_api import Browser, Playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def launched(playwright: Playwright) -> Browser:
    """Start Chromium as the system has it, with nothing of its own to say to the network."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
