"""Who comes with a token: found by its hash, held against its time, its networks and its maker."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from orders.access.api_tokens import end_if_lost, hash_of
from orders.audit import log
from orders.models import ApiToken, AuditRecord, Event
from orders.models.clocks import MAY_DIFFER
from orders.models.prepared import Prepared

TOLD_EVERY = timedelta(minutes=1)  # of one token, or one address, one refusal is recorded
UNKNOWN_AT_ONCE = 10  # of those that nobody has, so many at most within that time


_by_hash = Prepared(
    lambda secret_sha256: ApiToken.objects.filter(secret_sha256=secret_sha256).select_related(
        "desk", "made_by"
    ),
    secret_sha256=("a" * 64, "b" * 64),
)


class NotAccepted(Exception):
    """This token does not count. The text says why, without telling a stranger anything.

    ``record``: writes that down; whoever answers calls it, which may wait for the log.
    """

    def __init__(self, said: str, record: Callable[[], None]) -> None:
        super().__init__(said)
        self.record = record


@sensitive_variables("secret")
def bearer(*, secret: str, address: str, now: datetime) -> ApiToken:
    """Return the token whose secret this is, with its desk and its maker. Raises `NotAccepted`."""
    token = next(iter(_by_hash(secret_sha256=hash_of(secret))), None)
    if token is None:
        raise NotAccepted("There is no such token.", partial(_record_unknown, address, now))
    if why := _why_not(token, address, now):
        record = partial(tell_once, token, _refusal(token, address, why), now)
        raise NotAccepted(f"This token is not accepted: {why}.", record)
    return token


def actor_of(token: ApiToken, address: str) -> log.Actor:
    """Return the maker, acting by this token, as the log keeps them."""
    maker = token.made_by
    return log.Actor(maker.pk, maker.get_username(), address=address, token_name=token.name)


def refuse(*, token: ApiToken, address: str, what: str, now: datetime) -> None:
    """Record that a program asked for what its token may not do, once a minute a token."""
    actor = actor_of(token, address)
    tell_once(token, log.Fact(Event.ACT_REFUSED, actor, data={"asked": what[:300]}), now)


def tell_once(token: ApiToken, fact: log.Fact, now: datetime) -> None:
    """Record a refusal unless one of this token was recorded within the minute."""
    long_ago = Q(refusal_told_at=None) | Q(refusal_told_at__lte=now - TOLD_EVERY)
    long_ago |= Q(refusal_told_at__gt=now + MAY_DIFFER)
    with transaction.atomic():
        if ApiToken.objects.filter(long_ago, pk=token.pk).update(refusal_told_at=now):
            log.append(fact)


def _why_not(token: ApiToken, address: str, now: datetime) -> str:
    """Why this token lets nobody in now, or nothing."""
    if token.ended_at is not None:
        return "it was ended"
    if token.is_over(now):
        return "its time is over"
    if end_if_lost(token):
        return "it was ended with its maker's place on the desk"
    if not token.desk.is_active:
        return "its desk is deactivated"
    return "" if token.is_at_home(address) else "it is not for this address"


def _refusal(token: ApiToken, address: str, why: str) -> log.Fact:
    data = {"why": why}
    return log.Fact(Event.TOKEN_REFUSED, actor_of(token, address), desk=token.desk, data=data)


def _record_unknown(address: str, now: datetime) -> None:
    """Record that somebody came with no token of ours; a flood of them leaves a few records."""
    newest = AuditRecord.objects.filter(event=Event.TOKEN_REFUSED).order_by("-position")
    rows = newest.values_list("at", "operator_id", "address")[:UNKNOWN_AT_ONCE]
    lately = [row for row in rows if now - TOLD_EVERY < row[0] <= now + MAY_DIFFER]
    is_told = any(who is None and whence == address for _, who, whence in lately)
    if len(lately) < UNKNOWN_AT_ONCE and not is_told:
        log.record(log.Fact(Event.TOKEN_REFUSED, log.Actor(address=address)))
