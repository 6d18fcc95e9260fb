"""`manage.py add_operator NAME --desk D --role R`: add a person with a role on a desk."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandParser

from orders.accounts import provisioning
from orders.management import terminal
from orders.models import Desk, Role

if TYPE_CHECKING:
    from django.contrib.auth.models import User


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
        """Add them, and say what they were there before."""
        with terminal.in_words():
            place = provisioning.desk_named(desk)
            is_known = get_user_model().objects.filter(username=name).exists()
            password = None if is_known else terminal.read_password(f"Password for {name}")
            user, before = provisioning.add_operator(
                name=name,
                desk=place,
                role=role,
                password=password,
                **terminal.asker(operator),
            )
        self.stdout.write(_said(user, place, role, before) + terminal.deactivated(user))


def _said(user: "User", desk: Desk, role: str, before: str | None) -> str:
    """Say what was done. ``before``: as `provisioning.add_operator` returns it."""
    given = Role(role).label.lower()
    if before in (None, role):
        return terminal.added(f"{user}, {given} of {desk},", before is None)
    was = f"was {Role(before).label.lower()}" if before else "had no role there"
    return f"{user} is {given} of {desk} now, and {was} before."
