"""Refused: Django's own would make an administrator, record nothing and ask no second person."""

import sys
from typing import Any, NoReturn

from django.core.management.base import CommandError

from orders.management import terminal

SAID = "Administrators are added by add_administrator."


class Command(terminal.DeskCommand):
    """It stands before Django's own, whoever starts it and with whatever options."""

    help = "Refused: administrators are added by add_administrator, which records it."

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        """Say so, whatever Django's own would take."""
        print(SAID, file=sys.stderr)
        sys.exit(terminal.WRONG_INPUT)

    def execute(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse where it is called by code."""
        raise CommandError(SAID, returncode=terminal.WRONG_INPUT)
