"""`manage.py add_administrator NAME`: add a person who runs the app."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandParser

from orders.accounts import provisioning
from orders.management import terminal


class Command(terminal.DeskCommand):
    """Only reads the name and the password; the work is in `orders.accounts.provisioning`."""

    help = (
        "Adds a person who manages people, desks and accounts; the password is read from "
        "standard input. A person who exists stays as they are."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The person's name."""
        parser.add_argument("name")
        parser.add_argument("--operator", help=terminal.ASKER)

    def handle(self, *args: str, name: str, operator: str | None = None, **options: Any) -> None:
        """Add them, and say whether they are new."""
        with terminal.in_words():
            is_known = get_user_model().objects.filter(username=name).exists()
            password = None if is_known else terminal.read_password(f"Password for {name}")
            user, is_new = provisioning.add_administrator(
                name=name, password=password, **terminal.asker(operator)
            )
            if not user.is_superuser:
                raise provisioning.CannotEnrol(f"{user} exists and is no administrator.")
        said = terminal.added(f"Administrator {user}", is_new)
        self.stdout.write(said + terminal.deactivated(user))
