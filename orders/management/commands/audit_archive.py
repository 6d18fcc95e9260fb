"""`manage.py audit_archive`: the log until a day, verified and zipped; or a zip held against it."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.dateparse import parse_date

from orders.evidence import archive as log_archive
from orders.evidence import filed
from orders.management import terminal


class Command(terminal.DeskCommand):
    """Only prints; the work is in `orders.evidence.archive`."""

    help = (
        "Verifies the log, then writes every record before DATE (UTC) as one self-contained zip "
        "file that needs no app to be checked, and holds it against the log. Deletes nothing. With "
        "--compare it holds an earlier file against the log that stands."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Until when, and where to."""
        parser.add_argument(
            "--before",
            default="",
            help="YYYY-MM-DD, not included; the first day of this month without it",
        )
        parser.add_argument("--to", type=Path, help="an existing folder")
        parser.add_argument("--compare", type=Path, metavar="FILE", help="an archive to compare")

    def handle(
        self,
        *args: str,
        before: str,
        to: Path | None,
        compare: Path | None,
        **options: Any,
    ) -> None:
        """Write an archive, or compare one; exit code 1 where the log is not what it should be."""
        if compare is not None:
            self._compare(compare)
        elif to is None:
            raise CommandError("Give --to, or --compare.", returncode=2)
        else:
            self._write(_moment(before), to)

    def _compare(self, path: Path) -> None:
        with terminal.in_words():
            try:
                found = filed.compare(path)
            except filed.CannotCompare as error:
                raise CommandError(f"--compare: {error}", returncode=2) from None
        if found.differing:
            first = ", ".join(map(str, found.first))
            self.stderr.write(
                f"{path}: {found.differing} of {found.count} records stand otherwise in the log, "
                f"or not at all. First: {first}."
            )
            sys.exit(1)
        if not found.is_filed:
            self.stderr.write(
                f"{path}: its {found.count} records stand in the log, but it tells of no archive "
                "of these bytes: the file was changed since it was filed, or is of another log."
            )
            sys.exit(1)
        self.stdout.write(f"{path}: its {found.count} records stand in the log as they were filed.")

    def _write(self, before: datetime, to: Path) -> None:
        if not to.is_dir():
            raise CommandError(f"--to: {to} is no folder.", returncode=2)
        with terminal.in_words(), terminal.checkpoints_readable():
            try:
                archive = log_archive.archive(before=before, folder=to)
            except log_archive.CannotWrite as error:
                raise CommandError(f"--to: {error}", returncode=2) from None
            except log_archive.CannotArchive as error:
                self.stderr.write(str(error))
                sys.exit(1)
        self.stdout.write(
            f"{archive.path}: {archive.count} records, {archive.length} bytes, "
            f"SHA-256 {archive.sha256}. Nothing was deleted."
        )
        self._compare(archive.path)


def _moment(before: str) -> datetime:
    """Return the moment that a day begins (UTC); of this month's first where none is given."""
    if not before:
        return datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    try:
        day = parse_date(before)
    except ValueError:
        day = None
    if day is None:
        raise CommandError("--before: give a date as YYYY-MM-DD.", returncode=2)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
