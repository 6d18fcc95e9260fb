"""A paper exchange for tests: started in a thread, handled over its real HTTP control doors."""

import time
from contextlib import contextmanager
from functools import cache

import pytest
import requests
import urllib3
from solders.keypair import Keypair

from orders.pacifica import signing
from orders.pacifica.paper import background_server

TIMEOUT_S = 10


class PaperHandle:
    """One running paper exchange. Every call is one HTTP request to its control doors.

    ``url``: where the API is (``…/api/v1``). ``control_url``: where the control doors are.
    ``stream_url``: where its WebSocket is.
    """

    def __init__(self, port: int, host: str = "127.0.0.1"):
        self.port = port
        self.url = f"http://{host}:{port}/api/v1"
        self.control_url = f"http://{host}:{port}/_paper"
        self.stream_url = f"ws://{host}:{port}/ws"
        self._pool = urllib3.HTTPConnectionPool(host, port, maxsize=4, timeout=TIMEOUT_S)

    def reset(self, accounts=()):
        """Forget every account, order, fault, rule and ledger entry; add (address, agents)."""
        listed = [{"address": address, "agents": agents} for address, agents in accounts]
        self._ask("POST", "/reset", {"accounts": listed})

    def account(self, address, agents=(), main=None, credits=None, api_key=None):
        """Add the account, or replace what the exchange knew of it; returns the address."""
        body = {"address": str(address), "agents": [str(agent) for agent in agents]}
        body |= {"main": main, "credits": credits, "api_key": api_key}
        return self._ask("PUT", "/accounts", body)["address"]

    def orders(self, account, orders):
        """Place orders; those without symbol, side, price or amount get some. Returns the ids.

        ``orders``: dicts with fields as on the wire, or a number of orders.
        """
        listed = [{}] * orders if isinstance(orders, int) else orders
        usual = {"symbol": "BTC", "side": "bid", "price": "90000", "initial_amount": "0.1"}
        body = {"account": str(account), "orders": [usual | dict(one) for one in listed]}
        return self._ask("POST", "/orders", body)["order_ids"]

    def strategy(self, account, symbol="BTC", orders=(), **fields):
        """Add an order strategy and its orders; returns ``strategy_id`` and ``order_ids``."""
        body = {"account": str(account), "symbol": symbol, "orders": list(orders), **fields}
        return self._ask("POST", "/strategies", body)

    def fill(self, order_id, amount=None, price=None):
        """Somebody trades with the order, wholly where no amount is given."""
        return self._ask("POST", "/fills", {"order_id": order_id, "amount": amount, "price": price})

    def close(self, order_id, event="cancel"):
        """The order closes by another hand: cancel, force_cancel, expired, …"""
        return self._ask("POST", "/closings", {"order_id": order_id, "event": event})

    def edit(self, order_id, price=None, amount=None):
        """The order is edited by another hand; returns its new order id."""
        body = {"order_id": order_id, "price": price, "amount": amount}
        return self._ask("POST", "/edits", body)["order_id"]

    def rules(self, **rules):
        """Change the rules named; returns all rules."""
        return self._ask("PUT", "/rules", rules)

    def fault(self, route, kind, times=1, **params):
        """Arm a fault; parameters as in `orders.pacifica.paper.faults.Fault`."""
        return self._ask("POST", "/faults", {"route": route, "kind": kind, "times": times} | params)

    def disarm(self):
        """Disarm all faults, stale reads too."""
        self._ask("DELETE", "/faults")

    def faults(self):
        """The faults still armed."""
        return self._ask("GET", "/faults")["faults"]

    def ledger(self, since=0):
        """What the exchange saw and did: ``requests``, ``effects``, ``next``."""
        return self._ask("GET", f"/ledger?since={since}")

    def requests(self, route=None):
        """The requests seen, of one route or all."""
        seen = self.ledger()["requests"]
        return [one for one in seen if route in (None, one["route"])]

    def connections(self):
        """Every connection of the stream since the last reset, oldest first."""
        return self._ask("GET", "/stream")["connections"]

    def truth(self, account=None):
        """Every order as it really is, by order id."""
        door = "/orders" if account is None else f"/orders?account={account}"
        return {one["order_id"]: one for one in self._ask("GET", door)["orders"]}

    def unfinished(self, account):
        """Ids of the strategies that really stand, without any fault."""
        self.disarm()
        address = f"/api/v1/order_strategies?account={account}"
        listed = self._pool.request("GET", address).json()["data"]
        rows = listed["strategies"] if isinstance(listed, dict) else listed
        return {one["strategy_id"] for one in rows}

    def close_session(self):
        """Let go of the connection to the control doors."""
        self._pool.close()

    def _ask(self, method, door, body=None):
        answer = self._pool.request(method, f"/_paper{door}", json=body)
        if answer.status != 200:
            raise ValueError(f"{method} {door}: {answer.status} {answer.data.decode()}")
        return answer.json()


