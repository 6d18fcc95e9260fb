#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: cancelOrders of stop orders with stop, which cancelOrder takes.
# Guess: items of the type CancelStopOrder, or a refusal.
# Seen: items of the type Cancel, for plain orders, whose signature is for cancel_stop_order. Such a
# signature does not verify for what the item says, and one bad signature refuses the whole batch:
# no stop can be cancelled that way. The word stop itself travels beside the actions.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile ccxt==4.5.90 solders==0.29.0 2>/dev/null
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
from solders.keypair import Keypair
from solders.signature import Signature

desk = client({"/builder_codes": answered(None), "/orders/batch": answered({"results": []})})
pair = Keypair.from_seed(bytes(range(1, 33)))  # known to everybody
desk.privateKey, desk.walletAddress = str(pair), str(pair.pubkey())
desk.cancel_orders(["7"], "BTC/USDC:USDC", {"stop": True})
body = json.loads(sent[-1][1])
(action,) = body["actions"]
item = action["data"]
signature = Signature.from_string(item["signature"])
seen = {}
for kind in ("cancel_order", "cancel_stop_order"):
    header = {"type": kind, "timestamp": item["timestamp"], "expiry_window": item["expiry_window"]}
    text = desk.prepare_message(header, {"symbol": "BTC", "order_id": 7})
    seen[kind] = signature.verify(pair.pubkey(), text.encode())
print("type:", action["type"], " signature is for:", seen, " beside the actions: stop", body["stop"])
assert action["type"] == "Cancel"
assert seen == {"cancel_order": False, "cancel_stop_order": True}, seen
PYTHON
