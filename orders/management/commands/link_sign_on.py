"""Connect a person with who they are at the sign-in service, or undo that."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from orders.access.single_sign_on import identities, provider
from orders.access.single_sign_on.claims import Refused, is_subject
from orders.accounts import provisioning
from orders.accounts.provisioning import COMMAND_LINE
from orders.management import terminal

NO_SUBJECT = (
    "Give the claim sub as the sign-in service tells it: 1 to 255 characters, no blank around."
)


class Command(terminal.DeskCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the person's name here")
        parser.add_argument("subject", nargs="?", help="who they are there: the claim sub")
        parser.add_argument("--remove", action="store_true", help="undo it; every session ends")

    def handle(self, *, name: str, subject: str | None, remove: bool, **options: Any) -> None:
        if remove == bool(subject):
            raise CommandError("Say who the person is at the sign-in service, or --remove.")
        if subject and not (is_subject(subject) and subject == subject.strip()):
            raise CommandError(NO_SUBJECT, returncode=terminal.WRONG_INPUT)
        with terminal.in_words():
            self.stdout.write(_changed(name, subject))


def _changed(name: str, subject: str | None) -> str:
    """Do it; return what was done. Who is deactivated is only disconnected."""
    user = terminal.operator_named(name) if subject else provisioning.person_named(name)
    try:
        issuer = provider.chosen().issuer
        if subject:
            actor = COMMAND_LINE
            identities.link(user=user, issuer=issuer, subject=subject, actor=actor)
            return f"{name} is connected: {provider.name()} signs them in."
        was = identities.unlink(user=user, issuer=issuer, actor=COMMAND_LINE)
    except Refused as refused:
        raise CommandError(str(refused)) from None
    return f"{name} is connected no more; every session ended." if was else f"{name} was not."
