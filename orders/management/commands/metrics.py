"""`manage.py metrics`: figures of the whole site for Prometheus, until told to stop."""

import signal
import threading
from typing import Any

from django.core.management.base import CommandError, CommandParser

from orders.management import terminal
from orders.operations.monitoring.server import PATH, MetricsServer


class Command(terminal.DeskCommand):
    """Only opens the port; the work is in `orders.operations.monitoring`."""

    help = (
        "Serves figures of the whole site, read from the database as they are asked for. Needs no "
        "key. One process is enough for a site. Whoever reaches its port may read it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address."""
        parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1")
        parser.add_argument("--port", type=int, default=8002, help="8002; 0 for any free one")

    def handle(self, *args: str, **options: Any) -> None:
        """Serve until SIGINT or SIGTERM; a scrape that is under way ends first."""
        try:
            server = MetricsServer(options["host"], options["port"])
        except (OSError, OverflowError) as error:
            raise CommandError(f"--port: cannot listen there ({error}).", returncode=2) from None
        for number in (signal.SIGINT, signal.SIGTERM):  # the loop cannot be ended from within it
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        with server:
            self.stdout.write(f"Metrics are on port {server.port}, at {PATH}.")
            self.stdout.flush()
            server.serve_forever()
