#!/usr/bin/env bash
# ocean-agent 0.4.76: before it closes a position at the market, its bracket trader takes the stops
# of that symbol off: here two of them, and the exchange refuses a stop's id at the route of plain
# orders, as it documents a route for each kind.
# Guess: two requests to orders/stop/cancel, signed as cancel_stop_order; and if one is refused, the
# other is asked all the same and the refusal is told.
# Seen: one request to orders/cancel, signed as cancel_order. Its refusal ends the round without a
# word, so the second stop is not asked for at all, and the function returns as if both were gone.
# The client has no act for stops. Its test for a stop is the beginning of a word: take profits,
# which stand beside them, are left as they are.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile requests==2.34.2 solders==0.29.0 base58==2.1.1 PyYAML==6.0.3 python-dotenv==1.2.2 2>/dev/null
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile --no-deps ocean-agent==0.4.76 2>/dev/null
cd "$folder"
HOME=$folder "$folder/venv/bin/python" - <<'PYTHON'
import http.server
import json
import threading
from importlib.metadata import version

from ocean_agent import bracket_trader
from ocean_agent.api_client import PacificaClient
from solders.keypair import Keypair

print("ocean-agent", version("ocean-agent"))
KINDS = {7001: "stop_loss_limit", 7002: "stop_loss_market", 7003: "take_profit_market"}
standing, asked = dict(KINDS), []


class Paper(http.server.BaseHTTPRequestHandler):
    """Three stops stand; each kind of order has a route of its own."""

    def do_GET(self):
        rows = [{"order_id": i, "symbol": "SOL", "order_type": k} for i, k in standing.items()]
        self.say(200, {"success": True, "data": rows, "error": None, "code": None})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked.append((self.path, body["order_id"]))
        if self.path.endswith("/orders/stop/cancel") and standing.pop(body["order_id"], None):
            self.say(200, {"success": True, "data": None, "error": None, "code": None})
        else:
            no = {"success": False, "data": None, "error": "Order not found", "code": 404}
            self.say(404, no)

    def say(self, status, said):
        said = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        """Say nothing."""


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Paper)
threading.Thread(target=server.serve_forever, daemon=True).start()
KEY = Keypair.from_seed(bytes(range(1, 33)))  # known to everybody
client = PacificaClient(f"http://127.0.0.1:{server.server_port}", str(KEY.pubkey()), str(KEY))
acts = [name for name in dir(client) if "cancel" in name]
returned = bracket_trader._cancel_resting(client, "SOL", {})
print("acts of the client that cancel:", acts)
print("asked:", asked)
print("returned:", returned, " still standing:", sorted(standing.values()))
assert acts == ["cancel_order"], acts
assert asked == [("/api/v1/orders/cancel", 7001)], asked
assert returned is None and standing == KINDS, standing
PYTHON
