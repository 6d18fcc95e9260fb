"""Where alerts are posted to, for tests: it takes them and answers as it is told to."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer


class Hook(BaseHTTPRequestHandler):
    """Takes alerts and answers with the status it is told to."""

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        self.server.taken.append(json.loads(self.rfile.read(length)))
        self.send_response(self.server.status)
        self.send_header("Location", self.server.elsewhere)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        """Tests are quiet."""


@contextmanager
def running_hook():
    """One for as long as the block lasts. ``taken``: what came; ``status``: its answer."""
    server = HTTPServer(("127.0.0.1", 0), Hook)
    server.taken, server.status, server.elsewhere = [], 200, "/"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
