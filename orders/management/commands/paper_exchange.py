"""`manage.py paper_exchange`: run the paper exchange until told to stop."""

import gc
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from orders.management import terminal
from orders.pacifica.paper import background_server
from orders.pacifica.paper.state import UnreadableState

# A whole collection of ten thousand orders takes 0.1 s, in which no request is even dated.
RARELY = 20_000, 20, 100


class Command(terminal.DeskCommand):
    """Only reads the options; the work is in `orders.pacifica.paper`."""

    help = "Runs a local Pacifica for demo, tests and benchmarks, on the loopback address only."

    def add_arguments(self, parser: CommandParser) -> None:
        """Port, latency, and where to keep state."""
        parser.add_argument("--port", type=int, default=8900, help="0 takes any free port")
        parser.add_argument(
            "--latency-ms", type=terminal.not_negative, default=0, help="added to every answer"
        )
        parser.add_argument("--state", type=Path, help="JSON file that keeps orders over restarts")

    def handle(
        self, *args: str, port: int, latency_ms: float, state: Path | None, **options: Any
    ) -> None:
        """Serve until SIGINT or SIGTERM."""
        gc.freeze()
        gc.set_threshold(*RARELY)
        try:
            background_server.run(port=port, latency_ms=latency_ms, state_file=state, say=self._say)
        except (OSError, OverflowError) as error:
            raise CommandError(f"Cannot run: {error}") from error
        except UnreadableState as error:
            raise CommandError(str(error)) from error

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
