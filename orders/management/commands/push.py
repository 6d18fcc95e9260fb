"""`manage.py push`: tell open pages what changed, until told to stop."""

import gc
import os
import signal
from functools import partial
from typing import Any

from django.core.management.base import CommandError, CommandParser

from desk import startup_checks
from orders.admin.push.limits import Limits
from orders.admin.push.server import Server, listening
from orders.admin.push.service import Service
from orders.api.beats import Beats
from orders.api.job_stream import JobStreams
from orders.management import terminal


class Command(terminal.DeskCommand):
    """Only opens the socket; the work is in `orders.admin.push`."""

    help = (
        "Serves /events, by which open pages follow what happens instead of asking, the events of "
        "the API's jobs, and the beats that a proxy passes to it. Without it pages ask as before."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address."""
        parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1")
        parser.add_argument("--port", type=int, default=8001, help="8001; 0 for any free one")

    def handle(self, *args: str, **options: Any) -> None:
        """Serve until SIGINT or SIGTERM."""
        with terminal.in_words():
            startup_checks.check_web()
        service = Service(Limits())
        try:
            listener = listening(options["host"], options["port"], service)
        except (OSError, OverflowError) as error:
            raise CommandError(f"--port: cannot listen there ({error}).", returncode=2) from None
        with listener:
            for number in (signal.SIGINT, signal.SIGTERM):  # the server's own come first
                signal.signal(number, lambda *_: None)
            gc.freeze()
            said = partial(self._say, listener.getsockname()[1])
            server = Server(service, said, Beats(), JobStreams())
            server.run(sockets=[listener])
        if not server.started:
            raise CommandError("The log cannot be read: see the lines above.", returncode=1)

    def _say(self, port: int) -> None:
        self.stdout.write(f"Pages follow on port {port}, process {os.getpid()}.")
        self.stdout.flush()
