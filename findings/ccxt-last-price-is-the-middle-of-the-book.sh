#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: fetchTicker.
# Guess: last and close are the price of the last trade, as CCXT's manual says, or None, for the
# exchange's prices do not have one.
# Seen: last and close are the middle between bid and ask, at which nobody need have traded. mark,
# by which the exchange reckons losses, is not in the ticker.
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
row = {"funding": "0.0001", "mark": "100", "mid": "101", "next_funding": "0.0001", "oracle": "99"}
row |= {"open_interest": "5", "symbol": "BTC", "timestamp": 1759222967974, "volume_24h": "2000"}
row |= {"yesterday_price": "80"}
ticker = client({"/info/prices": answered([row])}).fetch_ticker("BTC/USDC:USDC")
names = ("last", "close", "bid", "ask", "markPrice")
seen = {name: ticker.get(name) for name in names}
print(seen)
assert (seen["last"], seen["close"], seen["bid"], seen["markPrice"]) == (101.0, 101.0, None, None), seen
PYTHON
