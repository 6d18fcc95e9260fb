#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: fetchLeverage and fetchMarginMode, the first calls of a new client, of a
# market that the account has set to 5x isolated; its greatest leverage is 50.
# Guess: 5 and isolated.
# Seen: 50 and cross, and the same again on every later call. The settings are read before the
# markets are, stay under the exchange's short name, and are not found under CCXT's. With
# loadMarkets called first it is 5 and isolated.
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
row = {"symbol": "BTC", "tick_size": "1", "min_tick": "0", "max_tick": "1000000", "lot_size": "0.001"}
row |= {"max_leverage": 50, "isolated_only": False, "min_order_size": "10", "max_order_size": "5000000"}
row |= {"created_at": 1748881333944, "instrument_type": "perpetual", "base_asset": "BTC"}
setting = {"symbol": "BTC", "isolated": True, "leverage": 5, "created_at": 1, "updated_at": 1}
seen = []
for first in (False, True):
    desk = client({"/account/settings": answered([setting]), "/info": answered([row])})
    desk.markets = desk.markets_by_id = None
    if first:
        desk.load_markets()
    for _ in range(2):
        leverage = desk.fetch_leverage("BTC/USDC:USDC")["longLeverage"]
        seen.append((first, leverage, desk.fetch_margin_mode("BTC/USDC:USDC")["marginMode"]))
print("markets loaded first, leverage, mode:", seen)
assert seen == [(False, 50, "cross")] * 2 + [(True, 5, "isolated")] * 2, seen
PYTHON
