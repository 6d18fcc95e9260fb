"""`manage.py doctor [--accounts] [--send-test] [--json]`: is this site well, and what to do."""

import sys
from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from orders.management import terminal
from orders.operations.doctor import examination
from orders.operations.doctor.findings import OK, TROUBLE, Asked, Finding

MARKS = {OK: "ok     ", TROUBLE: "TROUBLE"}


class Command(terminal.DeskCommand):
    """Only prints; the work is in `orders.operations.doctor`."""

    fails_with = terminal.WRONG_INPUT  # could not run
    help = (
        "Checks settings, keys, files, database, log, broker, exchange, senders, stream and "
        "alerts, and says what is wrong and what to do. Exit code 0: all well; 1: trouble; 2: "
        "could not run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """How far to go."""
        parser.add_argument(
            "--accounts", action="store_true", help="one signed read for each agent wallet"
        )
        parser.add_argument(
            "--send-test", action="store_true", help="send a mail and post to the webhook"
        )
        parser.add_argument("--archives", type=Path, help="a folder whose disk is looked at too")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of text")

    def handle(
        self,
        *args: str,
        accounts: bool,
        send_test: bool,
        archives: Path | None,
        json: bool,
        **options: Any,
    ) -> None:
        """Print a line for each check; exit code 1 where one is trouble."""
        asked = Asked(timezone.now(), accounts=accounts, send_test=send_test, archives=archives)
        findings = []
        for finding in examination.examine(asked):
            findings.append(finding)
            if not json:
                self.stdout.write(_line(finding))
        is_well = examination.is_well(findings)
        if json:
            state = OK if is_well else TROUBLE
            self.stdout.write(dumps({"state": state, "checks": [asdict(one) for one in findings]}))
        if not is_well:
            sys.exit(1)


def _line(finding: Finding) -> str:
    todo = f" -> {finding.todo}" if finding.todo else ""
    return f"{MARKS.get(finding.state, '-      ')}  {finding.name:15}  {finding.said}{todo}"
