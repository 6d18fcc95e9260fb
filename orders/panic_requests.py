"""Sign, record and send one request of a panic's line: a cancel-all, or a strategy's cancel."""

import logging
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError
from django.utils.timezone import now as clock

from orders import audit, credits, delivery, misanswers, panic_facts
from orders.exchange import client
from orders.keys import open_api_config_key, open_signer
from orders.models import PanicLine
from orders.pacifica import answers
from orders.pacifica.client import Answer, Unreachable
from orders.panic_lines import LEASE, WITH, keep, writing

logger = logging.getLogger(__name__)


def signer_of(line):
    """(signer, agent wallet) of the line's account, however old the wallet is."""
    wallet = delivery.signing_wallet(line.account)
    return open_signer(wallet, despite_age=True), wallet


def why_not(line) -> str:
    """Why nothing more may be signed for this line from now on, or nothing: a person, an account or
    a desk may have been deactivated since it was taken."""
    now = PanicLine.objects.select_related(*WITH).get(pk=line.pk)
    return delivery.may_not_send(now, now.account, panic=True)


def times() -> dict:
    """When a request is signed and how long it counts, in milliseconds."""
    window = settings.PACIFICA_EXPIRY_WINDOW_MS
    return {"timestamp": int(clock().timestamp() * 1000), "expiry_window": window}


def exchange(line, request, conclude, **also):
    """Record one signed request of this line, send it, have ``conclude`` write how it ended.

    ``conclude(result, before)``: with the `Answer` or `Unreachable`, and the columns that were
    written with the request as they stood before it, for one that never left. ``also``: further
    such columns. Returns what it returns.
    """
    key = open_api_config_key(line.account)
    about = {"wanted": 1, "price": delivery.PRICE, "purpose": credits.URGENT}
    grant = credits.take(account=line.account, now=clock(), **about)
    also |= {"last_sent_at": also.get("sent_at") or clock()}
    before = {name: getattr(line, name) for name in also}
    with writing():
        keep(line, has_open_request=True, lease_until=clock() + LEASE, **also)
        audit.append(panic_facts.request_fact(line, request))
    result = _sent(request, key)
    try:
        return conclude(result, before)
    finally:
        _pay(grant, result)


def has_left(result) -> bool:
    """Whether some byte of the request left."""
    return isinstance(result, Answer) or result.may_have_been_sent


def tell_of_another(line, verdict):
    """Raise the matter where the answer speaks of something else than was asked."""
    if verdict.another:
        about = {"about": f"job {line.job_id}", "account": line.account}
        with writing():
            misanswers.tell(**about, another=verdict.another, now=clock())


def _sent(request, key):
    try:
        return client().post(request.route, request.body, api_config_key=key)
    except Unreachable as unreachable:
        return unreachable


def slow_down_s(result) -> int:
    """Seconds to wait after a 429, as its own headers say; never less than one."""
    stated = answers.quota(result.headers)
    return max(1, min(stated.resets_in_s if stated and stated.resets_in_s else 5, 60))


def _pay(grant, result):
    """Settle with the purse, last: its trouble may not cost an answer that we hold.

    A cancel-all is sent even where a 429 holds the pool, and is booked all the same.
    """
    quota = answers.quota(result.headers) if isinstance(result, Answer) else None
    try:
        with writing():
            paid, unused = replace(grant, count=1), 0 if has_left(result) else 1
            credits.settle(grant=paid, unused=unused, quota=quota, now=clock())
            if isinstance(result, Answer) and result.status == 429:
                until = clock() + timedelta(seconds=slow_down_s(result))
                credits.pause(pool=grant.pool, until=until)
    except DatabaseError:
        logger.exception("A request of a panic could not be booked.")
