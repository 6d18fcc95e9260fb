"""What the screens weigh, take and show.

    python -m benchmarks.screens [--part pages] [--latency-ms 25] [--count 1000] [--times 20]
                                 [--panics 5] [--database URL] [--broker URL]

Without ``--part`` all of them, each on a stage of its own:

*pages*: rows of Orders that are seen at 1440×900; of each page the bytes before compression and
after, its SQL queries, and what a first visit asks for, in requests and KB.

*server*: server time of the list, the overview and a running job's page at 100 and at 10,000 open
orders, which the job holds all. The target is 1.2 times.

*clicks*: in a real browser, from the press of *Sign in* to *Cancelled*, and to the empty books of
three desks with so many orders each by *Panic for all my desks*: clicks, and seconds from the
press of *Sign in*, from the page after it, and from the last click.

*passkeys*: in a real browser with a virtual authenticator that verifies its user at once, from the
first press on the page to sign in to the overview: clicks and seconds, by password and then
passkey, and by the passkey alone.

*shift*: what the browser counts as layout shift, with those shifts that follow an input, while
orders are cancelled, filled and placed elsewhere, a guard is armed and a panic is pulled: on
Orders, on an order's page, on the overview, on the pages of a running job and a running panic.

*axe*: what axe finds on every screen of the demo, light and wide, dark and narrow, by rule.

All but *server* need chromium.
"""

import argparse
import collections
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import screen_passkeys, screen_shifts, screen_walks, screen_weights, stage

NONE = "no violation of any rule"


def main() -> None:
    parser = stage.options(__doc__, latency_ms=25, count=1000, times=20, panics=5)
    parser.add_argument("--part", choices=PARTS, help="this one alone")
    given = parser.parse_args()
    if given.part:
        PARTS[given.part](given)
        return
    for part in PARTS:
        print(f"\n{part}", flush=True)
        command = [sys.executable, "-m", "benchmarks.screens", *sys.argv[1:], "--part", part]
        subprocess.run(command, cwd=stage.ROOT, check=True)


def _axe(given: argparse.Namespace) -> None:
    """Walk over all screens of a demo in both looks; print what axe finds, by rule."""
    from playwright.sync_api import sync_playwright

    from tests.browser.chromium import launched
    from tests.browser.test_accessibility import LOOKS, faults_on
    from tests.helpers.stack import running_demo

    looked: list[str] = []
    by_rule: collections.Counter[str] = collections.Counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_demo(Path(folder) / "demo") as demo,
        sync_playwright() as playwright,
    ):
        browser = launched(playwright)
        for colours in LOOKS:
            faults = faults_on(demo, browser, colours, looked=looked)
            by_rule.update(fault.split(":")[0] for found in faults.values() for fault in found)
        browser.close()
    print(f"{len(looked)} screens looked at, each once")
    print("\n".join(f"{rule}: {count} screens" for rule, count in by_rule.most_common()) or NONE)


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "pages": screen_weights.pages,
    "server": screen_weights.server,
    "clicks": screen_walks.clicks,
    "passkeys": screen_passkeys.passkeys,
    "shift": screen_shifts.shift,
    "axe": _axe,
}

if __name__ == "__main__":
    main()
