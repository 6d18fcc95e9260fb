#!/usr/bin/env bash
# pacifica-sdk 0.1.0: cancel_order by order_id, and by client_order_id, which its CancelOrder has.
# Guess: one request each.
# Seen: the cancel by client_order_id raises TypeError and is not sent. It is signed as orjson
# writes a UUID, and then handed to a JSON encoder that cannot. Orders with an id of one's own
# neither.
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

MINE = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
seen = []
wanted = [("cancel_order", requests.CancelOrder(symbol="BTC", order_id=7))]
wanted += [("cancel_order", requests.CancelOrder(symbol="BTC", client_order_id=MINE))]
order = {"symbol": "BTC", "price": "1", "amount": "1", "side": "bid", "tif": "GTC"}
wanted += [("create_order", requests.CreateLimitOrder(**order, client_order_id=MINE))]
for what, params in wanted:
    answer = asyncio.run(ask(Exchange, what, params))
    seen.append((type(answer).__name__.partition("[")[0], len(heard)))
    print(what, params.client_order_id, "->", answer, " requests so far:", len(heard))
assert seen == [("ApiResponse", 1), ("TypeError", 1), ("TypeError", 1)], seen
PYTHON
