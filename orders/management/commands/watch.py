"""`manage.py watch`: tell people what cannot wait, from beside the senders."""

import logging
import signal
import threading
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import close_old_connections
from django.utils import timezone

from desk.repeated_warnings import Matters
from orders.management import terminal
from orders.models.senders import is_any_alive
from orders.operations.alerts import watch

EVERY_S = 5
NOBODY = "Nobody is sending: no sender is alive. Start a sweep or a worker."
nobody = Matters(logging.getLogger(__name__))


class Command(terminal.DeskCommand):
    """Only waits for the signal; the work is in `orders.operations.alerts.watch`."""

    help = (
        "Alerts about unresolved cancels, stuck jobs and a wrong clock, as the sweep does, and "
        "about the one thing no sender can tell: that none is alive. Needs no key. Run it on "
        "another host than the sweep, or with --once from a timer: it then exits with 0 where a "
        "sender is alive, with 1 where none is, and with 69 where the database cannot be used."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Once, or until told to stop."""
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *args: str, once: bool, **options: Any) -> None:
        """Watch until SIGINT or SIGTERM."""
        stopping = threading.Event()
        if not once:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stopping.set())
        while not stopping.is_set():
            now = timezone.now()
            watch.watch(now)
            is_anyone_alive = is_any_alive(now)
            if once and not is_anyone_alive:
                raise CommandError(NOBODY, returncode=1)
            if once:
                return
            if is_anyone_alive:
                nobody.over("", "A sender is alive again.")
            else:
                nobody.wrong("", NOBODY)
            stopping.wait(EVERY_S)
            close_old_connections()
