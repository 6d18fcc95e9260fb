"""`manage.py add_desk NAME`: add a desk."""

from typing import Any

from django.core.management.base import CommandParser

from orders.accounts import provisioning
from orders.management import terminal


class Command(terminal.DeskCommand):
    """Only reads the name; the work is in `orders.accounts.provisioning`."""

    help = "Adds a desk. Does nothing where there is one of this name."

    def add_arguments(self, parser: CommandParser) -> None:
        """The desk's name."""
        parser.add_argument("name")

    def handle(self, *args: str, name: str, **options: Any) -> None:
        """Add it, and say whether it is new."""
        with terminal.in_words():
            desk, is_new = provisioning.add_desk(name=name)
        said = terminal.added(f"Desk {desk}", is_new)
        self.stdout.write(said + terminal.deactivated(desk))
