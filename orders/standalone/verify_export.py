"""Check an export of Pacifica Desk's audit log on any machine: `python verify_export.py EXPORT`.

EXPORT is the zip file or its unpacked folder. Needs Python 3.9 or newer and the ``cryptography``
library, nothing of the app. It checks the manifest's signature, each file's hash, the chain from
checkpoint to checkpoint, every record's own hash, payload and place in that chain, and the Ed25519
signature of every request to the exchange against the text that its body stands for.

Give the checkpoint key that the firm told you by another way (--key BASE64); without it the key in
the export itself is believed, and shown for you to compare. Exit code 0: all holds; 1: something
does not; 2: it could not be checked.
"""

import argparse
import base64
import hashlib
import json
import sys
import zipfile
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FIRST_HASH = "0" * 64
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
HEADER = {"account", "agent_wallet", "signature", "timestamp", "expiry_window"}
TYPES = {
    "/orders/cancel": "cancel_order",
    "/orders/stop/cancel": "cancel_stop_order",
    "/orders/twap/cancel": "cancel_twap_order",
    "/orders/cancel_all": "cancel_all_orders",
    "/order_strategies/cancel": "cancel_order_strategy",
    "/order_strategies/list": "list_order_strategies",
    "/agent/list": "list_agent_wallets",
}
ACTIONS = {"Cancel": "cancel_order", "CancelStopOrder": "cancel_stop_order"}


class Bundle:
    """The export's files, from a zip file or a folder."""

    def __init__(self, path):
        self.folder, self.zip = Path(path), None
        if self.folder.is_file():
            self.zip = zipfile.ZipFile(path)
            self.prefix = self.zip.namelist()[0].partition("/")[0]

    def open(self, name):
        """One file, for reading bytes."""
        if self.zip is not None:
            return self.zip.open(self.prefix + "/" + name)
        return (self.folder / name).open("rb")

    def read(self, name):
        """One small file, whole."""
        with self.open(name) as file:
            return file.read()


class Findings:
    """Everything that does not hold, told as it is found."""

    def __init__(self):
        self.count = 0

    def __call__(self, what):
        self.count += 1
        print("WRONG  " + what, file=sys.stderr)


def compact(value):
    """The one way the log writes JSON: sorted keys, no spaces, pure ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def is_signed(data, signature, public_key):
    """Whether this Ed25519 signature (raw bytes) over the data holds."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def base58(text):
    """Base58 to bytes, leading zero bytes kept."""
    number = 0
    for character in text:
        number = number * 58 + ALPHABET.index(character)
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def is_sealed(told, trusted):
    """Whether a manifest or checkpoint is signed, and by a key that counts."""
    told = dict(told)
    signature, key = told.pop("signature", None), told.get("public_key")
    if not signature or not key or (trusted and key not in trusted):
        return False
    return is_signed(compact(told), base64.b64decode(signature), base64.b64decode(key))


def check_manifest(bundle, manifest, trusted, wrong):
    """The manifest's signature, and every file against it."""
    if manifest.get("format") != "pacifica-desk-export" or manifest.get("version") != 1:
        raise SystemExit("This is no export that this verifier knows.")
    if not is_sealed(manifest, trusted):
        wrong("the manifest is not signed by the checkpoint key")
    for name, sums in sorted(manifest["files"].items()):
        digest, length = hashlib.sha256(), 0
        with bundle.open(name) as file:
            for piece in iter(lambda: file.read(1 << 20), b""):
                digest.update(piece)
                length += len(piece)
        if (length, digest.hexdigest()) != (sums["length"], sums["sha256"]):
            wrong(name + " is not the file that the manifest names")


def check_checkpoints(bundle, manifest, trusted, wrong):
    """The checkpoints at both ends of the chain, by count."""
    ends = {}
    for line in bundle.read("checkpoints.jsonl").decode("ascii").splitlines():
        told = json.loads(line)
        if not is_sealed(told, trusted) or told["network"] != manifest["network"]:
            wrong("checkpoint {} is not soundly signed".format(told.get("number")))
        ends[told["count"]] = told
        if told.get("version") == 2:
            tell_of_restore(told)
    return ends


def tell_of_restore(told):
    """What a checkpoint says of an older copy of the database that was put back before it."""
    print(
        "NOTE   checkpoint {number}: an older copy of the database was put back before it; of the "
        "records signed until then those after {shared} are lost. Accepted by {accepted_by} at "
        "{accepted_at}: {reason}".format(**told)
    )


