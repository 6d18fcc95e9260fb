"""RFC 3161 time stamps of checkpoints: who owns database, file and key cannot make them again.

They stand in a file beside the checkpoint file, one JSON object a line, format version 1::

    {"at", "authority", "certificates", "format", "number", "sha256", "token", "version"}

``number`` and ``sha256``: the checkpoint's, the hash of its line without the line break; ``token``:
the authority's whole answer, DER in base64, whose imprint is that hash; ``certificates``: the
authority's chain, PEM; ``at``: the token's time; ``authority``: its host. Tokens hold no
certificates: openssl writes them in an order that a strict reader refuses.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from django.conf import settings
from rfc3161_client import (
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from orders.audit.hashing import compact
from orders.audit.reader import Fault
from orders.evidence import beside, checkpoint_file
from orders.models import AuditCheckpoint, TimeStamp
from orders.models.in_pages import in_pages

FORMAT, KIND = "pacifica-desk-time-stamp", "stamps"
NAMES = {"at", "authority", "certificates", "format", "number", "sha256", "token", "version"}


class BadStamp(Exception):
    """A token proves nothing; the text says why."""


@dataclass(frozen=True)
class Stamp:
    """One line, read. ``token``: DER; ``certificates``: PEM; ``sha256``: the checkpoint's, hex."""

    number: int
    authority: str
    sha256: str
    token: bytes
    certificates: str


def place() -> Path:
    """Return where this host's file of time stamps is."""
    return beside.place(KIND)


def lines() -> list[str]:
    """Return the file's whole lines and, after them, those that the database alone has."""
    return beside.lines(KIND, _stored())


def complete_file() -> None:
    """Add to this host's file what other hosts had stamped, and end a torn line."""
    beside.complete(KIND, _stored())


def _stored() -> list[str]:
    return list(TimeStamp.objects.order_by("pk").values_list("line", flat=True))


def line_of(stamp: Stamp, at: datetime) -> str:
    """Return a time stamp as its line in the file."""
    facts = {"format": FORMAT, "version": 1, "number": stamp.number, "sha256": stamp.sha256}
    facts |= {
        "authority": stamp.authority,
        "at": at.isoformat(),
        "certificates": stamp.certificates,
    }
    return compact(facts | {"token": base64.b64encode(stamp.token).decode()})


def read(line: str) -> Stamp:
    """Read one line. Raises `BadStamp`."""
    try:
        facts = json.loads(line)
        if set(facts) != NAMES or (facts["format"], facts["version"]) != (FORMAT, 1):
            raise BadStamp("it is of another format")
        token = base64.b64decode(facts["token"], validate=True)
        number, sha256 = int(facts["number"]), str(facts["sha256"])
        return Stamp(number, str(facts["authority"]), sha256, token, str(facts["certificates"]))
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error):
        raise BadStamp("it cannot be read") from None


def check(stamp: Stamp) -> datetime:
    """Return the token's time, by an authority that counts. Raises `BadStamp`."""
    try:
        answer = decode_timestamp_response(stamp.token)
        pool = x509.load_pem_x509_certificates((trusted() or stamp.certificates).encode())
        signer = _signer(answer, pool)
        others = [one for one in pool if one != signer]
        roots = [one for one in others if one.issuer == one.subject]
        verifier = VerifierBuilder(tsa_certificate=signer, roots=roots)
        for one in others:
            verifier = verifier if one in roots else verifier.add_intermediate_certificate(one)
        verifier.build().verify(answer, bytes.fromhex(stamp.sha256))
        return answer.tst_info.gen_time
    except (VerificationError, ValueError, IndexError) as error:
        raise BadStamp(f"its token does not hold ({str(error)[:100]})") from None


def _signer(answer: TimeStampResponse, pool: list[x509.Certificate]) -> x509.Certificate:
    (info,) = answer.signed_data.signer_infos
    named = [p for p in pool if (p.issuer, p.serial_number) == (info.issuer, info.serial_number)]
    if not named:
        raise BadStamp("no certificate that counts here has signed it")
    return named[0]


def trusted() -> str:
    """Return the certificates that count, PEM; empty where none are configured."""
    path = settings.AUDIT_TIMESTAMP_CHAIN_FILE
    return Path(path).read_text("ascii", "replace") if path else ""


class Stamps:
    """All time stamps, held against the checkpoints. ``notes``: what to tell people."""

    def __init__(self) -> None:
        self.count = 0
        self.notes: list[str] = []

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with a stamp, or with the checkpoint that it stamped."""
        listed = lines()
        hashes = _hashes()
        newest = ""
        for number, line in enumerate(listed, 1):
            try:
                stamp = read(line)
                if hashes.get(stamp.number) != stamp.sha256:
                    raise BadStamp(f"checkpoint {stamp.number} is not the one that was stamped")
                newest = max(newest, check(stamp).isoformat())
                self.count += 1
            except BadStamp as bad:
                yield Fault(0, f"time stamp {number}: {bad}")
        self.notes += self._told(newest, listed)

    def _told(self, newest: str, listed: list[str]) -> Iterator[str]:
        if listed:
            yield f"{self.count} of {len(listed)} time stamps hold; the newest is of {newest}."
        if listed and not trusted():
            yield (
                "AUDIT_TIMESTAMP_CHAIN_FILE: is not set, so the certificates beside the time "
                "stamps were believed: compare them with the authority's own."
            )


def _hashes() -> dict[int, str]:
    """Return the hash of each checkpoint's line by its number, of this host's file first."""
    copies = AuditCheckpoint.objects.values_list("number", "line", named=True)
    found = {number: _sha256(line) for number, line in in_pages(copies, "number")}
    found |= {number: _sha256(line) for number, line in enumerate(checkpoint_file.lines(), 1)}
    return found


def _sha256(line: str) -> str:
    return hashlib.sha256(line.encode("ascii", "replace")).hexdigest()
