#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: createOrder with stopLossPrice 50000 and the price 49900, reduce-only, to
# protect a long position by a stop limit order, as CCXT's stopLossPrice is meant.
# Guess: the stop of the position, with 49900 as its limit price.
# Seen: a limit sell at 49900 goes on the book at once, with a stop attached to it. Without a price
# the same call sets the position's stop: the price decides whether a stop loss waits or sells.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile ccxt==4.5.90 2>/dev/null
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
    made.set_markets([market | {"precision": {"amount": 0.001, "price": 1}, "limits": {}, "info": {}}])

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
desk = client({"/builder_codes": answered(None), "": answered({"order_id": 7})})
seen = []
for price in (49900, None):
    params = {"stopLossPrice": 50000, "reduceOnly": True}
    desk.create_order("BTC/USDC:USDC", "limit", "sell", 0.1, price, params)
    path, body = sent[-1]
    body = json.loads(body)
    seen.append((path, body.get("price"), body.get("amount"), body["stop_loss"]))
    print("price", price, "->", seen[-1])
assert seen == [
    ("/orders/create", "49900", "0.1", {"stop_price": "50000", "limit_price": "49900"}),
    ("/positions/tpsl", None, None, {"stop_price": "50000"}),
], seen
PYTHON
