#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica, default options: the very first call of a client is cancelOrder.
# Guess: one request, the cancel.
# Seen: two. Before it the client signs and sends the approval of a fee to a builder of CCXT's; the
# cancel waits for its answer, and a failure of it is passed over in silence. The second cancel is
# one request. It costs a round trip and a credit on the one call that is in a hurry.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install ccxt==4.5.90 2>/dev/null
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
desk = client({"/builder_codes": answered(None), "/orders/cancel": answered(None)})
desk.cancel_order("1", "BTC/USDC:USDC")
first, _ = [path for path, _ in sent], sent.clear()
desk.cancel_order("2", "BTC/USDC:USDC")
second = [path for path, _ in sent]
print("first cancel:", first, " second:", second)
assert first == ["/account/builder_codes/approve", "/orders/cancel"], first
assert second == ["/orders/cancel"], second
PYTHON
