"""The other ways to cancel, timed in a process of their own: the SDK's loop and three of CCXT's.

    python peers.py CASE ADDRESS AGENT PORT < '{"secret": …, "order_ids": […]}'

The secret belongs to a key made for this run. Prints one JSON line: seconds, CPU seconds,
cancelled.
"""

import asyncio
import json
import sys
import time

SYMBOL, MARKET = "BTC", "BTC/USDC:USDC"


def sdk_loop(given, address, agent, port):
    """As the official SDK's scripts: sign, then one ``requests.post`` after another."""
    import base58
    import requests
    from solders.keypair import Keypair

    keypair, done = Keypair.from_base58_string(given["secret"]), 0
    url = f"http://127.0.0.1:{port}/api/v1/orders/cancel"
    started = time.perf_counter()
    for order_id in given["order_ids"]:
        payload = {"symbol": SYMBOL, "order_id": order_id}
        header = {"timestamp": int(time.time() * 1000), "expiry_window": 5000}
        message = {**header, "type": "cancel_order", "data": payload}
        text = json.dumps(_sorted(message), separators=(",", ":"))
        signature = base58.b58encode(bytes(keypair.sign_message(text.encode()))).decode()
        body = {"account": address, "agent_wallet": agent, "signature": signature}
        answer = requests.post(url, json=body | header | payload, timeout=30)
        done += answer.json()["success"]
    return time.perf_counter() - started, done


def ccxt_loop(given, address, agent, port):
    """CCXT's ``cancelOrder``, one after another, its limiter off."""
    import ccxt

    exchange = _at(ccxt.pacifica(_options(given, address, agent)), port)
    exchange.load_markets()
    started, done = time.perf_counter(), 0
    for order_id in given["order_ids"]:
        try:
            exchange.cancel_order(str(order_id), MARKET)
            done += 1
        except ccxt.BaseError:  # a malformed signature, where base58 lost a leading zero
            pass
    return time.perf_counter() - started, done


def ccxt_gather(given, address, agent, port):
    """CCXT's async ``cancelOrder``, all at once."""
    return asyncio.run(_gather(given, address, agent, port, batch=1))


def ccxt_batches(given, address, agent, port):
    """CCXT's async ``cancelOrders``, ten to a request, all at once."""
    return asyncio.run(_gather(given, address, agent, port, batch=10))


async def _gather(given, address, agent, port, *, batch):
    import ccxt.async_support as ccxt

    exchange = _at(ccxt.pacifica(_options(given, address, agent)), port)
    try:
        await exchange.load_markets()
        ids = [str(order_id) for order_id in given["order_ids"]]
        started = time.perf_counter()
        if batch == 1:
            calls = [exchange.cancel_order(order_id, MARKET) for order_id in ids]
        else:
            groups = [ids[at : at + batch] for at in range(0, len(ids), batch)]
            calls = [exchange.cancel_orders(group, MARKET) for group in groups]
        ended = await asyncio.gather(*calls, return_exceptions=True)
        seconds = time.perf_counter() - started
    finally:
        await exchange.close()
    good = sum(not isinstance(one, Exception) for one in ended)
    return seconds, good * batch


def _options(given, address, agent):
    return {
        "walletAddress": address,
        "privateKey": given["secret"],
        "enableRateLimit": False,
        "options": {"agentAddress": agent, "builderFee": False},
    }


def _at(exchange, port):
    url = f"http://127.0.0.1:{port}"
    for kind in ("api", "test"):
        exchange.urls[kind] = {"public": url, "private": url}
    return exchange


def _sorted(value):
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return value


CASES = {
    "sdk": sdk_loop,
    "ccxt": ccxt_loop,
    "ccxt-gather": ccxt_gather,
    "ccxt-batches": ccxt_batches,
}


def main():
    case, address, agent, port = sys.argv[1:]
    given = json.load(sys.stdin)
    cpu = time.process_time()
    seconds, cancelled = CASES[case](given, address, agent, int(port))
    cpu_s = time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu_s": cpu_s, "cancelled": cancelled}))


if __name__ == "__main__":
    main()
