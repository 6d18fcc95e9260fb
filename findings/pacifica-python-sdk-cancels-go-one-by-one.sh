#!/usr/bin/env bash
# pacifica-python-sdk 0.1.0a2, an asynchronous client: ten cancels by asyncio.gather.
# Guess: ten requests are under way at once, and all take as long as one.
# Seen: one at a time. A lock is held from the signing until the answer, so that ten cancels take
# ten round trips, and a cancel waits for the order before it that the exchange is slow to answer.
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
under_way = []
most = [0]


async def answer(request):
    """Take a while for the yes, and count who else waits."""
    under_way.append(request)
    most[0] = max(most[0], len(under_way))
    await asyncio.sleep(0.05)
    under_way.remove(request)
    return httpx.Response(200, json={"success": True})


async def main():
    transport = httpx.MockTransport(answer)
    async with PacificaClient(account=SIGNER.address, signer=SIGNER, transport=transport) as client:
        cancels = (client.cancel_order(n, symbol="BTC") for n in range(1, 11))
        return len(await asyncio.gather(*cancels))


print("pacifica-python-sdk", version("pacifica-python-sdk"))
done = asyncio.run(main())
print("cancels:", done, " at once at most:", most[0])
assert (done, most[0]) == (10, 1)
PYTHON
