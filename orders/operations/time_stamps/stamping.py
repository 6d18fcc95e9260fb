"""Have the newest checkpoint stamped, once an hour by each authority.

It is a duty of its own: no cancel and no checkpoint waits for it. Of several sweeps one asks.
"""

import hashlib
import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, decode_timestamp_response

from orders.evidence import time_stamps
from orders.evidence.time_stamps import BadStamp, Stamp
from orders.models import AuditCheckpoint, TimeStamp, TimeStampAuthority
from orders.models.clocks import has_come
from orders.operations.time_stamps import authority
from orders.operations.time_stamps.authority import CannotStamp

logger = logging.getLogger(__name__)
EVERY = timedelta(hours=1)
AGAIN_AFTER = timedelta(minutes=5)  # a failure, or a sender that died over it


def stamp_due(now: datetime) -> None:
    """Ask every authority whose hour has come; the sweep that signs checkpoints does it."""
    if not settings.AUDIT_CHECKPOINT_KEY:
        return
    urls = {authority.name_of(url): url for url in settings.AUDIT_TIMESTAMP_URL}
    TimeStampAuthority.objects.exclude(name__in=urls).delete()
    newest = AuditCheckpoint.objects.filter(lost_at=None).order_by("-number").first()
    for name, url in urls.items() if newest else ():
        assert newest is not None
        TimeStampAuthority.objects.get_or_create(name=name, defaults={"next_ask_at": now})
        due = TimeStampAuthority.objects.filter(has_come("next_ask_at", now, EVERY), name=name)
        if due.update(next_ask_at=now + AGAIN_AFTER):
            _stamp(name, url, newest, now)


def _stamp(name: str, url: str, newest: AuditCheckpoint, now: datetime) -> None:
    row = TimeStampAuthority.objects.filter(name=name)
    try:
        if not TimeStamp.objects.filter(number=newest.number, authority=name).exists():
            _keep(*got(name, url, newest.number, newest.line))
    except (CannotStamp, BadStamp, OSError) as error:
        said = error.strerror or "OSError" if isinstance(error, OSError) else str(error)
        logger.warning("No time stamp by %s: %s; it is asked again.", name, said)
        row.filter(failing_since=None).update(failing_since=now)
        row.update(said=said[:200])
    else:
        row.update(next_ask_at=now + EVERY, stamped_at=now, failing_since=None, said="")


def got(name: str, url: str, number: int, line: str) -> tuple[Stamp, datetime]:
    """Ask one authority about a checkpoint's line; return the checked stamp and its time.

    Raises `CannotStamp` or `BadStamp`.
    """
    digest = hashlib.sha256(line.encode("ascii"))
    query = TimestampRequestBuilder().data(line.encode("ascii"))
    query = query.hash_algorithm(HashAlgorithm.SHA256).cert_request(cert_request=False)
    asked = query.build()
    token = authority.ask(url, asked.as_bytes())
    stamp = Stamp(number, name, digest.hexdigest(), token, time_stamps.trusted())
    at = time_stamps.check(stamp)
    if decode_timestamp_response(token).tst_info.nonce != asked.nonce:
        raise BadStamp("its token answers another question")
    return stamp, at


def _keep(stamp: Stamp, at: datetime) -> None:
    """Store it, and complete this host's file from what is stored."""
    with transaction.atomic():
        line = time_stamps.line_of(stamp, at)
        facts = {"at": at, "line": line}
        TimeStamp.objects.get_or_create(
            number=stamp.number, authority=stamp.authority, defaults=facts
        )
    time_stamps.complete_file()
