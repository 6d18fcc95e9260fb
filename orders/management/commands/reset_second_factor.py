"""Forget a person's lost authenticator; they set up a new one when they sign in next."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from orders.access import second_factor
from orders.accounts.provisioning import COMMAND_LINE
from orders.management import terminal


class Command(terminal.DeskCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")

    def handle(self, *, name: str, **options: Any) -> None:
        user = get_user_model().objects.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is nobody named {name!r}.")
        had = second_factor.reset(user=user, actor=COMMAND_LINE)
        self.stdout.write(
            f"{name}: second factor forgotten, every session ended."
            if had
            else f"{name} had no second factor."
        )
