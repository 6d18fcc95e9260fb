"""A paper exchange for tests: started in a thread, handled over its real HTTP control doors."""

from contextlib import contextmanager

import requests

from orders.pacifica.paper import running

TIMEOUT_S = 10


class PaperHandle:
    """One running paper exchange. Every call is one HTTP request to its control doors.

    ``url``: where the API is (``…/api/v1``). ``control_url``: where the control doors are.
    """

    def __init__(self, port: int):
        self.port = port
        self.url = f"http://127.0.0.1:{port}/api/v1"
        self.control_url = f"http://127.0.0.1:{port}/_paper"
        self._session = requests.Session()
        self._session.trust_env = False

    def reset(self):
        """Forget every account, order, fault, rule and ledger entry."""
        self._ask("POST", "/reset")

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

    def truth(self, account=None):
        """Every order as it really is, by order id."""
        door = "/orders" if account is None else f"/orders?account={account}"
        return {one["order_id"]: one for one in self._ask("GET", door)["orders"]}

    def close_session(self):
        """Let go of the connection to the control doors."""
        self._session.close()

    def _ask(self, method, door, body=None):
        answer = self._session.request(
            method, self.control_url + door, json=body, timeout=TIMEOUT_S
        )
        if answer.status_code != 200:
            raise ValueError(f"{method} {door}: {answer.status_code} {answer.text}")
        return answer.json()


@contextmanager
def running_paper_exchange(latency_ms=0):
    """A paper exchange on a free port for as long as the block lasts; gives a `PaperHandle`."""
    with running.in_background(latency_ms=latency_ms) as port:
        handle = PaperHandle(port)
        try:
            yield handle
        finally:
            handle.close_session()
