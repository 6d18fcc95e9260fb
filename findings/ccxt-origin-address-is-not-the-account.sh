#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: cancelOrderWs with agentAddress and originAddress, documented as the
# address of the agent's owner where an agent signs.
# Guess: the account of the request is originAddress.
# Seen: it is the client's own walletAddress. originAddress is not read by anything; only the word
# account would be. The agent is taken, so that the cancel asks for an account that is not meant.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile ccxt==4.5.90 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio

import ccxt.pro
from aiohttp import WSMsgType, web

SECRET = "1GMkH3brNXiNNs1tiFZHu4yZSRrzJwxi5wB9bHFtMikjwpAW9DMZzU2Pqakc5it8X3N5vPmqdN7KF4CCUpmKhq"  # of the seed 00 01 02 … 1f: a key for tests, known to everybody
OWNER = "42trU9A5mtXvwHMSEABmQKUzsPVRWRLpzSHvKPxJYBYf"
AGENT = "9C6hybhQ6Aycep9jaUnP6uL9ZYvDjUp1aSkFWPUFJtpj"
heard = []


async def exchange(request):
    """Say yes to whatever is asked, in the exchange's form."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            asked = message.json()
            ((kind, params),) = asked["params"].items()
            heard.append(params)
            data = {"i": params.get("order_id"), "I": None, "s": params.get("symbol")}
            await socket.send_json({"code": 200, "data": data, "id": asked["id"], "t": 1, "type": kind})
    return socket


async def main():
    runner = web.ServerRunner(web.Server(exchange))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    desk = ccxt.pro.pacifica({"walletAddress": "FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF", "privateKey": SECRET})
    market = {"id": "BTC", "symbol": "BTC/USDC:USDC", "base": "BTC", "quote": "USDC"}
    market |= {"settle": "USDC", "type": "swap", "swap": True, "spot": False, "contract": True}
    desk.set_markets([market | {"precision": {}, "limits": {}, "info": {}}])
    desk.urls["api"]["ws"]["public"] = f"ws://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/ws"
    params = {"originAddress": OWNER, "agentAddress": AGENT}
    await asyncio.wait_for(desk.cancel_order_ws("7", "BTC/USDC:USDC", params), 10)
    await desk.close()
    await runner.cleanup()


print("ccxt", ccxt.__version__)

asyncio.run(main())
((sent),) = heard
seen = {"agent": sent["agent_wallet"] == AGENT, "account is originAddress": sent["account"] == OWNER}
print(seen)
assert seen == {"agent": True, "account is originAddress": False}, sent
PYTHON
