#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: fetchOrder of a buy limit order at 101 that filled 0.9 at 100 and 0.1 at
# 90.
# Guess: price 101, average 99, cost 99, and the time at which the order was made.
# Seen: price 90, average 90, cost 90: only the newest event is read, so the last fill stands for
# all of them, its price for the limit, and its time for the order's. Cancelled after the first
# fill, the order has no average, and costs what it would have cost at its limit.
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
event = {"order_id": 7, "client_order_id": None, "symbol": "BTC", "side": "bid", "initial_amount": "1"}
event |= {"cancelled_amount": "0", "order_type": "limit", "stop_price": None}
event |= {"stop_parent_order_id": None, "reduce_only": False}


def row(number, price, filled, kind, status, **more):
    """An event of the order's history; the amounts are sums since the order was made."""
    made = {"history_id": number, "price": price, "filled_amount": filled, "event_type": kind}
    return event | made | {"order_status": status, "created_at": 1759224890000 + number} | more


make = row(1, "101", "0", "make", "open")
first = row(2, "100", "0.9", "fulfill_limit", "partially_filled")
last = row(3, "90", "1", "fulfill_limit", "filled")
cancel = row(3, "101", "0.9", "cancel", "cancelled", cancelled_amount="0.1")
seen = []
for rows in ([last, first, make], [cancel, first, make]):
    order = client({"/history_by_id": answered(rows)}).fetch_order("7")
    seen.append(tuple(order[name] for name in ("price", "average", "filled", "cost")))
    seen[-1] += (order["timestamp"] - 1759224890000,)
    print("price, average, filled, cost, event whose time it is:", seen[-1])
assert seen == [(90.0, 90.0, 1.0, 90.0, 3), (101.0, None, 0.9, 90.9, 3)], seen
PYTHON
