"""Guess passwords from changing addresses: ``-m tests.access.guess_passwords --guesses 1000``.

Each guess comes from an address of its own. Afterwards the person signs in from an address they
are known for, and tries from a new one, where they may have to wait.
"""

import argparse
import re
import time
from dataclasses import dataclass

KNOWN, NEW = "203.0.113.9", "203.0.113.10"


@dataclass
class Found:
    """What came of the guesses. ``looked_at``: how many were checked at all, not sent to wait."""

    guesses: int
    let_in: int
    looked_at: int
    wait_s: int
    is_let_in_at_home: bool


def run(*, person, guesses) -> Found:
    """Guess, and see who comes in."""
    from tests.helpers.authenticator import is_in, sign_in

    assert is_in(sign_in(person, address=KNOWN))
    let_in = looked_at = 0
    for n in range(guesses):
        client = sign_in(person, f"guess {n}", address=f"10.0.{n // 250}.{n % 250}")
        let_in += is_in(client)
        looked_at += "Try again in" not in client.answer.content.decode()
    at_home = is_in(sign_in(person, address=KNOWN))
    elsewhere = sign_in(person, address=NEW)
    told = re.search(r"Try again in (\d+|a) minute", elsewhere.answer.content.decode())
    assert told or is_in(elsewhere)
    wait_s = 60 * int(told[1].replace("a", "1")) if told else 0
    return Found(guesses, let_in, looked_at, wait_s, at_home)


def main():
    """The long run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--guesses", type=int, default=1_000)
    options = parser.parse_args()
    from tests.helpers.scratch import scratch_database

    with scratch_database():
        from django.test.utils import setup_test_environment

        from tests.authz.scenario import NoExchange
        from tests.helpers.firm import Firm

        setup_test_environment()
        began = time.monotonic()
        found = run(person=Firm(NoExchange()).operator, guesses=options.guesses)
    print(
        f"{found.guesses} guesses from as many addresses in {time.monotonic() - began:.0f} s: "
        f"{found.let_in} let in, {found.looked_at} looked at. The person is let in at once from "
        f"an address known for them: {'yes' if found.is_let_in_at_home else 'no'}; "
        f"has to wait from a new one: {found.wait_s} s at most"
    )
    raise SystemExit(bool(found.let_in) or not found.is_let_in_at_home)


if __name__ == "__main__":
    main()
