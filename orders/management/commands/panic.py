"""Empty a desk's books from the terminal, with web, workers, sweep and broker down."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from json import dumps
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from desk import startup_checks
from orders.access.permissions import NotAllowed
from orders.accounts import provisioning
from orders.audit import log
from orders.audit.hashing import spelled
from orders.lifecycle import restored_copy
from orders.lifecycle.targets import CannotAsk
from orders.management import cancel_runner, terminal
from orders.models import CancelJob, Desk, PanicLine, PanicStatus
from orders.panic import actions, decision, worker
from orders.panic.open_orders import COVERS
from orders.panic.timings import TIMINGS, Timings

if TYPE_CHECKING:
    from django.contrib.auth.models import User

WAIT_S = 180  # a book is given up on after half a minute, and two more of waiting for credits
PAUSE_S = 0.05


class Command(terminal.DeskCommand):
    """Exit code 0 only if every book in scope was seen empty; 1 if not; 2 for wrong input."""

    help = __doc__
    fails_with = 1  # not every book was seen empty

    def __init__(self, *args: Any, timings: Timings = TIMINGS, **options: Any) -> None:
        super().__init__(*args, **options)
        self._timings = timings

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--desk", required=True)
        parser.add_argument("--account", action="append", default=[], help="name or address")
        parser.add_argument("--symbol", default="")
        parser.add_argument("--keep-reduce-only", action="store_true")
        parser.add_argument("--drill", action="store_true", help="on drill accounts only")
        parser.add_argument("--operator", required=True)
        parser.add_argument("--reason", required=True)
        wait = "seconds; what still waits to be sent then is withdrawn; 180"
        parser.add_argument(
            "--wait", type=terminal.not_negative, default=WAIT_S, metavar="S", help=wait
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: str, wait: float, json: bool, **options: Any) -> None:
        try:
            startup_checks.check_sender()
            restored_copy.check()
            user, actor, job = self._record(**options)
        except (startup_checks.CannotStart, NotAllowed, CannotAsk) as error:
            raise CommandError(str(error), returncode=2) from None
        self._tell_of_restored_copy()
        _carry(job, wait, self._timings)
        _withdraw(job, user, actor)
        lines = list(job.panic_lines.select_related("account", "job"))
        self._tell(lines, as_json=json)
        if any(line.status != PanicStatus.EMPTY for line in lines):
            raise SystemExit(1)

    def _record(
        self,
        *,
        desk: str,
        account: list[str],
        symbol: str,
        keep_reduce_only: bool,
        drill: bool,
        operator: str,
        reason: str,
        **options: Any,
    ) -> "tuple[User, log.Actor, CancelJob]":
        """Record the panic; say which accounts of the desk it leaves out."""
        user, place = _operator_and_desk(operator, desk)
        actor = log.Actor(user.pk, user.get_username(), address=terminal.WHERE)
        self._tell_of_left_out(place)
        job = decision.record_panic(
            user=user,
            actor=actor,
            desk_id=place.pk,
            account_ids=[_account_id(place, name) for name in account],
            symbol=symbol,
            keep_reduce_only=keep_reduce_only,
            reason=reason,
            is_drill=drill,
        )
        return user, actor, job

    def _tell_of_left_out(self, desk: Desk) -> None:
        for left_out in decision.left_out(desk=desk):
            self.stderr.write(f"Not emptied: {left_out} is deactivated.")

    def _tell_of_restored_copy(self) -> None:
        if behind := restored_copy.look(timezone.now()):
            self.stderr.write(
                f"{restored_copy.words(behind)} This panic is sent. {restored_copy.HOW}"
            )

    def _tell(self, lines: list[PanicLine], *, as_json: bool) -> None:
        rows = [_row(line) for line in lines]
        if as_json:
            self.stdout.write(dumps(rows, default=spelled, indent=1))
            self.stderr.write(COVERS)
            return
        for row in rows:
            self.stdout.write("{account}: {said}. {explanation}".format(**row))
        self.stdout.write(COVERS)


def _operator_and_desk(operator: str, desk_name: str) -> "tuple[User, Desk]":
    user = get_user_model().objects.filter(username=operator).first()
    desk = Desk.objects.filter(name=desk_name).first()
    if user is None or desk is None:
        raise CannotAsk(f"No operator {operator!r} or no desk {desk_name!r}.")
    return user, desk


def _account_id(desk: Desk, name: str) -> int:
    named = provisioning.accounts_named(name, among=desk.accounts.all())
    if not named:
        raise CannotAsk(f"{desk} has no account {name!r}.")
    return named[0].pk


def _carry(job: CancelJob, wait_s: float, timings: Timings) -> None:
    """Work on the job's lines and what they leave over, beside whatever senders there are.

    Lines are looked for all the time, so that one that has to wait holds up no other.
    """
    emptier, settler = worker.PanicWorker(timings=timings), ThreadPoolExecutor(max_workers=1)
    asking: Future[None] | None = None
    ends_at = time.monotonic() + wait_s
    while _is_going(job) and time.monotonic() < ends_at:
        emptier.take_due(timezone.now(), job=job)
        if asking is None or asking.done():
            asking = settler.submit(_settle, job)
        time.sleep(PAUSE_S)
    emptier.close(is_hurried=True)
    settler.shutdown()


def _is_going(job: CancelJob) -> bool:
    return job.panic_lines.unfinished().exists() or job.cancels.live().exists()


def _settle(job: CancelJob) -> None:
    """Ask about what became unknown, and take over from senders that died."""
    now = timezone.now()
    due = job.cancels.due(now).order_by() | job.cancels.abandoned(now).order_by()
    try:
        for account_id in set(due.values_list("account_id", flat=True)):
            cancel_runner.push(account_id, True)
    finally:
        connection.close()


def _withdraw(job: CancelJob, user: "User", actor: log.Actor) -> None:
    """Withdraw what waits: nothing of this panic may be sent once the person has turned away."""
    for line in job.panic_lines.filter(status=PanicStatus.WAITING):
        actions.withdraw(user=user, actor=actor, line_id=line.pk)


def _row(line: PanicLine) -> dict[str, Any]:
    left = line.job.cancels.filter(account=line.account).order_by("status")
    return {
        "job": line.job_id,
        "account": line.account.name,
        "address": line.account.address,
        "symbol": line.symbol,
        "status": line.status,
        "said": line.get_status_display(),
        "explanation": line.explanation,
        "cancelled_count": line.cancelled_count,
        "left_open": line.left_open,
        "leftovers": dict(left.values_list("status").annotate(Count("pk"))),
        "sent_at": line.sent_at,
        "answered_at": line.answered_at,
        "seen_empty_at": line.seen_empty_at,
    }
