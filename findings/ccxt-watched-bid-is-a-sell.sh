#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: watchOrders of a row of account_order_updates as the exchange documents it:
# side bid, limit price 90000 (ip), 0.04 of 0.1 filled at 89000 on average (p).
# Guess: a buy order at 90000, as fetchOpenOrders says of the same order.
# Seen: a sell order at 89000. Every watched order is a sell, bid and ask alike, for d is taken for a
# default and not for a name; and the price is the average fill, None while nothing is filled. Whoever
# sums up sides, or cancels and replaces by what was watched, trades the other way round.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install ccxt==4.5.90 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio

import ccxt.pro
from aiohttp import web

ACCOUNT = "BrZp5bidJ3WUvceSq7X78bhjTfZXeezzGvGEV4hAYKTa"
ROW = {"i": 7, "I": None, "u": ACCOUNT, "s": "BTC", "d": "bid", "p": "89000", "ip": "90000"}
ROW |= {"lp": "89000", "a": "0.1", "f": "0.04", "oe": "fulfill_limit", "os": "partially_filled"}
ROW |= {"ot": "limit", "sp": None, "si": None, "tp": None, "r": False}
ROW |= {"ct": 1765017049008, "ut": 1765017219639, "li": 12}
RESTING = ROW | {"i": 8, "d": "ask", "p": "0", "lp": "0", "f": "0", "oe": "make", "os": "open"}
REST = {"order_id": 7, "client_order_id": None, "symbol": "BTC", "side": "bid", "price": "90000"}
REST |= {"initial_amount": "0.1", "filled_amount": "0.04", "cancelled_amount": "0"}
REST |= {"stop_price": None, "order_type": "limit", "stop_parent_order_id": None}
REST |= {"reduce_only": False, "created_at": 1765017049008, "updated_at": 1765017219639}


async def exchange(request):
    """Acknowledge the subscription, then tell of two orders."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    params = (await socket.receive_json())["params"]
    await socket.send_json({"channel": "subscribe", "data": params})
    await socket.send_json({"channel": "account_order_updates", "data": [ROW, RESTING]})
    await socket.receive()
    return socket


def client(port):
    """A Pacifica client of CCXT that knows one market and connects to this script."""
    made = ccxt.pro.pacifica({"walletAddress": ACCOUNT})
    market = {"id": "BTC", "symbol": "BTC/USDC:USDC", "base": "BTC", "quote": "USDC"}
    market |= {"settle": "USDC", "type": "swap", "swap": True, "spot": False, "contract": True}
    made.set_markets([market | {"precision": {}, "limits": {}, "info": {}}])
    made.urls["api"]["ws"]["public"] = f"ws://127.0.0.1:{port}/ws"
    return made


def brief(order):
    return {name: order[name] for name in ("id", "side", "price", "average", "filled")}


async def main():
    runner = web.ServerRunner(web.Server(exchange))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    desk = client(site._server.sockets[0].getsockname()[1])
    watched = [brief(order) for order in await asyncio.wait_for(desk.watch_orders(), 10)]
    await desk.close()
    await runner.cleanup()
    return [*watched, brief(desk.parse_order(REST))]


print("ccxt", ccxt.__version__)
bid, ask, read = asyncio.run(main())
print("watched", bid, ask, "read", read, sep="\n")
assert (bid["side"], bid["price"]) == ("sell", 89000.0)
assert (ask["side"], ask["price"]) == ("sell", None)
assert (read["side"], read["price"]) == ("buy", 90000.0)
PYTHON
