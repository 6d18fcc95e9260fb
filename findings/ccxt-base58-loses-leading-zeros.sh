#!/usr/bin/env bash
# ccxt 4.5.90 beside base58 2.1.1: the base58 spelling of signatures, as they are sent to Pacifica.
# Guess: both spell the same 64 bytes alike, as both are the same alphabet.
# Seen: base58 writes a leading zero byte as 1, CCXT leaves it out. About one signature in 256 begins
# with one and then decodes to 63 bytes: a cancel that is refused now and then for no reason one sees.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install ccxt==4.5.90 base58==2.1.1 2>/dev/null
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
    made.set_markets([market | {"precision": {}, "limits": {}, "info": {}}])

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
import base58

desk = client({})
differing = 0
for n in range(2048):
    header = {"timestamp": n, "expiry_window": 5000, "type": "cancel_order"}
    text = desk.sign_message(header, {"symbol": "BTC", "order_id": n}, SECRET)
    raw = base58.b58decode(text)
    differing += len(raw) != 64
print(f"of 2048 signatures {differing} do not decode to 64 bytes")
assert 1 <= differing <= 30, differing
zeros = bytes(2) + bytes(range(1, 31))
print("base58:", base58.b58encode(zeros).decode(), " ccxt:", desk.binary_to_base58(zeros))
assert base58.b58encode(zeros).decode() == "11" + desk.binary_to_base58(zeros)
PYTHON
