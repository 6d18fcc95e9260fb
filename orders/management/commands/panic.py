"""Empty a desk's books from the terminal, with web, workers, sweep and broker down."""

import json
import time

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now as clock

from orders import audit, emptying, panic, starting
from orders.models import Desk, PanicStatus
from orders.rights import NotAllowed
from orders.targets import CannotAsk

WAIT_S = 45


class Command(BaseCommand):
    """Exit code 0 only if every book in scope was seen empty; 1 if not; 2 for wrong input."""

    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("--desk", required=True)
        parser.add_argument("--account", action="append", default=[], help="name or address")
        parser.add_argument("--symbol", default="")
        parser.add_argument("--keep-reduce-only", action="store_true")
        parser.add_argument("--drill", action="store_true", help="on drill accounts only")
        parser.add_argument("--operator", required=True)
        parser.add_argument("--reason", required=True)
        parser.add_argument("--json", action="store_true")

    def handle(self, *args, **options):
        try:
            starting.check_sender()
            job = self._pull(options)
        except (starting.CannotStart, NotAllowed, CannotAsk) as error:
            raise CommandError(str(error), returncode=2) from None
        lines = _carried(job)
        self._tell(lines, as_json=options["json"])
        if any(line.status != PanicStatus.EMPTY for line in lines):
            raise SystemExit(1)

    def _pull(self, options):
        user = get_user_model().objects.filter(username=options["operator"]).first()
        desk = Desk.objects.filter(name=options["desk"]).first()
        if user is None or desk is None:
            raise CannotAsk(f"No operator {options['operator']!r} or no desk {options['desk']!r}.")
        return panic.pull(
            user=user,
            actor=audit.Actor(user.pk, user.get_username(), address="(terminal)"),
            desk_id=desk.pk,
            account_ids=[_account_id(desk, name) for name in options["account"]],
            symbol=options["symbol"],
            keep_reduce_only=options["keep_reduce_only"],
            reason=options["reason"],
            is_drill=options["drill"],
        )

    def _tell(self, lines, *, as_json):
        rows = [_row(line) for line in lines]
        if as_json:
            self.stdout.write(json.dumps(rows, default=str, indent=1))
            return
        for row in rows:
            self.stdout.write("{account}: {status}. {explanation}".format(**row))


def _account_id(desk, name):
    found = desk.accounts.filter(name=name) | desk.accounts.filter(address=name)
    account = found.first()
    if account is None:
        raise CannotAsk(f"{desk} has no account {name!r}.")
    return account.pk


def _carried(job):
    """Carry the job's lines here, and wait for those that a sweep was quicker to take."""
    emptier = emptying.Emptier()
    ends_at = time.monotonic() + WAIT_S
    while job.panic_lines.unfinished().exists() and time.monotonic() < ends_at:
        for future in emptier.take_due(clock()):
            future.result()
        time.sleep(0.05)
    emptier.close()
    return list(job.panic_lines.select_related("account"))


def _row(line):
    return {
        "account": line.account.name,
        "address": line.account.address,
        "status": line.get_status_display(),
        "explanation": line.explanation,
        "cancelled_count": line.cancelled_count,
        "left_open": line.left_open,
        "sent_at": line.sent_at,
        "answered_at": line.answered_at,
        "seen_empty_at": line.seen_empty_at,
    }
