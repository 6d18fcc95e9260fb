"""`manage.py watch`: tell people what cannot wait, from beside the senders."""

import signal
import threading

from django.core.management.base import BaseCommand
from django.db import close_old_connections
from django.utils.timezone import now as clock

from orders import alerting

EVERY_S = 5


class Command(BaseCommand):
    """Only waits for the signal; the work is in `orders.alerting`."""

    help = (
        "Alerts about unresolved cancels, stuck jobs and a wrong clock, as the sweep does, and "
        "about the one thing no sender can tell: that none is alive. Needs no key. Run it on "
        "another host than the sweep, or with --once from a timer."
    )

    def add_arguments(self, parser):
        """Once, or until told to stop."""
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *args, once, **options):
        """Watch until SIGINT or SIGTERM."""
        stopping = threading.Event()
        if not once:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stopping.set())
        while not stopping.is_set():
            alerting.watch(clock())
            if once:
                return
            stopping.wait(EVERY_S)
            close_old_connections()
