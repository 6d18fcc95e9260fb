"""`manage.py add_operator NAME --desk D --role R`: add a person with a role on a desk."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandParser

from orders.accounts import provisioning
from orders.management import terminal
from orders.models import Role


class Command(terminal.DeskCommand):
    """Only reads the options and the password; the work is in `orders.accounts.provisioning`."""

    help = (
        "Adds a person with a role on a desk; the password is read from standard input. "
        "A person who exists keeps their password and gets the role."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Who, where, as what."""
        parser.add_argument("name")
        parser.add_argument("--desk", required=True)
        parser.add_argument("--role", required=True, help=", ".join(Role.values))
        parser.add_argument("--operator", help=terminal.ASKER)

    def handle(
        self,
        *args: str,
        name: str,
        desk: str,
        role: str,
        operator: str | None = None,
        **options: Any,
    ) -> None:
        """Add them, and say whether they are new."""
        with terminal.in_words():
            place = provisioning.desk_named(desk)
            is_known = get_user_model().objects.filter(username=name).exists()
            password = None if is_known else terminal.read_password(f"Password for {name}")
            user, is_new = provisioning.add_operator(
                name=name,
                desk=place,
                role=role,
                password=password,
                **terminal.asker(operator),
            )
        self.stdout.write(terminal.added(f"{user}, {Role(role).label.lower()} of {place},", is_new))
