#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: the order history holds a post-only order that was rejected, a cancelled, a
# filled and an open one.
# Guess: the rejected one has CCXT's status rejected and is in fetchCanceledAndClosedOrders, whose
# code asks for canceled, closed and rejected.
# Seen: its status is failed, a word that CCXT's manual does not have, and no list of ended orders
# shows it: neither the closed, nor the cancelled, nor both.
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
row |= {"stop_parent_order_id": None, "reduce_only": False, "reason": None}
states = ("rejected", "cancelled", "filled", "open")
rows = [row | {"order_id": n, "order_status": state, "created_at": n} for n, state in enumerate(states, 1)]
desk = client({"/orders/history": answered(rows, next_cursor=None, has_more=False)})
every = {one["id"]: one["status"] for one in desk.fetch_orders()}
ended = [one["id"] for one in desk.fetch_canceled_and_closed_orders()]
ended += [one["id"] for one in desk.fetch_canceled_orders() + desk.fetch_closed_orders()]
print("all:", every, " in the lists of ended ones:", ended)
assert every == {"1": "failed", "2": "canceled", "3": "closed", "4": "open"}, every
assert "1" not in ended and set(ended) == {"2", "3"}, ended
PYTHON
