#!/usr/bin/env bash
# solders 0.29.0: str() and repr() of a Keypair, the class with which Solana's Python tools sign.
# Guess: str() is the public key, as it is for Pubkey; whatever is secret needs a call that says so.
# Seen: str() is base58 of the whole 64-byte secret key, so that an f-string, a log line or a JSON
# encoder with default=str gives it away. repr() does not show it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install solders==0.29.0 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

from solders.keypair import Keypair

print("solders", version("solders"))
pair = Keypair.from_seed(bytes(range(32)))  # a key for tests, known to everybody
restored = Keypair.from_base58_string(str(pair))
print("str() restores the key pair:", restored == pair)
print("repr() holds that text:", str(pair) in repr(pair))
assert restored == pair
assert str(pair) not in repr(pair)
assert str(pair) != str(pair.pubkey())
PYTHON
