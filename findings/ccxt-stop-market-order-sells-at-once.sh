#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: createOrder of type market with triggerPrice, CCXT's common way to ask for
# a stop market order; the price is still far above the trigger.
# Guess: a stop order that waits for the trigger, or a refusal.
# Seen: a market order. The trigger is dropped from the request without a word and the position is
# sold now. With stopLossPrice it is the same, and a stop hangs on what was just sold. Only the type
# limit with a triggerPrice and no price is a stop market order here.
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
desk = client({"/builder_codes": answered(None), "/orders/": answered({"order_id": 7})})
wanted = [("market", {"triggerPrice": 50000}), ("market", {"stopLossPrice": 50000, "reduceOnly": True})]
wanted += [("limit", {"triggerPrice": 50000})]
seen = []
for kind, params in wanted:
    order = desk.create_order("BTC/USDC:USDC", kind, "sell", 0.1, None, params)
    path, body = sent[-1]
    seen.append((path, "50000" in body, order["status"]))
    print(kind, params, "->", seen[-1])
assert seen == [
    ("/orders/create_market", False, "open"),
    ("/orders/create_market", True, "open"),
    ("/orders/stop/create", True, "open"),
], seen
PYTHON
