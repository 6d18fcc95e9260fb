#!/usr/bin/env bash
# solders 0.29.0: Keypair.from_seed_phrase_and_passphrase of a phrase of twelve words, of the same
# with one word misspelt, and of two words.
# Guess: ValueError for the latter two: a phrase ends in a checksum, so that slips are noticed.
# Seen: each is a wallet, another one every time. Neither the list of words, nor their number, nor
# the checksum is looked at: a slip of the pen is an empty account, and a key that signs for nobody.
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

phrases = (WORDS, WORDS.replace("about", "abaut"), "abandon about")
keys = [str(Keypair.from_seed_phrase_and_passphrase(phrase, "").pubkey()) for phrase in phrases]
for phrase, key in zip(phrases, keys, strict=True):
    print(phrase.split()[-2:], len(phrase.split()), "words ->", key)
assert len(set(keys)) == 3
PYTHON
