#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: createOrderWithTakeProfitAndStopLoss, which the class says it has.
# Guess: one request with take_profit and stop_loss, which are the exchange's names, both signed.
# Seen: the order goes without either. They travel outside of the signature as takeProfit and
# stopLoss with CCXT's own fields inside; the position that follows has no stop, and nothing says
# so.
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
assert desk.has["createOrderWithTakeProfitAndStopLoss"] is True
desk.create_order_with_take_profit_and_stop_loss("BTC/USDC:USDC", "limit", "buy", 0.1, 50000, 60000, 40000)
path, body = sent[-1]
body = json.loads(body)
names = ("take_profit", "stop_loss", "takeProfit", "stopLoss")
seen = {name: body.get(name) for name in names}
print(path, seen)
assert path == "/orders/create"
assert seen == {
    "take_profit": None,
    "stop_loss": None,
    "takeProfit": {"triggerPrice": 60000},
    "stopLoss": {"triggerPrice": 40000},
}, seen
PYTHON
