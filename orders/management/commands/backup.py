"""`manage.py backup TO`: copy all that the desk remembers into a new folder."""

import os
from json import dumps
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from orders.management import terminal
from orders.operations.backups import backup
from orders.operations.backups.refusals import CannotCopy

NICENESS = 10  # pages, clicks and senders on the same machine get the processor first


class Command(terminal.DeskCommand):
    """Only prints; the work is in `orders.operations.backups.backup`."""

    fails_with = terminal.WRONG_INPUT  # no backup was made
    help = (
        "Copies database, checkpoint file and archives into a new private folder, with a manifest "
        "of sizes and hashes. The site may run. No key is copied. Exit code 2: no backup was made."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to, and what else is copied."""
        parser.add_argument("to", type=Path, metavar="TO", help="a folder that does not exist yet")
        parser.add_argument("--archives", type=Path, help="a folder of archives to copy too")
        parser.add_argument(
            "--in-checkout", action="store_true", help="even if that is in the folder of the code"
        )
        parser.add_argument(
            "--hold-writers",
            action="store_true",
            help="on SQLite in its rollback journal: even if nobody can write meanwhile",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object instead of text")

    def handle(
        self,
        *args: str,
        to: Path,
        archives: Path | None,
        in_checkout: bool,
        hold_writers: bool,
        json: bool,
        **options: Any,
    ) -> None:
        """Write it, or say why not."""
        if getattr(self, "_called_from_command_line", False):  # as a process of its own
            os.nice(NICENESS)  # pg_dump takes it over
        with terminal.in_words():
            try:
                made = backup.take(
                    folder=to,
                    archives=archives,
                    in_checkout=in_checkout,
                    holds_writers=hold_writers,
                )
            except CannotCopy as error:
                raise CommandError(str(error), returncode=terminal.WRONG_INPUT) from None
        if json:
            facts = {"folder": str(to), "bytes": made.bytes, "files": len(made.parts)}
            self.stdout.write(dumps(facts | {"records": made.records}))
            return
        self.stdout.write(
            f"{to}: {made.records} records, checkpoint {made.checkpoint}, {len(made.parts)} files, "
            f"{made.bytes} bytes. It holds no key: keep those elsewhere."
        )
