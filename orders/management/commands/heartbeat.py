"""`manage.py heartbeat`: let a guard hear that somebody lives, once or until told to stop."""

import signal
import threading
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import Error, close_old_connections

from desk.databases import why_unusable
from orders.access.permissions import NotAllowed
from orders.audit import log
from orders.lifecycle.targets import CannotAsk
from orders.management import terminal
from orders.models import Guard, GuardStatus, Right
from orders.panic.guard import arming

NO_GUARD = "{} has no guard {!r} on a desk named {!r} to arm."


class Command(terminal.DeskCommand):
    """Exit code 0 once it was told to stop; 1 where the guard fired; 2 for wrong input."""

    fails_with = 1  # then nobody heard it
    help = (
        "Arms a guard with --arm, and beats once, or with --loop until told to stop. Let the bot's "
        "own supervisor run it only where it ends with the bot: what goes on beating for a dead "
        "bot keeps its guard from firing. It does not disarm when it stops."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which guard, in whose name, how often."""
        parser.add_argument("--desk", required=True)
        parser.add_argument("--guard", required=True)
        parser.add_argument("--operator", required=True)
        parser.add_argument("--arm", action="store_true", help="arm it first")
        parser.add_argument("--loop", action="store_true", help="beat until told to stop")
        every = "seconds between beats; a third of the time to live"
        parser.add_argument("--every", type=terminal.not_negative, metavar="S", help=every)

    def handle(self, *args: str, loop: bool, every: float | None, **options: Any) -> None:
        """Beat, and stop where nobody hears it."""
        stopping = threading.Event()
        if loop:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stopping.set())
        with terminal.in_words():
            guard = self._guard(**options)
        pause_s = min(every or guard.ttl_s / 3, threading.TIMEOUT_MAX)
        while not stopping.is_set():
            self._beat(guard, is_loop=loop)
            if not loop:
                return
            stopping.wait(pause_s)
            close_old_connections()

    def _guard(self, *, desk: str, guard: str, operator: str, arm: bool, **options: Any) -> Guard:
        """Find the guard, and arm it if wanted. Raises what `terminal.in_words` turns to words."""
        user = terminal.operator_named(operator)
        guards = Guard.objects.allowing(user, Right.GUARD)
        row = guards.filter(desk__name=desk, name=guard).first()
        if row is None:
            raise CannotAsk(NO_GUARD.format(operator, guard, desk))
        if arm:
            actor: log.Actor = terminal.actor_of(user)
            self.stdout.write(arming.arm(user=user, actor=actor, guard_id=row.pk))
        return row

    def _beat(self, guard: Guard, *, is_loop: bool) -> None:
        """Beat once. A database that does not answer is asked again: that is a silence."""
        try:
            heard = arming.beat(desk_id=guard.desk_id, guard_id=guard.pk)
        except (Error, NotAllowed) as error:
            if not is_loop:
                raise CommandError(f"Not heard ({why_unusable(error)}).", returncode=1) from None
            self.stderr.write(f"Not heard ({type(error).__name__}); trying again.")
            return
        if heard is None or heard.status != GuardStatus.ARMED:
            said = heard.said if heard else "The guard is no more."
            raise CommandError(said, returncode=1)
        self.stdout.write(heard.said)
        self.stdout.flush()
