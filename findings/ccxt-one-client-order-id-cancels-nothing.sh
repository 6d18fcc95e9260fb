#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: cancelOrders with clientOrderIds, documented as a string or a list of them.
# Guess: a string is one order, cancelled by its client order id.
# Seen: a string is no order. An empty batch is sent, the exchange has nothing to refuse, and the
# answer is an empty list. In a list the same id is cancelled.
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
MINE = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
seen = []
for given in (MINE, [MINE]):
    desk = client({"/builder_codes": answered(None), "/orders/batch": answered({"results": []})})
    desk.cancel_orders([], "BTC/USDC:USDC", {"clientOrderIds": given})
    actions = json.loads(sent[-1][1])["actions"]
    seen.append([one["data"]["client_order_id"] for one in actions])
    print(type(given).__name__, "->", seen[-1])
assert seen == [[], [MINE]], seen
PYTHON
