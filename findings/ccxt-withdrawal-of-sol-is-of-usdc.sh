#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: withdraw of 5 SOL to another address than the account's own.
# Guess: a refusal, as the method's description says that USDC alone is supported.
# Seen: a signed withdrawal of the amount 5, in which neither the currency nor the address stands: 5
# USDC go to the account's wallet. The address is checked and not sent, the currency not looked at.
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
desk = client({"/account/withdraw": answered(None)})
answer = desk.withdraw("SOL", 5, "42trU9A5mtXvwHMSEABmQKUzsPVRWRLpzSHvKPxJYBYf")
((path, body),) = sent
names = sorted(json.loads(body))
print(path, "amount", json.loads(body)["amount"], "names", names, "returned", sorted(answer))
assert path == "/account/withdraw"
assert names == ["account", "amount", "expiry_window", "signature", "timestamp"], names
PYTHON
