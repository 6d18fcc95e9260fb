#!/usr/bin/env bash
# pacificapilot 0.1.0: place_limit_order, beside place_order, which uses the documented route.
# Guess: orders/create, with account, signature, timestamp and expiry_window in the body.
# Seen: limit-order, a route that the exchange's documents do not have, with the signature in
# headers of its own and without an account; the signed text is not the documented one either. Only
# its market orders can ever be taken.
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

trading.place_order("SOL", "bid", 60, KEY, KEY, 100.0, dry_run=False)
trading.place_limit_order("SOL", "bid", 60, 100.0, KEY, KEY, dry_run=False)
seen = []
for path, body, headers in heard:
    seen.append((path, "account" in body, "signature" in body, "Pf-Signature" in map(str.title, headers)))
    print("path, account and signature in the body, signature in a header:", seen[-1])
assert seen == [
    ("/api/v1/orders/create_market", True, True, False),
    ("/api/v1/limit-order", False, False, True),
], seen
PYTHON
