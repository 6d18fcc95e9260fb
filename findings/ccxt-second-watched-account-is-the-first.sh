#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: watchOrders of one account, then of another one on the same client, then
# unWatchOrders.
# Guess: two subscriptions and each account's own orders; the first one ends when it is acknowledged.
# Seen: one subscription. Who asks for the second account is handed the first one's orders, without a
# word. unWatchOrders never returns, for its acknowledgement is looked for one level too deep.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install ccxt==4.5.90 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio

import ccxt.pro
from aiohttp import WSMsgType, web

FIRST = "BrZp5bidJ3WUvceSq7X78bhjTfZXeezzGvGEV4hAYKTa"
SECOND = "42trU9A5mtXvwHMSEABmQKUzsPVRWRLpzSHvKPxJYBYf"
ROW = {"i": 7, "I": None, "s": "BTC", "d": "bid", "p": "0", "ip": "90000", "lp": "0", "a": "0.1"}
ROW |= {"f": "0", "oe": "make", "os": "open", "ot": "limit", "sp": None, "si": None, "tp": None}
ROW |= {"r": False, "ct": 1765017049008, "ut": 1765017219639, "li": 12}
heard = []


async def exchange(request):
    """Acknowledge what is asked; tell of an order of every account subscribed to, again and again."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    accounts = []

    async def tell():
        while not socket.closed:
            for account in accounts:
                data = [ROW | {"u": account}]
                await socket.send_json({"channel": "account_order_updates", "data": data})
            await asyncio.sleep(0.05)

    telling = asyncio.create_task(tell())
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            asked = message.json()
            heard.append((asked["method"], asked["params"]["account"]))
            await socket.send_json({"channel": asked["method"], "data": asked["params"]})
            if asked["method"] == "subscribe":
                accounts.append(asked["params"]["account"])
    telling.cancel()
    return socket


def client(port):
    """A Pacifica client of CCXT that knows one market and connects to this script."""
    made = ccxt.pro.pacifica({"walletAddress": FIRST})
    market = {"id": "BTC", "symbol": "BTC/USDC:USDC", "base": "BTC", "quote": "USDC"}
    market |= {"settle": "USDC", "type": "swap", "swap": True, "spot": False, "contract": True}
    made.set_markets([market | {"precision": {}, "limits": {}, "info": {}}])
    made.urls["api"]["ws"]["public"] = f"ws://127.0.0.1:{port}/ws"
    return made


async def main():
    runner = web.ServerRunner(web.Server(exchange))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    desk = client(site._server.sockets[0].getsockname()[1])
    await asyncio.wait_for(desk.watch_orders(), 10)
    (order,) = await asyncio.wait_for(desk.watch_orders(params={"account": SECOND}), 10)
    try:
        await asyncio.wait_for(desk.un_watch_orders(), 5)
        ended = True
    except asyncio.TimeoutError:
        ended = False
    await desk.close()
    await runner.cleanup()
    return order["info"]["u"], ended


print("ccxt", ccxt.__version__)
whose, ended = asyncio.run(main())
print({"asked for": SECOND, "handed": whose, "the exchange heard": heard, "unwatched": ended})
assert heard == [("subscribe", FIRST), ("unsubscribe", FIRST)]
assert whose == FIRST
assert not ended
PYTHON
