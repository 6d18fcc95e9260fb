#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: cancelOrders of two orders, of which the exchange refused the second.
# Guess: the second is left out, raises, or keeps the status open, and each carries the id it is about.
# Seen: both come back as orders without an id; the one whose cancel failed has the status closed and
# nothing remaining, as if it had filled. Only the raw answer under info tells that it is still open.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install ccxt==4.5.90 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import json

import ccxt

SECRET = "1GMkH3brNXiNNs1tiFZHu4yZSRrzJwxi5wB9bHFtMikjwpAW9DMZzU2Pqakc5it8X3N5vPmqdN7KF4CCUpmKhq"  # of the seed 00 01 02 … 1f: a key for tests, known to everybody
sent = []


def client(answers):
    """A Pacifica client of CCXT whose requests end here: (status, JSON) by part of the address."""
    made = ccxt.pacifica({"walletAddress": "FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF", "privateKey": SECRET})
    market = {"id": "BTC", "symbol": "BTC/USDC:USDC", "base": "BTC", "quote": "USDC"}
    market |= {"settle": "USDC", "type": "swap", "swap": True, "spot": False, "contract": True}
    made.set_markets([market | {"precision": {}, "limits": {}, "info": {}}])

    def fetch(url, method="GET", headers=None, body=None):
        sent.append((url.partition("/api/v1")[2].partition("?")[0], body))
        status, value = next(a for part, a in answers.items() if part in url)
        text = json.dumps(value)
        read = made.parse_json(text)
        made.handle_errors(status, "", url, method, {}, text, read, headers, body)
        return read

    made.fetch = fetch
    return made


def answered(data, **more):
    """The exchange's envelope of a yes."""
    return 200, {"success": True, "data": data, "error": None, "code": None} | more


print("ccxt", ccxt.__version__)
results = [
    {"success": True, "order_id": 1, "error": None},
    {"success": False, "order_id": 2, "error": "Failed to cancel order"},
]
desk = client({"/builder_codes": answered(None), "/orders/batch": answered({"results": results})})
orders = desk.cancel_orders(["1", "2"], "BTC/USDC:USDC")
seen = [(one["id"], one["status"], one["remaining"]) for one in orders]
print("id, status, remaining:", seen)
assert seen == [(None, "canceled", None), (None, "closed", 0.0)], seen
PYTHON
