#!/usr/bin/env bash
# ccxt 4.5.90, Pacifica: fetchDeposits since a day on which there was one; the balance history,
# which holds trades, fees and funding too, has it on its second page.
# Guess: the deposit, as since asks for all from that day on.
# Seen: an empty list, after one request without since, limit or cursor. As soon as the account has
# traded a page full, its deposits are gone; fetchLedger can turn the pages, fetchDeposits cannot.
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
row = {"amount": "-1", "balance": "99", "pending_balance": "0", "event_type": "trade", "created_at": 9}
paid = {"amount": "100", "balance": "100", "pending_balance": "0", "event_type": "deposit", "created_at": 5}
pages = {"cursor=": answered([paid], next_cursor=None, has_more=False)}
pages[""] = answered([row], next_cursor="11", has_more=True)
desk = client(pages)
deposits = desk.fetch_deposits("USDC", 1)
requests = len(sent)
ledger = sorted(one["type"] for one in desk.fetch_ledger(None, 1, None, {"paginate": True}))
print("deposits:", deposits, " requests:", requests, " ledger:", ledger)
assert deposits == [] and requests == 1
assert ledger == ["trade", "transaction"], ledger
PYTHON
