"""`manage.py audit_archive --before DATE --to FOLDER`: the log until a day, verified, zipped."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.dateparse import parse_date

from orders.evidence import archive as log_archive
from orders.management import terminal


class Command(terminal.DeskCommand):
    """Only prints; the work is in `orders.evidence.archive`."""

    help = (
        "Verifies the log, then writes every record before DATE (UTC) as one self-contained zip "
        "file that needs no app to be checked. Deletes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Until when, and where to."""
        parser.add_argument("--before", required=True, help="YYYY-MM-DD, that day not included")
        parser.add_argument("--to", type=Path, required=True, help="an existing folder")

    def handle(self, *args: str, before: str, to: Path, **options: Any) -> None:
        """Write the archive; exit code 1 where the log is not whole, and then nothing is kept."""
        try:
            day = parse_date(before)
        except ValueError:
            day = None
        if day is None:
            raise CommandError("--before: give a date as YYYY-MM-DD.", returncode=2)
        if not to.is_dir():
            raise CommandError(f"--to: {to} is no folder.", returncode=2)
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        with terminal.in_words():
            try:
                archive = log_archive.archive(before=moment, folder=to)
            except log_archive.CannotArchive as error:
                self.stderr.write(str(error))
                sys.exit(1)
        self.stdout.write(
            f"{archive.path}: {archive.count} records, {archive.length} bytes, "
            f"SHA-256 {archive.sha256}. Nothing was deleted."
        )
