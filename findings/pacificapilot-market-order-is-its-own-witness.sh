#!/usr/bin/env bash
# pacificapilot 0.1.0: place_order of a market order for 60 USDC at a mark price of 100, answered
# with the exchange's envelope and the order id 315.
# Guess: order_id 315, avg_price None, for the exchange has not said at what price it filled.
# Seen: order_id is an id that the program made up, as it looks for the exchange's beside data and
# not within, and avg_price is the mark price it was given itself. The amount is 0.6000000000000001,
# a float's, of a market that trades in steps of 0.1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile requests==2.34.2 solders==0.29.0 base58==2.1.1 2>/dev/null
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile --no-deps pacificapilot==0.1.0 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import http.server
import json
import threading
from importlib.metadata import version

from pacificapilot.core import trading
from solders.keypair import Keypair

MARKET = {"symbol": "SOL", "lot_size": "0.1", "tick_size": "0.01", "min_order_size": "10"}
heard = []


class Paper(http.server.BaseHTTPRequestHandler):
    """Tell of one market, and answer each order with the exchange's envelope and the id 315."""

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = [MARKET] if self.path.endswith("/info") else {"order_id": 315}
        if self.command == "POST":
            heard.append((self.path, json.loads(body), sorted(self.headers)))
        said = json.dumps({"success": True, "data": data, "error": None, "code": None})
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
trading.BASE_URL = f"http://127.0.0.1:{server.server_port}/api/v1"
KEY = Keypair.from_seed(bytes(range(1, 33)))  # known to everybody
print("pacificapilot", version("pacificapilot"))

order = trading.place_order("SOL", "bid", 60, KEY, KEY, 100.0, dry_run=False)
((path, body, _),) = heard
mine = order["order_id"] == body["client_order_id"]
print("made up:", mine, " avg_price:", order["avg_price"], " amount sent:", body["amount"])
assert order["success"] and mine and order["avg_price"] == 100.0, order
assert path == "/api/v1/orders/create_market" and body["amount"] == "0.6000000000000001", body
PYTHON