@contextmanager
def running_paper_exchange(latency_ms=0):
    """A paper exchange on a free port for as long as the block lasts; gives a `PaperHandle`."""
    with background_server.in_background(latency_ms=latency_ms) as port:
        handle = PaperHandle(port)
        try:
            yield handle
        finally:
            handle.close_session()


class Signatory:
    """One account at a paper exchange, with its main key and one agent wallet, sending by HTTP."""

    def __init__(self, paper: PaperHandle, **account):
        self.paper = paper
        self.main, self.agent = Keypair(), Keypair()
        self.address, self.agent_wallet = str(self.main.pubkey()), str(self.agent.pubkey())
        paper.account(self.address, agents=[self.agent_wallet], **account)
        self.session = requests.Session()
        self.session.trust_env = False

    def body(self, operation, *, by_agent=True, signed_text=None, **changes) -> dict:
        """The flat signed body. ``signed_text`` is signed in place of the right one.

        ``changes`` replace fields before signing where they are of the header, after it elsewhere.
        """
        timestamp = changes.pop("timestamp", int(time.time() * 1000))
        window = changes.pop("expiry_window", 5000)
        text = signed_text or signing.canonical_text(
            operation.type, operation.payload, timestamp, window
        )
        body = signing.request_body(
            operation,
            account=self.address,
            agent_wallet=self.agent_wallet if by_agent else None,
            timestamp=timestamp,
            expiry_window=window,
            signature=signing.sign_text(
                text, signing.SigningKey(self.agent if by_agent else self.main)
            ),
        )
        return body | changes

    def send(self, operation, **changes) -> requests.Response:
        """Sign and send one operation."""
        return self.post(operation.route, self.body(operation, **changes))

    def batch(self, *actions) -> requests.Response:
        """Send (type, body) pairs as one batch."""
        listed = [{"type": kind, "data": body} for kind, body in actions]
        return self.post("/orders/batch", {"actions": listed})

    def post(self, route, body, headers=None) -> requests.Response:
        """POST a body as compact JSON, or bytes as they are."""
        raw = body if isinstance(body, bytes) else signing.body_bytes(body)
        headers = {"Content-Type": "application/json"} | (headers or {})
        return self.session.post(
            self.paper.url + route, data=raw, headers=headers, timeout=TIMEOUT_S
        )

    def get(self, route, headers=None, **query) -> requests.Response:
        """GET a route; the account is named unless an order id is."""
        if "order_id" not in query:
            query = {"account": self.address} | query
        return self.session.get(
            self.paper.url + route, params=query, headers=headers, timeout=TIMEOUT_S
        )

    def open_ids(self) -> list[int]:
        """The order ids GET /orders shows."""
        return [row["order_id"] for row in self.get("/orders").json()["data"]]


@cache
def shared_paper_exchange() -> PaperHandle:
    """Return the one of this process."""
    # One a process, in a daemon thread, for as long as the process lives: starting is cheap, but
    # connections made before a restart would not survive it.
    background = background_server.in_background()
    _kept.append(background)
    return PaperHandle(background.__enter__())


_kept = []


@pytest.fixture
def paper_exchange():
    """A paper exchange shared by the tests of this process, empty at the start of each."""
    paper = shared_paper_exchange()
    paper.reset()
    return paper
