#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: fetchLeverage, then setLeverage to 20, which the exchange accepts, then
# fetchLeverage again.
# Guess: 5, then 20.
# Seen: 5 both times, and no second request: the settings are read once in the client's life, and
# setLeverage does not touch what was read. A leverage changed elsewhere is not seen either.
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
setting = {"symbol": "BTC", "isolated": False, "leverage": 5, "created_at": 1, "updated_at": 1}
desk = client({"/account/settings": answered([setting]), "/account/leverage": answered(None)})
first = desk.fetch_leverage("BTC/USDC:USDC")["longLeverage"]
desk.set_leverage(20, "BTC/USDC:USDC")
setting["leverage"] = 20
second = desk.fetch_leverage("BTC/USDC:USDC")["longLeverage"]
paths = [path for path, _ in sent]
print("before:", first, " after:", second, " requests:", paths)
assert (first, second) == (5, 5)
assert paths == ["/account/settings", "/account/leverage"], paths
PYTHON
