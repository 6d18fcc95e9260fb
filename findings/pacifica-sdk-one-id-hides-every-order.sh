#!/usr/bin/env bash
# pacifica-sdk 0.1.0: get_open_orders of an account with two orders, of which another program has
# given one a client order id that is a UUID of version 7.
# Guess: two orders.
# Seen: ValueError, and no order at all, for ids must be UUIDs of version 4. One order of somebody
# else's program is enough to see none.
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

row = {"order_id": 7, "symbol": "BTC", "side": "ask", "price": "100", "initial_amount": "1"}
row |= {"filled_amount": "0", "cancelled_amount": "0", "stop_price": None, "order_type": "limit"}
row |= {"stop_parent_order_id": None, "reduce_only": False, "created_at": 1, "updated_at": 2}
four = row | {"client_order_id": "f47ac10b-58cc-4372-a567-0e02b2c3d479"}
seven = row | {"client_order_id": "018f4a3e-7b1c-7c3d-8a4b-1234567890ab", "order_id": 8}
seen = []
for rows in ([four], [four, seven]):
    server.says = rows
    answer = asyncio.run(ask(Info, "get_open_orders", requests.GetOpenOrders(account=ACCOUNT)))
    seen.append(len(answer) if isinstance(answer, list) else type(answer).__name__)
print("one order, then two:", seen)
assert seen == [1, "ValueError"], seen
PYTHON
