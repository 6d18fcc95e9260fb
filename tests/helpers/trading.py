"""Orders that come and go at the paper exchange without pause, and what the desk knows of them."""

import random
import threading
import uuid
from decimal import Decimal

from orders.models import Order

MOST_OPEN = 30  # of one account; the oldest ends before another is placed
EVENTS = ["cancel", "cancel", "force_cancel", "expired"]


class Trading:
    """A hand that trades at random in a thread, for as long as the block lasts."""

    def __init__(self, paper, addresses, *, seed=None, pause_s=0.01):
        self._paper, self._addresses, self._pause_s = paper, addresses, pause_s
        self._random, self._over = random.Random(seed), threading.Event()
        self._open = {address: [] for address in addresses}
        self._thread = threading.Thread(target=self._trade, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._over.set()
        self._thread.join()

    def _trade(self):
        while not self._over.wait(self._pause_s):
            address = self._random.choice(self._addresses)
            standing = self._open[address]
            if len(standing) < self._random.randint(0, MOST_OPEN):
                standing += self._paper.orders(address, self._some())
            elif standing:
                self._change(standing)

    def _some(self):
        """One order or a few: some with a client order id, some of them stops."""
        stop = {"order_type": "stop_limit", "stop_price": "48000"}
        named = {"client_order_id": str(uuid.UUID(int=self._random.getrandbits(128), version=4))}
        return self._random.choice([[{}], [named], [stop], [{}, {}, {}]])

    def _change(self, standing):
        """Fill an order, in part or wholly, edit it, or end it by another hand."""
        at = self._random.randrange(len(standing))
        act = self._random.random()
        if act < 0.1:
            self._paper.fill(standing[at], "0.01")
        elif act < 0.2:
            self._paper.fill(standing.pop(at))
        elif act < 0.3:
            standing[at] = self._paper.edit(standing[at], price=str(self._random.randint(1, 10**5)))
        else:
            self._paper.close(standing.pop(at), self._random.choice(EVENTS))


def unknown(paper, accounts):
    """What of the exchange's orders is not so in our rows: {order id: (the truth, ours)}."""
    wrong = {}
    for account in accounts:
        told = {order.order_id: order for order in Order.objects.filter(account=account)}
        for order_id, truth in paper.truth(account.address).items():
            ours = told.get(order_id)
            stands = _as_it_is(truth), ours and _as_we_know(ours)
            if stands[0] != stands[1]:
                wrong[order_id] = stands
    return wrong


def _as_it_is(truth):
    amounts = truth["filled_amount"], truth["cancelled_amount"]
    status = "open" if truth["is_open"] else truth["order_status"]
    return status, *(Decimal(amount) for amount in amounts)


def _as_we_know(order):
    amounts = order.filled_amount, order.cancelled_amount
    status = order.order_status if order.state in ("open", "closed") else order.state
    return status, *(Decimal(amount or "-1") for amount in amounts)
