#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: fetchMyTrades, fetchLedger and fetchFundingHistory of a subaccount by
# params.account, which each of them documents, once as it is and once with paginate.
# Guess: the subaccount is read, in one page or in several.
# Seen: with paginate the client's own account is read. The name of the account is taken out of the
# parameters before they are handed to the reader of pages. fetchOrders asks for the subaccount both
# times, so that orders of one account stand beside trades of another.
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
SUB = "42trU9A5mtXvwHMSEABmQKUzsPVRWRLpzSHvKPxJYBYf"
asked = []
desk = client({"": answered([], next_cursor=None, has_more=False)})
kept = desk.fetch
desk.fetch = lambda url, *rest: asked.append("sub" if f"account={SUB}" in url else "own") or kept(url, *rest)
seen = {}
for name in ("fetch_my_trades", "fetch_ledger", "fetch_funding_history", "fetch_orders"):
    for more in ({}, {"paginate": True}):
        getattr(desk, name)(None, 1, None, {"account": SUB} | more)
    seen[name] = asked[:]
    asked.clear()
print("read, plain and paged:", seen)
assert seen == {
    "fetch_my_trades": ["sub", "own"],
    "fetch_ledger": ["sub", "own"],
    "fetch_funding_history": ["sub", "own"],
    "fetch_orders": ["sub", "sub"],
}, seen
PYTHON
