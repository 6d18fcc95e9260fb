"""Time stamps of the checkpoint file beside an export, checked by the openssl program."""

import calendar
import hashlib
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from export_files import Bundle, decoded, read_line
from export_findings import Findings, Unknown
from export_manifest import is_sealed
from export_notes import is_noted

CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.S)


def check_stamps(
    bundle: Bundle,
    checkpoints: str,
    chain: "str | None",
    trusted: set[str],
    wrong: Findings,
) -> str:
    """Check the checkpoint file, that it has the export's checkpoints, and each time stamp of it.

    ``chain``: PEM file of the authorities' certificates; without it those beside the stamps are
    believed. Returns what to say.
    """
    hashes = _followed(Path(checkpoints).read_bytes(), trusted, wrong)
    for line in bundle.bytes_of("checkpoints.jsonl").splitlines():
        if hashlib.sha256(line).hexdigest() not in hashes.values():
            wrong("a checkpoint of the export is not in the checkpoint file")
    lines = _stamps(checkpoints)
    given = Path(chain).read_text("ascii") if chain else ""
    newest = ""
    for number, line in enumerate(lines, 1):
        facts, faults = read_line(line)
        try:
            why_not, at = _looked(facts, hashes, given) if not faults else (faults[0], "")
        except (ValueError, TypeError, KeyError, AttributeError):
            why_not, at = "it cannot be read", ""
        newest = max(newest, at)
        if why_not:
            wrong(f"time stamp {number}: {why_not}")
    newest = f"; the newest is of {newest}" if lines else ""
    return f"{len(hashes)} checkpoints, {len(lines)} time stamps{newest}."


def _stamps(checkpoints: str) -> list[bytes]:
    """Return the lines of time stamps; none are needed where there are cosigned notes."""
    stamps, notes = Path(checkpoints + ".stamps"), Path(checkpoints + ".notes")
    if notes.exists() and not stamps.exists():
        return []
    return stamps.read_bytes().splitlines(keepends=True)


def _followed(data: bytes, trusted: set[str], wrong: Findings) -> dict[int, str]:
    """Follow the checkpoint file line by line; return the hash of each line by its number."""
    hashes, previous = {}, "0" * 64
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        told, faults = read_line(line + b"\n")
        is_sound = not faults and isinstance(told, dict) and is_sealed(told, trusted)
        is_sound = is_sound and is_noted(told)
        if not is_sound or (told["number"], told["previous"]) != (number, previous):
            wrong(f"checkpoint file, line {number}: it is no sound one, or of another line of them")
        previous = hashes[number] = hashlib.sha256(line).hexdigest()
    return hashes


def _looked(facts: dict[str, Any], hashes: dict[int, str], given: str) -> "tuple[str, str]":
    """Return why one time stamp proves nothing, or an empty text, and the token's time."""
    if facts["format"] != "pacifica-desk-time-stamp" or facts["version"] != 1:
        return "it is of another format", ""
    if hashes.get(facts["number"]) != facts["sha256"]:
        return f"checkpoint {facts['number']} is not the one that was stamped", ""
    chain = CERTIFICATE.findall(given or facts["certificates"])
    return _verified(decoded(facts["token"]), facts["sha256"], chain)


def _verified(token: bytes, digest: str, chain: list[str]) -> "tuple[str, str]":
    """Have openssl verify a token as of its own time, for its certificate may have ended since."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "token").write_bytes(token)
        (here / "chain.pem").write_text("\n".join(chain) + "\n")
        found = re.search("Time stamp: (.+) GMT", _openssl(here, "-reply", "-text"))
        if found is None:
            return "openssl cannot read its token", ""
        moment = re.sub(r"\.\d+", "", found[1])  # openssl's -attime has whole seconds
        at = calendar.timegm(time.strptime(moment, "%b %d %H:%M:%S %Y"))
        files = "-CAfile", "chain.pem", "-untrusted", "chain.pem", "-attime", str(at)
        said = _openssl(here, "-verify", "-digest", digest, *files)
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
        return (
            ("", when)
            if said.strip().endswith("Verification: OK")
            else (
                "openssl finds that its token does not hold",
                when,
            )
        )


def _openssl(here: Path, *words: str) -> str:
    program = shutil.which("openssl", path="/usr/bin:/bin:/usr/local/bin") or shutil.which(
        "openssl"
    )
    if program is None:
        raise Unknown("the openssl program is needed for time stamps")
    command = [program, "ts", *words, "-in", "token"]
    done = subprocess.run(command, cwd=here, capture_output=True, check=False)  # noqa: S603
    return done.stdout.decode("utf-8", "replace")
