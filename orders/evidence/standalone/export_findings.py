"""What does not hold in an export, told as it is found."""

import sys
from typing import TextIO


class Findings:
    """Everything that does not hold, told as it is found."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, what: str) -> None:
        """Tell of one thing that does not hold."""
        self.count += 1
        say("WRONG  " + what, file=sys.stderr)


def say(text: str, file: "TextIO | None" = None) -> None:
    """Print a text; whatever is no plain character is told by its number."""
    print("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text), file=file)


class Unknown(Exception):
    """Why this is no export that can be checked."""
