"""What the commands share: wrong input in one sentence, secrets read from standard input."""

import getpass
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypedDict

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError

from desk import logs, startup_checks
from desk.reasons import reason_of
from desk.startup_checks import CannotStart
from orders.access.four_eyes import NoLonger, Waits
from orders.access.permissions import NotAllowed
from orders.accounts.provisioning import CannotEnrol
from orders.audit import log
from orders.cancels.requests import CannotAsk
from orders.evidence.checkpoints import CheckpointKeyWrong
from orders.keys.sealing import BadAgentKey, KeySettingsWrong
from orders.lifecycle.restored_copy import Behind
from orders.management.spoken import Spoken

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from orders.models import Account, Desk


WRONG_INPUT = 2  # as argparse exits
ASKER = "the administrator who asks for it; needed where a second person has to approve it"
WAITS = 3  # nothing is done yet: a second person has to approve it
WHERE = "(terminal)"  # in the log, in place of a network address
NAMED = (
    BadAgentKey,
    Behind,
    CannotAsk,
    CannotEnrol,
    CannotStart,
    CheckpointKeyWrong,
    KeySettingsWrong,
    NoLonger,
    NotAllowed,
)
NO_TEXT = "is not text in UTF-8."
UNSAID = "It was done, but what it says could not be written"
# As sysexits.h has them.
UNAVAILABLE = 69  # the database
REFUSED_BY_SYSTEM = 71  # a folder, a disk
UNWRITTEN = 74
DATABASE_FAILS = (InterfaceError, OperationalError, ProgrammingError)  # other errors are our own
STANDS = "What was done before stays done."


class DeskCommand(BaseCommand):
    """A command that refuses an argument that is no text, and acts whether it can speak or not.

    Django's checks of the site, which load every page, are for `manage.py check`; what a command
    needs is checked by `desk.startup_checks`.
    """

    requires_system_checks = ()
    fails_with: int | None = None  # where the documents give a failure in the midst another code

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Check the options, then run the command.

        Bytes that are not UTF-8 arrive as halves of surrogate pairs, which no database stores and
        no terminal prints.
        """
        for name, value in options.items():
            parts = value if isinstance(value, list) else [value]
            if not all(_is_text(str(part)) for part in parts):
                raise CommandError(f"{name}: {NO_TEXT}", returncode=WRONG_INPUT)
        out, told = Spoken(options.get("stdout") or sys.stdout), options.get("stderr") or sys.stderr
        options |= {"stdout": out, "stderr": Spoken(told)}
        with logs.bound(request_id=logs.new_id()), _failures_in_words(self.fails_with):
            ended = super().execute(*args, **options)
        if out.failed is not None:
            raise CommandError(f"{UNSAID} ({out.failed.strerror}).", returncode=UNWRITTEN)
        return ended


@contextmanager
def _failures_in_words(code: int | None) -> Iterator[None]:
    """End with a sentence where the database or the system fails in the midst of a command."""
    more = "" if code == WRONG_INPUT else f" {STANDS}"  # then nothing is done
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        if not _is_of_the_database(error):
            raise
        said = startup_checks.unusable(error)
        raise CommandError(said + more, returncode=code or UNAVAILABLE) from error
    except OSError as error:
        raise CommandError(_said(error) + more, returncode=code or REFUSED_BY_SYSTEM) from error


def _is_of_the_database(error: Exception) -> bool:
    """Whether the database failed, not our own statement; SQLite tells of a damaged file so."""
    return isinstance(error, DATABASE_FAILS) or type(error) is DatabaseError


def _said(error: OSError) -> str:
    """Return the system's own words and what they are about."""
    if not error.strerror:
        return f"{reason_of(error)}."
    return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."


@contextmanager
def in_words() -> Iterator[None]:
    """Turn a named error raised within into the command's end: its sentence and exit code 2."""
    try:
        startup_checks.check_network()
        yield
    except Waits as proposed:
        raise CommandError(str(proposed), returncode=WAITS) from None
    except NAMED as error:
        raise CommandError(str(error), returncode=WRONG_INPUT) from None


@contextmanager
def checkpoints_readable() -> Iterator[None]:
    """Name the file of checkpoints where it cannot be read; nothing else within reads a file."""
    try:
        yield
    except OSError as error:
        said = f"AUDIT_CHECKPOINT_FILE: cannot be read ({error.strerror})."
        raise CommandError(said, returncode=WRONG_INPUT) from None


def add_account_arguments(parser: CommandParser, *, is_required: bool = True) -> None:
    """Add the options that say which account; an address may stand on several desks."""
    said = "name or address" if is_required else "name or address; without it all active accounts"
    parser.add_argument("--account", required=is_required, help=said)
    said = "the account's desk, where several have an account of this name or address"
    parser.add_argument("--desk", help=said if is_required else "only accounts of this desk")


def not_negative(text: str) -> float:
    """Read a number, 0 or more, as argparse wants it: *nan* would end a wait at once, or never."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not number >= 0:
        raise ArgumentTypeError("give a number, 0 or more.")
    return number


def operator_named(name: str) -> "User":
    """Find the active person of this name. Raises `CannotEnrol`."""
    user = get_user_model().objects.filter(username=name, is_active=True).first()
    if user is None:
        raise CannotEnrol(f"There is no active operator named {name!r}.", field="operator")
    return user


def actor_of(user: "User") -> log.Actor:
    """Describe for the log this person, who acts from a terminal."""
    return log.Actor(user.pk, user.get_username(), address=WHERE)


class By(TypedDict, total=False):
    """Who asks, and how the log names them; empty where the caller is not told."""

    asker: "User"
    actor: log.Actor


def asker(name: str | None) -> By:
    """Return the person for whom a command acts, if one is named. Raises `CannotEnrol`."""
    if name is None:
        return {}
    user = operator_named(name)
    return {"asker": user, "actor": actor_of(user)}


def read_password(prompt: str) -> str:
    """Read one line of standard input; ask for it without echo at a terminal."""
    return _read(prompt, lambda: sys.stdin.readline().rstrip("\r\n"))


def read_secret(prompt: str) -> str:
    """Read all of standard input, for a key may span lines; at a terminal, ask without echo."""
    return _read(prompt, sys.stdin.read)


def _read(prompt: str, read: Callable[[], str]) -> str:
    text: str | None = None
    with suppress(UnicodeDecodeError):  # its own text repeats bytes of a secret
        text = getpass.getpass(f"{prompt}: ") if sys.stdin.isatty() else read()
    if text is None or not _is_text(text):
        raise CommandError(f"Standard input: {NO_TEXT}", returncode=WRONG_INPUT)
    return text


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def added(what: str, is_new: bool) -> str:
    """Say *Desk Momentum added.* or *Desk Momentum was there already.*"""
    return f"{what} added." if is_new else f"{what} was there already."


def deactivated(thing: "User | Desk | Account") -> str:
    """Return what is to be said besides of a person, a desk or an account that is deactivated."""
    return "" if thing.is_active else f" {thing} is deactivated."
