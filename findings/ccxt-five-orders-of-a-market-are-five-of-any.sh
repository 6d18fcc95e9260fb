#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: fetchOrders of BTC with limit 5; the newest five orders are of ETH, older
# ones of BTC.
# Guess: five BTC orders.
# Seen: none. The limit is handed to the exchange, which counts all markets, and the market is
# looked at afterwards. Without a limit the BTC orders are there.
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
row = {"client_order_id": None, "side": "ask", "initial_price": "1", "amount": "1", "stop_price": None}
row |= {"average_filled_price": "0", "filled_amount": "0", "order_type": "limit", "reason": None}
row |= {"stop_parent_order_id": None, "reduce_only": False, "order_status": "filled"}
rows = [row | {"order_id": n, "symbol": "ETH" if n > 5 else "BTC", "created_at": n} for n in range(10, 0, -1)]
desk = client({"limit=5": answered(rows[:5], next_cursor="11", has_more=True), "": answered(rows, has_more=False)})
ether = dict(desk.market("BTC/USDC:USDC"), id="ETH", symbol="ETH/USDC:USDC", base="ETH")
desk.set_markets([desk.market("BTC/USDC:USDC"), ether])
seen = [len(desk.fetch_orders("BTC/USDC:USDC", None, limit)) for limit in (5, None)]
print("BTC orders with limit 5, without:", seen)
assert seen == [0, 5], seen
PYTHON
