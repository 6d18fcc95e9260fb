"""How the tests of the screens start their browser."""

from pathlib import Path

from playwright.sync_api import Browser, Playwright

# The shell has the same engine and no window, which is half of the work. It sets letters as a
# desktop of 96 dpi does, to whole pixels: words are as wide as they get.
CHROMIUM = [Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium")]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def launched(playwright: Playwright) -> Browser:
    """Start Chromium as the system has it, with nothing of its own to say to the network."""
    found = next((each for each in CHROMIUM if each.exists()), CHROMIUM[-1])
    return playwright.chromium.launch(executable_path=found, args=FLAGS)
