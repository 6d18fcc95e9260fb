"""`manage.py restore FROM [--check] [--replace]`: put a backup back."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from orders.management import terminal
from orders.operations.backups import restore
from orders.operations.backups.refusals import CannotCopy


class Command(terminal.DeskCommand):
    """Only prints; the work is in `orders.operations.backups.restore`."""

    fails_with = terminal.WRONG_INPUT  # nothing was changed
    help = (
        "Verifies a backup, then makes it this site's database. Stop every process first. The old "
        "database is kept under another name. Exit code 2: nothing was changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which backup, and how far to go."""
        parser.add_argument("source", type=Path, metavar="FROM", help="the backup's folder")
        parser.add_argument("--check", action="store_true", help="only verify it, change nothing")
        parser.add_argument(
            "--replace", action="store_true", help="even if the database holds rows"
        )
        parser.add_argument("--archives", type=Path, help="the folder its archives go to")

    def handle(
        self,
        *args: str,
        source: Path,
        check: bool,
        replace: bool,
        archives: Path | None,
        **options: Any,
    ) -> None:
        """Check it or put it back, or say why not."""
        try:
            if check:
                found = restore.check(source)
                self.stdout.write(f"Whole: {found.records} records, made at {found.made_at}.")
                return
            restored = restore.put_back(folder=source, is_told=replace, archives=archives)
        except CannotCopy as error:
            raise CommandError(str(error), returncode=terminal.WRONG_INPUT) from None
        self._tell(restored)

    def _tell(self, restored: restore.Restored) -> None:
        found = restored.manifest
        self.stdout.write(f"Put back: {found.records} records, as of {found.made_at}.")
        if restored.kept:
            self.stdout.write(f"The old database is kept: {restored.kept}.")
        for note in restored.notes:
            self.stdout.write(note)
        if restored.is_behind:
            self.stdout.write("SENDING IS LOCKED until an administrator accepts this copy.")
        self.stdout.write("Now run: python manage.py audit_verify")
