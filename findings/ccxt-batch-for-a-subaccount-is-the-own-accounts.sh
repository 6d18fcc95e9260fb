#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: createOrder, cancelOrders and createOrders with params.account, by which
# the class is told which account is meant.
# Guess: all three are for that account.
# Seen: createOrders is for the client's own. The account is not handed to the signing of the items
# and stands beside the batch, where the exchange does not look. What was to be traded for a
# subaccount is traded for the main one.
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
SUB = "42trU9A5mtXvwHMSEABmQKUzsPVRWRLpzSHvKPxJYBYf"
order = {"symbol": "BTC/USDC:USDC", "type": "limit", "side": "buy", "amount": 0.1, "price": 50000}
desk = client({"/builder_codes": answered(None), "": answered({"order_id": 7, "results": []})})
more = {"account": SUB}
seen = []
desk.create_order(**order, params=dict(more))
seen.append(json.loads(sent[-1][1])["account"] == SUB)
desk.cancel_orders(["7"], order["symbol"], dict(more))
seen.append(json.loads(sent[-1][1])["actions"][0]["data"]["account"] == SUB)
desk.create_orders([order], dict(more))
seen.append(json.loads(sent[-1][1])["actions"][0]["data"]["account"] == SUB)
print("for the subaccount: createOrder, cancelOrders, createOrders:", seen)
assert seen == [True, True, False], seen
PYTHON
