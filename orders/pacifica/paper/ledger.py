"""The exchange's own truth: every request seen and every effect applied, in order."""

import time
from bisect import bisect_left
from operator import itemgetter
from typing import Any

from .book import PaperOrder

NUMBER = itemgetter("n")


class Ledger:
    """Append-only lists of requests and effects that share one running number ``n``.

    A request: ``n``, ``at_ms`` (arrival), ``method``, ``route``, ``query`` (of a read),
    ``signer``, ``account``, ``order_ids``, ``client_order_ids``, ``body_sha256``, ``timestamp``
    and ``expiry_window`` (ms, as signed), ``verdict``, ``reason`` (the refusal's text),
    ``status`` (HTTP status of what the exchange decided), ``fault`` (kind, or None). For a batch
    ``results`` holds one boolean an item.
    Verdicts: ``accepted``, ``refused``, ``not_processed`` (a fault kept it from the exchange), or
    None while undecided. ``fault`` tells whether the client could see the verdict.

    An effect: ``n``, ``at_ms``, ``order_id``, ``account``, ``symbol``, ``event``,
    ``order_status``, ``filled_amount``, ``cancelled_amount``, and ``request``, the ``n`` of the
    request that caused it, or None.

    All ``at_ms`` are this machine's clock, whatever the exchange pretends its own to be.
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.effects: list[dict[str, Any]] = []
        self.last_n = 0

    def request(
        self, *, method: str, route: str, body_sha256: str | None, query: dict[str, str]
    ) -> dict[str, Any]:
        """Note a request as it arrives; the caller fills in the rest as it becomes known."""
        self.last_n += 1
        entry = {
            "n": self.last_n,
            "at_ms": now_ms(),
            "method": method,
            "route": route,
            "query": query,
            "signer": None,
            "account": query.get("account"),
            "order_ids": [],
            "client_order_ids": [],
            "body_sha256": body_sha256,
            "timestamp": None,
            "expiry_window": None,
            "verdict": None,
            "reason": None,
            "status": None,
            "fault": None,
        }
        self.requests.append(entry)
        return entry

    def effect(self, *, order: PaperOrder, event: str, request: int | None) -> None:
        """Note what just happened to an order."""
        self.last_n += 1
        self.effects.append(
            {
                "n": self.last_n,
                "at_ms": now_ms(),
                "order_id": order.order_id,
                "account": order.account,
                "symbol": order.symbol,
                "event": event,
                "order_status": order.order_status,
                "filled_amount": order.filled_amount,
                "cancelled_amount": order.cancelled_amount,
                "request": request,
            }
        )

    def since(self, n: int = 0) -> dict[str, Any]:
        """Return everything numbered ``n`` or higher, and the ``next`` number to ask from."""
        return {
            "requests": self.requests[bisect_left(self.requests, n, key=NUMBER) :],
            "effects": self.effects[bisect_left(self.effects, n, key=NUMBER) :],
            "next": self.last_n + 1,
        }


def now_ms() -> int:
    """Read this machine's clock in milliseconds since the epoch."""
    return int(time.time() * 1000)
