#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: fetchOrders of a row of the order history as the exchange documents it,
# where the names are amount and initial_price (open orders say initial_amount and price).
# Guess: amount 984 and price 1.5, as the row says; 980 remaining of a cancelled order.
# Seen: amount, price and remaining are None; filled and status are there. Sums over amount silently
# leave such orders out.
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
row = {"order_id": 7, "client_order_id": None, "symbol": "BTC", "side": "ask"}
row |= {"initial_price": "1.5", "average_filled_price": "0", "amount": "984", "filled_amount": "4"}
row |= {"order_status": "cancelled", "order_type": "limit", "stop_price": None, "reason": "cancel"}
row |= {"stop_parent_order_id": None, "reduce_only": False}
row |= {"created_at": 1759224893638, "updated_at": 1759224893638}
desk = client({"/orders/history": answered([row], next_cursor=None, has_more=False)})
(order,) = desk.fetch_orders("BTC/USDC:USDC")
seen = {name: order[name] for name in ("status", "filled", "amount", "price", "remaining")}
print(seen)
assert seen == {"status": "canceled", "filled": 4.0, "amount": None, "price": None, "remaining": None}
PYTHON
