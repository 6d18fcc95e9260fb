#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: fetchOrders of BTC with paginate; the history has two pages, and the newest
# order of the first one is of ETH.
# Guess: both pages are read, and the BTC orders of both returned.
# Seen: one page is read. The cursor of the next page is kept inside the page's first row, and that
# row goes when the rows of other markets are taken out. Without a market both pages are read.
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
row = {"client_order_id": None, "symbol": "BTC", "side": "ask", "initial_price": "1", "amount": "1"}
row |= {"average_filled_price": "0", "filled_amount": "0", "order_type": "limit", "stop_price": None}
row |= {"stop_parent_order_id": None, "reduce_only": False, "order_status": "filled"}


def history():
    """A client whose history has the orders 3 (of ETH) and 2 on one page, and 1 on the next."""
    newest = [row | {"order_id": 3, "symbol": "ETH", "created_at": 3}, row | {"order_id": 2, "created_at": 2}]
    oldest = [row | {"order_id": 1, "created_at": 1}]
    pages = {"cursor=": answered(oldest, next_cursor=None, has_more=False)}
    pages[""] = answered(newest, next_cursor="11", has_more=True)
    desk = client(pages)
    ether = dict(desk.market("BTC/USDC:USDC"), id="ETH", symbol="ETH/USDC:USDC", base="ETH")
    desk.set_markets([desk.market("BTC/USDC:USDC"), ether])
    return desk


some = [one["id"] for one in history().fetch_orders("BTC/USDC:USDC", 1, None, {"paginate": True})]
every = [one["id"] for one in history().fetch_orders(None, 1, None, {"paginate": True})]
print("BTC alone:", some, " all markets:", every)
assert some == ["2"] and set(every) == {"1", "2", "3"}, (some, every)
PYTHON
