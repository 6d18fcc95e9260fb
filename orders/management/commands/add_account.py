"""`manage.py add_account NAME --desk D --address A`: add an account to a desk."""

from typing import Any

from django.core.management.base import CommandParser

from orders.accounts import provisioning
from orders.management import terminal


class Command(terminal.DeskCommand):
    """Only reads the options; the work is in `orders.accounts.provisioning`."""

    help = "Adds an account to a desk. Does nothing where it is there already."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to call it, whose it is, its public key."""
        parser.add_argument("name")
        parser.add_argument("--desk", required=True)
        parser.add_argument("--address", required=True, help="the account's public key, base58")

    def handle(self, *args: str, name: str, desk: str, address: str, **options: Any) -> None:
        """Add it, and say whether it is new."""
        with terminal.in_words():
            place = provisioning.desk_named(desk)
            account, is_new = provisioning.add_account(name=name, desk=place, address=address)
        said = terminal.added(f"Account {account} of {place}", is_new)
        self.stdout.write(said + terminal.deactivated(account))
