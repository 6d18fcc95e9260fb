"""`manage.py audit_verify [--json] [--until N]`: is the log whole, and true to its bytes?"""

import sys
from json import dumps
from typing import Any

from django.core.management.base import CommandParser
from django.db import DatabaseError

from orders.audit import log
from orders.evidence import verify
from orders.management import terminal
from orders.operations.errands import verification_requests

MAX_WHOLE_NUMBER = 2**63 - 1  # what a database takes for a whole number


class Command(terminal.DeskCommand):
    """Only prints; the work is in `orders.evidence.verify`."""

    fails_with = terminal.WRONG_INPUT  # not checked
    help = (
        "Walks the whole audit log: chain, checkpoints, signatures, proofs. Names everything that "
        "is wrong, and records that it did. Exit code 0: whole; 1: something is wrong; 2: it could "
        "not be checked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """How to tell it, and how far to go."""
        parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
        parser.add_argument("--until", type=position, help="the last position to look at")

    def handle(self, *args: str, json: bool, until: int | None, **options: Any) -> None:
        """Name each fault as it is found; exit code 1 where there is one."""
        with terminal.in_words(), terminal.checkpoints_readable():
            report = verify.verify(
                until=until,
                on_fault=None if json else lambda fault: self.stderr.write(str(fault)),
                on_progress=None if json or not sys.stderr.isatty() else self._progress,
            )
        if json:
            self.stdout.write(dumps(report.as_json(), indent=2))
        else:
            self._tell(report)
        self._record(report)  # last: a log that is wrong may be past adding to
        if not report.is_whole:
            sys.exit(1)

    def _record(self, report: verify.Report) -> None:
        """Record that the log was verified; who may only read it still learns what was found."""
        actor = log.Actor(operator_name=terminal.WHERE, address=terminal.WHERE)
        try:
            verification_requests.record(actor=actor, report=report)
        except (DatabaseError, ValueError, OverflowError) as error:
            self.stderr.write(f"Note: this verification is not in the log: {error}")

    def _progress(self, position: int, until: int) -> None:
        share = position / until
        bar = "#" * int(30 * share)
        self.stderr.write(f"\r[{bar:<30}] {share:4.0%} of {until} records", ending="")
        if position + verify.LIMITS.says_every > until:
            self.stderr.write("")

    def _tell(self, report: verify.Report) -> None:
        for note in report.notes:
            self.stderr.write(f"Note: {note}")
        records = _count(report.records, "record")
        if not report.is_whole:
            self.stderr.write(f"{records}, {_count(report.fault_count, 'fault')}.")
            return
        covered = f"{report.covered} of them under {_count(report.checkpoints, 'checkpoint')}"
        signatures = _count(report.signatures, "signature")
        self.stdout.write(f"{records}, whole. {covered}; {signatures} checked.")


def position(text: str) -> int:
    """Read a place in the log. Raises ValueError, as argparse wants it."""
    if not 1 <= int(text) <= MAX_WHOLE_NUMBER:
        raise ValueError(text)
    return int(text)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
