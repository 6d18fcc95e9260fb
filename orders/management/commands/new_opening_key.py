"""`manage.py new_opening_key --id ID [--file PATH]`: make the pair that seals agent keys."""

import os
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from orders.keys import key_settings
from orders.management import terminal


class Command(terminal.DeskCommand):
    """Only reads the options and writes the file; `orders.keys.key_settings` makes the pair."""

    help = (
        "Makes a pair that seals agent keys. Senders get the private half, best from a file; "
        "the web gets the public half alone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """What to call the pair, and where its private half goes."""
        parser.add_argument("--id", required=True, dest="key_id", help="such as 2026-11")
        add_file_arguments(parser)

    def handle(
        self, *args: str, key_id: str, file: Path | None, in_checkout: bool, **options: Any
    ) -> None:
        """Write the private half into the file, or print it where there is none."""
        if not key_id or len(key_id) > 40 or not set(key_id) <= ALLOWED:
            _refuse("The id must be 1 to 40 letters, digits, dots, dashes or underscores.")
        opening, sealing = key_settings.new_opening_key(key_id)
        if file is None:
            self.stdout.write(f"AGENT_KEY_OPENING_KEYS={opening}")
        else:
            write_private(file, opening, in_checkout=in_checkout)
            self.stdout.write(f"AGENT_KEY_OPENING_KEYS_FILE={file.resolve()}")
        self.stdout.write(f"AGENT_KEY_SEALING_KEY={sealing}")


ALLOWED = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")


def add_file_arguments(parser: CommandParser) -> None:
    """Add the options that say where a private half goes."""
    parser.add_argument("--file", type=Path, help="for the private half; mode 0400")
    parser.add_argument(
        "--in-checkout", action="store_true", help="even if that is in the folder of the code"
    )


def write_private(path: Path, secret: str, *, in_checkout: bool) -> None:
    """Write a new file with its final mode, so that nobody else can read it for even a moment."""
    if path.resolve().is_relative_to(settings.BASE_DIR) and not in_checkout:
        _refuse(
            f"{path} is in the folder of the code, from where keys get into copies and commits. "
            "Name another folder, such as /etc/pacifica-desk, or add --in-checkout."
        )
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o400)
    except FileExistsError:
        _refuse(f"{path} exists already. It may hold the only copy of a key: choose another name.")
    except OSError as error:
        _refuse(f"{path} cannot be written ({error.strerror}).")
    try:
        with os.fdopen(handle, "w") as file:
            os.fchmod(handle, 0o400)
            file.write(secret + "\n")
            file.flush()
            os.fsync(handle)
    except OSError as error:
        path.unlink(missing_ok=True)  # a part of a key opens nothing
        _refuse(f"{path} cannot be written ({error.strerror}).")


def _refuse(sentence: str) -> NoReturn:
    raise CommandError(sentence, returncode=terminal.WRONG_INPUT)
