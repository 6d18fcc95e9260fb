"""Set a person's password anew; every session of theirs ends. It stands before Django's own."""

from typing import Any

from django.core.management.base import CommandParser

from orders.accounts import provisioning
from orders.accounts.provisioning import COMMAND_LINE
from orders.management import terminal


class Command(terminal.DeskCommand):
    """Only reads the name and the password; the work is in `orders.accounts.provisioning`."""

    help = (
        "Sets a person's password anew, read from standard input. Every session of the person "
        "ends; the second factor stays."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and who does it."""
        parser.add_argument("name")
        parser.add_argument("--operator", help="the administrator who does it, for the record")

    def handle(self, *args: str, name: str, operator: str | None = None, **options: Any) -> None:
        """Set it, and say so."""
        with terminal.in_words():
            by = terminal.asker(operator)
            person = provisioning.person_named(name)
            password = terminal.read_password(f"New password for {name}")
            provisioning.set_password(
                person=person,
                password=password,
                user=by.get("asker"),
                actor=by.get("actor", COMMAND_LINE),
            )
        self.stdout.write(f"{name}: password set, every session ended.")
