"""The port on which a monitor reads the metrics: one question at a time, and nothing else."""

import logging
import sys
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import Any

from django.db import close_old_connections
from django.utils import timezone

from orders.operations.monitoring.exposition import CONTENT_TYPE, Exposition

logger = logging.getLogger(__name__)
PATH = "/metrics"
SLOW_S = 5  # a client that says or takes nothing for so long is let go


class MetricsServer(TCPServer):
    """Asks the database in the one thread that serves: a second question waits for the first."""

    allow_reuse_address = True

    def __init__(self, host: str, port: int) -> None:
        self.exposition = Exposition()
        super().__init__((host, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Log what befell a question; that somebody has gone or was slow is nothing to tell."""
        if not isinstance(sys.exc_info()[1], OSError):
            logger.exception("The metrics could not be told.")

    @property
    def port(self) -> int:
        """The port that it listens on, where any free one was asked for too."""
        return int(self.socket.getsockname()[1])


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    server_version, sys_version = "pacifica-desk", ""
    timeout = SLOW_S

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self.send_error(404)
            return
        close_old_connections()
        body = self.server.exposition.text(timezone.now())
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each scrape."""
