#!/usr/bin/env bash
# solders 0.29.0: the key pair of a seed phrase, beside the path m/44'/501'/0'/0', by which Phantom
# and other wallets come from the same phrase to their first account.
# Guess: the same address, as the phrase alone was given to both.
# Seen: another one. from_seed_phrase_and_passphrase takes the first 32 bytes of the seed and no
# path, like solana-keygen without one. Only from_seed_and_derivation_path, of the seed that one
# works out oneself, is the wallet's account.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile solders==0.29.0 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import hashlib

import solders
from solders.keypair import Keypair

WORDS = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"  # of BIP 39's own vectors, known to everybody
print("solders", solders.__version__)

plain = str(Keypair.from_seed_phrase_and_passphrase(WORDS, "").pubkey())
seed = hashlib.pbkdf2_hmac("sha512", WORDS.encode(), b"mnemonic", 2048)
wallet = str(Keypair.from_seed_and_derivation_path(seed, "m/44'/501'/0'/0'").pubkey())
first = str(Keypair.from_seed(seed[:32]).pubkey())
print("of the phrase:", plain, " of the wallets' path:", wallet)
assert plain == first != wallet
assert wallet == "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk", wallet
PYTHON
