"""Forget a person's authenticator and passkeys; they set up a new one when they sign in next."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from orders.access import second_factor_off
from orders.accounts.provisioning import COMMAND_LINE
from orders.management import terminal


class Command(terminal.DeskCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--operator", help=terminal.ASKER)

    def handle(self, *, name: str, operator: str | None = None, **options: Any) -> None:
        with terminal.in_words():
            user = get_user_model().objects.filter(username=name).first()
            if user is None:
                raise CommandError(f"There is nobody named {name!r}.")
            by = terminal.asker(operator)
            actor = by.get("actor", COMMAND_LINE)
            had = second_factor_off.turn_off(person=user, user=by.get("asker"), actor=actor)
        self.stdout.write(
            f"{name}: second factor forgotten, every session ended."
            if had
            else f"{name} had no second factor."
        )
