#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: fetchOpenOrders of a stop loss and a take profit of the same position.
# Guess: stopLossPrice on one and takeProfitPrice on the other, which CCXT's orders have names for.
# Seen: two market orders of one kind, with a triggerPrice; both names are None. Which of the two
# protects against a loss stands in the exchange's own row under info alone.
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
row = {"client_order_id": None, "symbol": "BTC", "side": "ask", "price": "0", "initial_amount": "1"}
row |= {"filled_amount": "0", "cancelled_amount": "0", "stop_parent_order_id": None, "reduce_only": True}
row |= {"created_at": 1759224706737, "updated_at": 1759224706737}
loss = row | {"order_id": 1, "order_type": "stop_loss_market", "stop_price": "50000"}
profit = row | {"order_id": 2, "order_type": "take_profit_market", "stop_price": "70000"}
orders = client({"/orders": answered([loss, profit], last_order_id=2)}).fetch_open_orders()
names = ("type", "triggerPrice", "stopLossPrice", "takeProfitPrice")
seen = [tuple(one[name] for name in names) for one in orders]
print(dict(zip(("names", "loss", "profit"), (names, *seen), strict=True)))
assert seen == [("market", 50000.0, None, None), ("market", 70000.0, None, None)], seen
PYTHON