def check_chain(bundle, manifest, ends, wrong):
    """Follow the chain; check every exported record where it is passed. How many, signatures."""
    span = manifest["chain"]
    hash_, position, checked, signatures = span["after_hash"], span["after"], 0, 0
    start = ends[position]["head"] if position in ends else FIRST_HASH
    if hash_ != start or (position and position not in ends):
        wrong("the chain does not begin at a signed checkpoint")
    with bundle.open("chain.txt") as chain, bundle.open("records.jsonl") as records:
        record = next_record(records)
        for line in chain:
            content_hash, previous = line.decode("ascii").strip(), hash_
            position += 1
            hash_ = sha256((previous + content_hash).encode("ascii"))
            while record is not None and record["record"]["position"] == position:
                checked += 1
                signatures += looked(record, content_hash, previous, hash_, wrong)
                record = next_record(records)
        while record is not None:
            wrong(f"record {place(record)} stands outside the chain or out of order")
            record, checked = next_record(records), checked + 1
    if checked != manifest["count"]:
        wrong("{} records where the manifest says {}".format(checked, manifest["count"]))
    if position != span["until"] or (position in ends and ends[position]["head"] != hash_):
        wrong("the chain does not end where the checkpoint says")
    return checked, signatures, position in ends


def next_record(records):
    line = records.readline()
    return json.loads(line) if line else None


def place(line):
    return line["record"]["position"]


def looked(line, *hashes_and_wrong):
    """Check one record. One that makes the check itself fail is wrong; the walk goes on."""
    try:
        return check_record(line, *hashes_and_wrong)
    except Exception as error:
        wrong = hashes_and_wrong[-1]
        wrong(f"record {place(line)}: it cannot be checked: {type(error).__name__}")
        return 0


def check_record(line, content_hash, previous, hash_, wrong):
    """One record: its hashes, its payload, its signatures; how many of those."""
    record, name = line["record"], f"record {place(line)}: "
    if sha256(compact(record)) != content_hash:
        wrong(name + "its content is not what the chain holds at its position")
    if (line["content_hash"], line["previous_hash"], line["hash"]) != (
        content_hash,
        previous,
        hash_,
    ):
        wrong(name + "its hashes are not those of the chain")
    body = None if line["payload"] is None else base64.b64decode(line["payload"])
    if ("" if body is None else sha256(body)) != record["kept_sha256"]:
        wrong(name + "its payload is not the one it was recorded with")
    is_whole = body is not None and len(body) == record["body_length"]
    if is_whole and sha256(body) != record["body_sha256"]:
        wrong(name + "its whole payload has another hash")
    if record["event"] != "request":
        return 0
    try:
        return check_request(record, body)
    except Exception as error:  # its bytes may hold anything
        wrong(name + (str(error) if isinstance(error, Unsound) else "it is no sound request"))
        return 0


class Unsound(Exception):
    """What is wrong with a request."""


def check_request(record, body):
    """Rebuild every signed text from the body alone and check its signature; how many."""
    data, whole = json.loads(record["data"]), json.loads(body)
    route = "/" + data["url"].partition("/api/v1/")[2]
    if route == "/orders/batch":
        items = [(ACTIONS[one["type"]], one["data"]) for one in whole["actions"]]
        said = data["signed_texts"]
    else:
        items, said = [(TYPES[route], whole)], [data["signed_text"]]
    texts = [signed_text(*item) for item in items]
    if texts != said:
        raise Unsound("its body says something else than the text recorded as signed")
    for (_, flat), text in zip(items, texts, strict=False):
        signer = flat.get("agent_wallet") or flat["account"]
        if not is_signed(text.encode("ascii"), base58(flat["signature"]), base58(signer)):
            raise Unsound("a signature in it does not hold")
    return len(items)


def signed_text(signed_type, flat):
    """What had to be signed for a flat request body, as the exchange documents it."""
    payload = {name: value for name, value in flat.items() if name not in HEADER}
    header = {"timestamp": flat["timestamp"], "expiry_window": flat["expiry_window"]}
    return compact({"type": signed_type, "data": payload, **header}).decode("ascii")


def main():
    """Check one export; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("export", help="the zip file, or its unpacked folder")
    parser.add_argument("--key", action="append", default=[], help="a trusted checkpoint key")
    options = parser.parse_args()
    wrong, trusted = Findings(), set(options.key)
    try:
        bundle = Bundle(options.export)
        manifest = json.loads(bundle.read("manifest.json"))
        check_manifest(bundle, manifest, trusted, wrong)
        ends = check_checkpoints(bundle, manifest, trusted, wrong)
        checked, signatures, is_covered = check_chain(bundle, manifest, ends, wrong)
    except Exception as error:  # an export may hold anything
        print(f"It cannot be checked: {error!r}", file=sys.stderr)
        return 2
    tell(manifest, checked, signatures, is_covered, trusted)
    if wrong.count:
        print(f"{wrong.count} things are wrong.")
        return 1
    print("All of it holds.")
    return 0


def tell(manifest, checked, signatures, is_covered, trusted):
    """What was looked at, and what no verifier can know."""
    made = f"Made {manifest['made_at']} by {manifest['made_by']}."
    span = f"{manifest['first']} to {manifest['last']}"
    print(f"Asked: {manifest['words']}. {made}")
    print(f"{checked} records ({span}), {signatures} signatures.")
    if not is_covered:
        print("NOTE   no checkpoint covers the end: the newest records could be rewritten.")
    if not trusted:
        print(f"NOTE   compare this key with the one you were told: {manifest['public_key']}")
    print("NOTE   an export cannot show that no other record fits what was asked.")


if __name__ == "__main__":
    sys.exit(main())
