#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: createOrders with a dictionary of parameters of the caller's, which is used
# again for createOrder ten seconds later.
# Guess: the dictionary is left alone, and the second order is signed with the time of its signing.
# Seen: createOrders writes its timestamp into the caller's dictionary. The second order is signed
# with that: older than its own window of 5000 ms, it has expired before it is sent.
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
mine = {"timeInForce": "PO"}
desk = client({"/builder_codes": answered(None), "": answered({"results": [], "order_id": 7})})
clock = [1759224890000]
desk.milliseconds = lambda: clock[0]
order = {"symbol": "BTC/USDC:USDC", "type": "limit", "side": "buy", "amount": 0.1, "price": 50000}
desk.create_orders([order | {"params": mine}])
clock[0] += 10_000
desk.create_order("BTC/USDC:USDC", "limit", "buy", 0.1, 50000, mine)
body = json.loads(sent[-1][1])
age = clock[0] - body["timestamp"]
print("the caller's dictionary:", mine, " age when signed:", age, " window:", body["expiry_window"])
assert mine == {"timeInForce": "PO", "timestamp": 1759224890000}, mine
assert age == 10_000 and body["expiry_window"] == 5000
PYTHON
