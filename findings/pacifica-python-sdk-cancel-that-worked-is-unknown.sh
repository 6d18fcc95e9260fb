#!/usr/bin/env bash
# pacifica-python-sdk 0.1.0a2: cancel_order, answered with the exchange's full envelope of a yes, in
# which data is null because a cancel has nothing to say.
# Guess: a Cancellation with success, as for the short body {"success": true}.
# Seen: UnknownOutcomeError, reconcile before retrying. The null is taken for the answer and is no
# Cancellation. Every cancel that worked costs a search of the order history.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile pacifica-python-sdk==0.1.0a2 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
from importlib.metadata import version

import httpx
from pacifica.client import PacificaClient
from pacifica.signing import LocalSigner

SIGNER = LocalSigner.from_seed(bytes(range(32)))  # a key for tests, known to everybody
ENVELOPE = {"success": True, "data": None, "error": None, "code": None}


async def cancel(body):
    """The name of what cancel_order returns or raises once the exchange has answered with body."""
    answer = httpx.MockTransport(lambda request: httpx.Response(200, json=body))
    async with PacificaClient(account=SIGNER.address, signer=SIGNER, transport=answer) as client:
        try:
            return type(await client.cancel_order(7, symbol="BTC")).__name__
        except Exception as error:
            return type(error).__name__


print("pacifica-python-sdk", version("pacifica-python-sdk"))
seen = {str(body): asyncio.run(cancel(body)) for body in ({"success": True}, ENVELOPE)}
print(seen)
assert list(seen.values()) == ["Cancellation", "UnknownOutcomeError"], seen
PYTHON
