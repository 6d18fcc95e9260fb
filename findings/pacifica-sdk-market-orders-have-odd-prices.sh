#!/usr/bin/env bash
# pacifica-sdk 0.1.0: a market order, which it sends as a limit order that must fill at once, at a
# price worse by the slippage; alone, and in a batch.
# Guess: 0.0000129, rounded to the market's tick, as decimal text.
# Seen: alone it raises UnboundLocalError and nothing is sent. In a batch the price of a small coin
# is 1.2915000000000001e-05, signed and sent: a float's text with an exponent, of no tick.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile pacifica-sdk==0.1.0 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import http.server
import json
import threading
from importlib.metadata import version

from pacifica_sdk.async_.exchange import Exchange
from pacifica_sdk.async_.info import Info
from pacifica_sdk.models import requests

SECRET = "1GMkH3brNXiNNs1tiFZHu4yZSRrzJwxi5wB9bHFtMikjwpAW9DMZzU2Pqakc5it8X3N5vPmqdN7KF4CCUpmKhq"  # of the seed 00 01 02 … 1f: a key for tests, known to everybody
ACCOUNT = "FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF"
heard = []


class Paper(http.server.BaseHTTPRequestHandler):
    """Note what comes, and give the one answer that is set on the server."""

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        heard.append((self.command, self.path, body.decode()))
        said = json.dumps({"success": True, "data": self.server.says, "error": None, "code": None})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said.encode())

    do_GET = do_POST = answer

    def log_message(self, *_):
        """Say nothing."""


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Paper)
threading.Thread(target=server.serve_forever, daemon=True).start()
server.says = None


async def ask(kind, what, params):
    """What a client of that kind returns or raises, asked this."""
    here = f"http://127.0.0.1:{server.server_port}"
    client = Exchange(SECRET, base_url=here) if kind is Exchange else Info(ACCOUNT, here, skip_ws=True)
    try:
        return await getattr(client, what)(params)
    except Exception as error:
        return error
    finally:
        await client.close()


print("pacifica-sdk", version("pacifica-sdk"))

order = requests.CreateMarketOrder(symbol="kBONK", price="0.0000123", amount="1000", side="bid")
alone = asyncio.run(ask(Exchange, "create_order", order.model_copy()))
sent = len(heard)
server.says = {"results": []}
asyncio.run(ask(Exchange, "batch_order", requests.BatchOrder(actions=[order])))
(action,) = json.loads(heard[-1][2])["actions"]
print("alone:", repr(alone), " requests:", sent, " in a batch, price:", action["data"]["price"])
assert type(alone) is UnboundLocalError and sent == 0
assert action["data"]["price"] == "1.2915000000000001e-05", action
PYTHON
