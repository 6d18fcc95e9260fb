"""A client of the paper exchange's stream for tests: one connection, read frame by frame."""

import json
from contextlib import contextmanager

from websockets.sync.client import connect

PATIENCE_S = 60
CLOSING_S = 0.2  # a stalled exchange answers no goodbye
ORDERS = "account_order_updates"
TWAPS = "account_twap_order_updates"
STRATEGIES = "account_order_strategy_updates"


class StreamClient:
    """One open connection. ``socket``: the library's own."""

    def __init__(self, socket):
        self.socket = socket

    def say(self, message):
        """Send a message as JSON; text goes as it is."""
        self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    def ask(self, method, source, account):
        """Send subscribe or unsubscribe."""
        self.say({"method": method, "params": {"source": source, "account": account}})

    def subscribe(self, account, source=ORDERS):
        """Subscribe, and see it acknowledged."""
        self.ask("subscribe", source, account)
        assert self.read() == {
            "channel": "subscribe",
            "data": {"source": source, "account": account},
        }

    def read(self):
        """The next frame, parsed."""
        return json.loads(self.socket.recv(timeout=PATIENCE_S))

    def before_pong(self):
        """Every frame that comes before the answer to a ping, parsed."""
        self.say({"method": "ping"})
        return list(iter(self.read, {"channel": "pong"}))

    def updates(self, channel=ORDERS):
        """The rows of that channel that have come so far."""
        frames = [frame for frame in self.before_pong() if frame.get("channel") == channel]
        return [row for frame in frames for row in frame["data"]]


@contextmanager
def connected(paper, *accounts, source=ORDERS, **options):
    """A connection to the paper exchange that has subscribed to these accounts."""
    options = {"close_timeout": CLOSING_S} | options
    with connect(paper.stream_url, proxy=None, **options) as socket:
        client = StreamClient(socket)
        for account in accounts:
            client.subscribe(account, source)
        yield client
