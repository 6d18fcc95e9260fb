"""A WebSocket server that does what a test says: it acknowledges, stays mute, or closes."""

import json
import socket
import threading
import time
from contextlib import contextmanager, suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve


class StreamServer:
    """``connections``: every one that was opened, oldest first.

    ``refuses``: sources that are never acknowledged; ``refuses_after_first``: not on a later
    connection. ``is_mute``: answers nothing, not even pings. ``closes``: codes with which the next
    connections are closed at once.
    """

    def __init__(self):
        self.connections, self.closes = [], []
        self.refuses, self.refuses_after_first = set(), set()
        self.is_mute, self.delays_s = False, 0
        self.url = ""

    def handle(self, socket_):
        """Serve one connection until it ends."""
        connection = ServedConnection(socket_)
        self.connections.append(connection)
        try:
            if self.closes:
                connection.end(self.closes.pop(0))
            for raw in socket_:
                self._heard(connection, json.loads(raw))
        except ConnectionClosed:
            pass
        finally:
            connection.closed_at = time.monotonic()

    def _heard(self, connection, message):
        connection.received.append(message)
        if self.is_mute:
            return
        if message["method"] == "ping":
            connection.send({"channel": "pong"})
        elif not self._is_refused(connection, message["params"]["source"]):
            connection.send({"channel": message["method"], "data": message["params"]})

    def _is_refused(self, connection, source):
        is_first = connection is self.connections[0]
        return source in self.refuses or (not is_first and source in self.refuses_after_first)


class ServedConnection:
    """One connection, from the server's side."""

    def __init__(self, socket_):
        self.socket, self.received = socket_, []
        self.opened_at, self.closed_at = time.monotonic(), None
        self.headers = socket_.request.headers

    @property
    def is_open(self):
        return self.closed_at is None

    @property
    def subscriptions(self):
        """(source, account) pairs asked for and not left, in order."""
        asked = {}
        for message in self.received:
            if "params" in message:
                pair = message["params"]["source"], message["params"]["account"]
                asked.pop(pair, None)
                if message["method"] == "subscribe":
                    asked[pair] = True
        return list(asked)

    def send(self, frame):
        """Send a frame as JSON; text goes as it is."""
        self.socket.send(frame if isinstance(frame, str) else json.dumps(frame))

    def end(self, code):
        """Close with the code; None cuts the TCP connection."""
        if code is None:
            with suppress(OSError):  # it may have ended just now
                self.socket.socket.shutdown(socket.SHUT_RDWR)
        else:
            self.socket.close(code, "in words")


@contextmanager
def running_stream_server():
    """One for as long as the block lasts."""
    server = StreamServer()
    with serve(server.handle, "127.0.0.1", 0, close_timeout=0.2) as served:
        server.url = f"ws://127.0.0.1:{served.socket.getsockname()[1]}/ws"
        thread = threading.Thread(target=served.serve_forever, daemon=True)
        thread.start()
        yield server
        for connection in server.connections:
            if connection.is_open:
                connection.end(None)


def until(holds, patience_s=120):
    """Wait until something holds, and return it; nobody waits longer than it takes."""
    ends_at = time.monotonic() + patience_s
    while not (held := holds()):
        assert time.monotonic() < ends_at, "it never came to that"
        time.sleep(0.005)
    return held
