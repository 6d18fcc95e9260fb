"""The other ways to cancel, timed in a process of their own: the SDK's loop and three of CCXT's.

    python peers.py CASE ADDRESS AGENT PORT < '{"secret": …, "bursts": [[…], …]}'

The secret belongs to a key made for this run. Of the bursts of order ids the last one is timed;
those before make code and connections warm. Prints one JSON line: seconds, CPU seconds, cancelled,
and the rate of the first burst, connections made in it.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypedDict

SYMBOL, MARKET = "BTC", "BTC/USDC:USDC"
Exchange = Any  # CCXT's Pacifica; this file runs with CCXT and without the app around it


class Given(TypedDict):
    """What standard input holds: the agent wallet's secret, and bursts of order ids."""

    secret: str
    bursts: list[list[int]]


class Figures(TypedDict):
    """Of the last burst, and the first one's rate: cancels per second."""

    seconds: float
    cpu_s: float
    cancelled: int
    first_rate: float


class Watch:
    """Times each burst that began under it."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def bursts(self, given: Given) -> Iterator[list[int]]:
        """Yield the lists of order ids, one after the other."""
        for order_ids in given["bursts"]:
            self.began_s, self.began_cpu_s, self.done = time.perf_counter(), time.process_time(), 0
            yield order_ids
            self.seconds = time.perf_counter() - self.began_s
            self.cpu_s = time.process_time() - self.began_cpu_s
            self.rates.append(self.done / self.seconds)

    def told(self) -> Figures:
        """Sum up, once all bursts are over."""
        return {
            "seconds": self.seconds,
            "cpu_s": self.cpu_s,
            "cancelled": self.done,
            "first_rate": self.rates[0],
        }


def sdk_loop(given: Given, address: str, agent: str, port: int) -> Figures:
    """As the official SDK's scripts: sign, then one ``requests.post`` after another."""
    import base58
    import requests
    from solders.keypair import Keypair

    keypair, watch = Keypair.from_base58_string(given["secret"]), Watch()
    url = f"http://127.0.0.1:{port}/api/v1/orders/cancel"
    for order_id in (order_id for burst in watch.bursts(given) for order_id in burst):
        payload = {"symbol": SYMBOL, "order_id": order_id}
        header = {"timestamp": int(time.time() * 1000), "expiry_window": 5000}
        message = {**header, "type": "cancel_order", "data": payload}
        text = json.dumps(_sorted(message), separators=(",", ":"))
        signature = base58.b58encode(bytes(keypair.sign_message(text.encode()))).decode()
        body = {"account": address, "agent_wallet": agent, "signature": signature}
        answer = requests.post(url, json=body | header | payload, timeout=30)
        watch.done += answer.json()["success"]
    return watch.told()


def ccxt_loop(given: Given, address: str, agent: str, port: int) -> Figures:
    """CCXT's ``cancelOrder``, one after another, its limiter off."""
    import ccxt

    exchange = _at(ccxt.pacifica(_options(given, address, agent)), port)
    exchange.load_markets()
    watch = Watch()
    for order_id in (order_id for burst in watch.bursts(given) for order_id in burst):
        try:
            exchange.cancel_order(str(order_id), MARKET)
            watch.done += 1
        except ccxt.BaseError:  # a malformed signature, where base58 lost a leading zero
            pass
    return watch.told()


def ccxt_gather(given: Given, address: str, agent: str, port: int) -> Figures:
    """CCXT's async ``cancelOrder``, all at once."""
    return asyncio.run(_gather(given, address, agent, port, batch=1))


def ccxt_batches(given: Given, address: str, agent: str, port: int) -> Figures:
    """CCXT's async ``cancelOrders``, ten to a request, all at once."""
    return asyncio.run(_gather(given, address, agent, port, batch=10))


async def _gather(given: Given, address: str, agent: str, port: int, *, batch: int) -> Figures:
    """Cancel each burst at once, with ``batch`` orders to a request."""
    import ccxt.async_support as ccxt

    exchange = _at(ccxt.pacifica(_options(given, address, agent)), port)
    try:
        await exchange.load_markets()
        watch = Watch()
        for order_ids in watch.bursts(given):
            ended = await asyncio.gather(
                *_calls(exchange, [str(order_id) for order_id in order_ids], batch),
                return_exceptions=True,
            )
            watch.done = batch * sum(not isinstance(end, Exception) for end in ended)
        return watch.told()
    finally:
        await exchange.close()


def _calls(exchange: Exchange, ids: list[str], batch: int) -> list[Awaitable[Any]]:
    if batch == 1:
        return [exchange.cancel_order(order_id, MARKET) for order_id in ids]
    groups = [ids[at : at + batch] for at in range(0, len(ids), batch)]
    return [exchange.cancel_orders(group, MARKET) for group in groups]


def _options(given: Given, address: str, agent: str) -> dict[str, Any]:
    return {
        "walletAddress": address,
        "privateKey": given["secret"],
        "enableRateLimit": False,
        "options": {"agentAddress": agent, "builderFee": False},
    }


def _at(exchange: Exchange, port: int) -> Exchange:
    url = f"http://127.0.0.1:{port}"
    for kind in ("api", "test"):
        exchange.urls[kind] = {"public": url, "private": url}
    return exchange


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return value


CASES: dict[str, Callable[[Given, str, str, int], Figures]] = {
    "sdk": sdk_loop,
    "ccxt": ccxt_loop,
    "ccxt-gather": ccxt_gather,
    "ccxt-batches": ccxt_batches,
}


def main() -> None:
    case, address, agent, port = sys.argv[1:]
    given = json.load(sys.stdin)
    print(json.dumps(CASES[case](given, address, agent, int(port))))


if __name__ == "__main__":
    main()
