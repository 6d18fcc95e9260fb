#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: fetchOrder of an order that the exchange does not know. It answers 200 with
# an empty list, or 404, depending on its release.
# Guess: OrderNotFound, both times.
# Seen: the empty list is an order: side sell, status open, without id. The 404 is BadRequest. Who
# waits until an order is no longer open waits for ever for one that never was.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile ccxt==4.5.90 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import json

import ccxt

SECRET = "1GMkH3brNXiNNs1tiFZHu4yZSRrzJwxi5wB9bHFtMikjwpAW9DMZzU2Pqakc5it8X3N5vPmqdN7KF4CCUpmKhq"  # of the seed 00 01 02 … 1f: a key for tests, known to everybody


def client(answers):
    """A Pacifica client of CCXT whose requests end here: (status, JSON) by part of the address."""
    made = ccxt.pacifica({"walletAddress": "FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF", "privateKey": SECRET})
    market = {"id": "BTC", "symbol": "BTC/USDC:USDC", "base": "BTC", "quote": "USDC"}
    market |= {"settle": "USDC", "type": "swap", "swap": True, "spot": False, "contract": True}
    made.set_markets([market | {"precision": {"amount": 0.001, "price": 1}, "limits": {}, "info": {}}])

    def fetch(url, method="GET", headers=None, body=None):
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
order = client({"/history_by_id": answered([])}).fetch_order("7")
seen = {name: order[name] for name in ("id", "symbol", "side", "status", "amount")}
print("empty list:", seen)
assert seen == {"id": None, "symbol": None, "side": "sell", "status": "open", "amount": None}, seen
refused = {"success": False, "data": None, "error": "Order history not found for order ID: 7", "code": 404}
try:
    client({"/history_by_id": (404, refused)}).fetch_order("7")
    raised = None
except ccxt.BaseError as error:
    raised = type(error).__name__
print("404:", raised)
assert raised == "BadRequest", raised
PYTHON
