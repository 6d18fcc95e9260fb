#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: createStopOrder, which the class says it has, of type limit: sell 0.1 at
# 49900 once the price has fallen to 50000.
# Guess: a request to the stop route with the trigger 50000.
# Seen: a plain limit order at 49900, which sells at once while the market is above. The method
# hands the trigger on as stopPrice, the class reads triggerPrice alone; stopPrice travels along
# outside of the signature, under a name that the exchange does not know.
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
assert desk.has["createStopOrder"] is True
desk.create_stop_order("BTC/USDC:USDC", "limit", "sell", 0.1, 49900, 50000)
path, body = sent[-1]
body = json.loads(body)
seen = {name: body.get(name) for name in ("side", "price", "tif", "stop_order", "stopPrice")}
print(path, seen)
assert path == "/orders/create"
assert seen == {"side": "ask", "price": "49900", "tif": "GTC", "stop_order": None, "stopPrice": 50000}
PYTHON
