#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: cancelOrder with a signature that the exchange refuses, once in its JSON
# envelope and once as the bare words Verification failed or "Unauthorized", as it also answers.
# Guess: AuthenticationError each time.
# Seen: with bare words it is ExchangeNotAvailable, one of CCXT's network errors, which its manual
# says to try again later. A wrong key then looks like an exchange that is down, for ever.
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

wrapped = json.dumps({"success": False, "data": None, "error": "Verification failed", "code": 400})
answers = [("application/json", wrapped), ("text/plain", "Verification failed")]
answers += [("application/json", '"Unauthorized"')]
seen = []
for kind, body in answers:
    server.says = (400, kind, body)
    try:
        client().cancel_order("7", "BTC/USDC:USDC")
    except ccxt.BaseError as error:
        seen.append((type(error).__name__, isinstance(error, ccxt.NetworkError)))
        print(body, "->", seen[-1])
assert seen == [("AuthenticationError", False)] + [("ExchangeNotAvailable", True)] * 2, seen
PYTHON
