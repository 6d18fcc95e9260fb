"""Let people sign in again who were throttled after too many wrong guesses."""

from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from orders.access import throttling
from orders.accounts.provisioning import COMMAND_LINE
from orders.audit import log
from orders.management import terminal
from orders.models import Event


class Command(terminal.DeskCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the name as it is typed, or an address")

    def handle(self, *, name: str, **options: Any) -> None:
        with terminal.in_words():
            count = _unlocked(name)
        self.stdout.write(f"{name}: {count} attempts forgotten.")


@transaction.atomic
def _unlocked(name: str) -> int:
    """Forget this name's wrong guesses, and record it; return how many there were."""
    count = throttling.unlock(name=name)
    user = name[:150] if throttling.is_known(name) else "a name nobody has"
    if throttling.is_address(name):
        user = f"(everybody at {name})"
    data = {"user": user, "changed": {"failed attempts": [str(count), "0"]}}
    log.append(log.Fact(Event.USER_CHANGED, COMMAND_LINE, data=data))
    return count
