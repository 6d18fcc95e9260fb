"""What the commands share: wrong input in one sentence, and secrets read from standard input."""

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from desk import startup_checks
from desk.startup_checks import CannotStart
from orders.access.permissions import NotAllowed
from orders.accounts.provisioning import CannotEnrol
from orders.audit import log
from orders.cancels.requests import CannotAsk
from orders.evidence.checkpoints import CheckpointKeyWrong
from orders.evidence.restored_copy import Behind
from orders.keys.sealing import BadAgentKey, KeySettingsWrong

if TYPE_CHECKING:
    from orders.models.desks import Person


WRONG_INPUT = 2  # as argparse exits
WHERE = "(terminal)"  # in the log, in place of a network address
NAMED = (
    BadAgentKey,
    Behind,
    CannotAsk,
    CannotEnrol,
    CannotStart,
    CheckpointKeyWrong,
    KeySettingsWrong,
    NotAllowed,
)
NO_TEXT = "is not text in UTF-8."


class DeskCommand(BaseCommand):
    """What every command is: it refuses an argument that is no text before it does anything."""

    def execute(self, *args, **options):
        """Run it. Bytes that are not UTF-8 arrive as halves of surrogate pairs, which no database
        stores and no terminal prints."""
        for name, value in options.items():
            parts = value if isinstance(value, list) else [value]
            if not all(_is_text(str(part)) for part in parts):
                raise CommandError(f"{name}: {NO_TEXT}", returncode=WRONG_INPUT)
        return super().execute(*args, **options)


@contextmanager
def in_words() -> Iterator[None]:
    """Within, our named errors end the command with their sentence and exit code 2."""
    try:
        startup_checks.check_network()
        yield
    except NAMED as error:
        raise CommandError(str(error), returncode=WRONG_INPUT) from None


def operator_named(name: str) -> "Person | None":
    """The active person of this name. Raises `CannotEnrol`."""
    user = get_user_model().objects.filter(username=name, is_active=True).first()
    if user is None:
        raise CannotEnrol(f"There is no active operator named {name!r}.", field="operator")
    return user


def actor_of(user: "Person") -> log.Actor:
    """This person, acting from a terminal."""
    return log.Actor(user.pk, user.get_username(), address=WHERE)


def read_password(prompt: str) -> str:
    """One line of standard input; asked for without echo at a terminal."""
    return _read(prompt, lambda: sys.stdin.readline().rstrip("\r\n"))


def read_secret(prompt: str) -> str:
    """All of standard input, so that a key may span lines; asked for without echo at a terminal."""
    return _read(prompt, sys.stdin.read)


def _read(prompt: str, read):
    try:
        given = getpass.getpass(f"{prompt}: ") if sys.stdin.isatty() else read()
    except UnicodeDecodeError:  # its own text repeats bytes of a secret
        given = None
    if given is None or not _is_text(given):
        raise CommandError(f"Standard input: {NO_TEXT}", returncode=WRONG_INPUT)
    return given


def _is_text(given) -> bool:
    try:
        given.encode()
    except UnicodeEncodeError:
        return False
    return True


def added(what: str, is_new: bool) -> str:
    """*Desk Momentum added.* or *Desk Momentum was there already.*"""
    return f"{what} added." if is_new else f"{what} was there already."
