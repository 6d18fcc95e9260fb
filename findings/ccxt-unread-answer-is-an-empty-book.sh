#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: fetchOpenOrders, fetchPositions and cancelOrder, answered with status 200
# and a page of HTML, as something between the desk and the exchange may do.
# Guess: an error of CCXT's, for nothing can be known of the orders.
# Seen: no orders are open, there are no positions, and the cancelled order is closed with nothing
# remaining. Not even a body without a byte is an error. A kill switch that reads back what is left
# reads that all is well.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile ccxt==4.5.90 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import http.server
import json
import threading

import ccxt

SECRET = "1GMkH3brNXiNNs1tiFZHu4yZSRrzJwxi5wB9bHFtMikjwpAW9DMZzU2Pqakc5it8X3N5vPmqdN7KF4CCUpmKhq"  # of the seed 00 01 02 … 1f: a key for tests, known to everybody


class Exchange(http.server.BaseHTTPRequestHandler):
    """Give the one answer that is set on the server, whatever is asked."""

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, kind, body = self.server.says
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_POST = answer

    def log_message(self, *_):
        """Say nothing."""


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
threading.Thread(target=server.serve_forever, daemon=True).start()


def client():
    """A Pacifica client of CCXT that knows one market and connects to this script."""
    made = ccxt.pacifica({"walletAddress": "FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF", "privateKey": SECRET})
    market = {"id": "BTC", "symbol": "BTC/USDC:USDC", "base": "BTC", "quote": "USDC"}
    market |= {"settle": "USDC", "type": "swap", "swap": True, "spot": False, "contract": True}
    made.set_markets([market | {"precision": {}, "limits": {}, "info": {}}])
    here = f"http://127.0.0.1:{server.server_port}"
    made.urls["api"] = {"public": here, "private": here}
    made.options["builderFee"] = made.enableRateLimit = False
    return made


print("ccxt", ccxt.__version__)

seen = []
for body in ("<html>back soon</html>", ""):
    server.says = (200, "text/html", body)
    desk = client()
    order = desk.cancel_order("7", "BTC/USDC:USDC")
    seen.append((desk.fetch_open_orders(), desk.fetch_positions(), order["status"], order["remaining"]))
    print(repr(body), "-> orders, positions, cancelled order's status and remaining:", seen[-1])
assert seen == [([], [], "closed", 0.0)] * 2, seen
PYTHON
