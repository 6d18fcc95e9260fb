#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: a market is listed while the client runs; fetchOpenOrders shows an order in
# it, whose id and symbol are handed to cancelOrder.
# Guess: the cancel is sent, or the markets are read again first.
# Seen: BadSymbol, and no request. The order is shown under the exchange's short name, which CCXT
# does not take back. cancelAllOrders without a symbol still reaches it; loadMarkets(true) helps.
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
row = {"order_id": 7, "client_order_id": None, "symbol": "NEW", "side": "ask", "price": "100"}
row |= {"initial_amount": "1", "filled_amount": "0", "cancelled_amount": "0", "stop_price": None}
row |= {"order_type": "limit", "stop_parent_order_id": None, "reduce_only": False}
row |= {"created_at": 1759224706737, "updated_at": 1759224893638}
answers = {"/builder_codes": answered(None), "/orders/cancel": answered(None)}
desk = client(answers | {"/orders": answered([row], last_order_id=7)})
(order,) = desk.fetch_open_orders()
try:
    raised = desk.cancel_order(order["id"], order["symbol"])["status"]
except ccxt.BaseError as error:
    raised = type(error).__name__
cancels = [path for path, _ in sent if path == "/orders/cancel"]
print("symbol shown:", order["symbol"], " cancel:", raised, " requests to cancel:", len(cancels))
assert (order["symbol"], raised, cancels) == ("NEW", "BadSymbol", [])
PYTHON
