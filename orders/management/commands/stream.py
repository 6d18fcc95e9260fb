"""`manage.py stream`: follow the exchange's stream of every account until told to stop."""

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from desk import startup_checks
from desk.databases import prepare_statements
from orders.management import terminal
from orders.reconcile.stream.worker import StreamWorker


class Command(terminal.DeskCommand):
    """Only waits for the signal; the work is in `orders.reconcile.stream`.

    It starts on a restored copy too: it reads and never sends. It opens no agent key.
    """

    help = (
        "Follows the exchange's stream of every account, so that changes show at once and cost no "
        "credits. Any number may run; each account is followed by one."
    )

    def handle(self, *args: str, **options: Any) -> None:
        """Follow until SIGINT or SIGTERM."""
        if not settings.STREAM:
            raise CommandError("STREAM: is false, so the stream is not followed. Set it to true.")
        worker = StreamWorker()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: worker.stop())
        with terminal.in_words():
            startup_checks.check_site()
        prepare_statements()
        self.stdout.write("The stream is followed.")
        self.stdout.flush()
        worker.run()
        self.stdout.write("The stream is no longer followed.")
