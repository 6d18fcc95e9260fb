"""Which process reads which account's stream, and what it wrote about how each stands.

Taken by conditional update; a process that dies holds its accounts for as long as a lease lasts.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import DataError, transaction
from django.db.models import QuerySet

from orders.exchange import credits
from orders.keys import sealing
from orders.models import Account, AccountStream
from orders.models.account_stream import LEASE
from orders.models.prepared import MOMENTS, Prepared, PreparedUpdate, any_of

logger = logging.getLogger(__name__)
UNFIT = (DataError, ValueError, OverflowError)  # values that no column takes
UNKNOWN = "How it stands could not be stored."
#: What stands of a stream that nobody reads.
NOTHING = {"connected_at": None, "subscribed_at": None, "caught_up_at": None}
#: Columns that a process writes of its own streams.
STANDING = (
    "connected_at",
    "subscribed_at",
    "caught_up_at",
    "gap_began_at",
    "last_frame_at",
    "lag_ms",
    "frames_per_minute",
    "reconnects",
    "trouble",
)


@dataclass(frozen=True)
class Leased:
    """An account whose stream is ours. ``pool``: whose credits its requests spend.

    ``told_until``: up to when nothing was missed, as far as was written; None if it never was read.
    """

    account_id: int
    address: str
    pool: str
    reconnects: int
    told_until: datetime | None
    api_config_key: str | None = field(repr=False)


class Keys:
    """API config keys opened before: each is opened once a process.

    By address and sealed bytes: what is copied to another account's row opens nothing, as in REST.
    """

    def __init__(self) -> None:
        self._opened: dict[tuple[str, bytes], str | None] = {}

    def of(self, account: Account) -> str | None:
        """Open an account's key as REST does: None where it has none, or it does not open here."""
        sealed = getattr(account, "api_config_key", None)
        if sealed is None:
            return None
        mark = account.address, bytes(sealed.sealed)
        if mark not in self._opened:
            self._opened[mark] = sealing.open_api_config_key(account)
        return self._opened[mark]


def renew(*, token: str, now: datetime) -> None:
    """Keep what is ours for another while."""
    _renew(token=token, leased_until=now + LEASE)


_renew = PreparedUpdate(
    lambda token, leased_until: (
        AccountStream.objects.filter(token=token),
        {"leased_until": leased_until},
    ),
    token=("a", "b"),
    leased_until=MOMENTS,
)


def write(*, token: str, standing: Mapping[int, Mapping[str, Any]]) -> None:
    """Write how streams of ours stand.

    ``standing``: columns by account id, of those streams alone that have changed.
    One that cannot be stored harms no other, and counts as a stream of which nothing is known.
    """
    try:
        _write(token, standing)
    except UNFIT:
        for pk, columns in standing.items():
            _write_alone(token, pk, columns)


def _write_alone(token: str, pk: int, columns: Mapping[str, Any]) -> None:
    try:
        _write(token, {pk: columns})
    except UNFIT as error:
        logger.warning("How stream %s stands cannot be stored (%s).", pk, type(error).__name__)
        AccountStream.objects.filter(token=token, pk=pk).update(trouble=UNKNOWN, **NOTHING)


def _write(token: str, standing: Mapping[int, Mapping[str, Any]]) -> None:
    rows = [AccountStream(account_id=pk, **columns) for pk, columns in standing.items()]
    if rows:
        with transaction.atomic():
            AccountStream.objects.filter(token=token).bulk_update(rows, STANDING, batch_size=100)


def told(*, token: str, account_ids: Collection[int], at: datetime) -> None:
    """Write up to when all is written of streams that are caught up."""
    ours = AccountStream.objects.filter(token=token, caught_up_at__isnull=False)
    ours.filter(account__pk__any=set(account_ids)).update(healthy_at=at)


def take(*, token: str, now: datetime, at_most: int) -> int:
    """Take up to so many streams that nobody reads; return how many."""
    if not _any_free(now=now):
        return 0
    ids = set(_free(now).values_list("pk", flat=True)[: max(0, at_most)])
    if not ids:
        return 0
    return (
        AccountStream.objects.free(now)
        .filter(account__pk__any=ids)
        .update(token=token, leased_until=now + LEASE, trouble="", frames_per_minute=0, **NOTHING)
    )


def held(*, token: str, keys: Keys) -> list[Leased]:
    """Return the accounts whose streams are ours now."""
    return [
        Leased(
            account_id=account.pk,
            address=account.address,
            pool=credits.pool_of(account),
            reconnects=account.stream.reconnects,
            told_until=account.stream.gap_began_at or account.stream.healthy_at,
            api_config_key=keys.of(account),
        )
        for account in _held(token=token)
    ]


_held = Prepared(
    lambda token: (
        Account.objects.active()
        .filter(stream__token=token)
        .select_related("stream", "api_config_key")
        .order_by("pk")
    ),
    token=("a", "b"),
)


def give_back(*, token: str, but: Sequence[int] = ()) -> None:
    """Let go of all that is ours but these, so that another process can take it at once."""
    ours = AccountStream.objects.filter(token=token).exclude(account__pk__any=set(but))
    ours.update(token="", leased_until=None, trouble="", frames_per_minute=0, **NOTHING)


def _free(now: datetime) -> QuerySet[Account]:
    free = AccountStream.objects.free(now).values("pk")
    return Account.objects.active().filter(pk__in=free).order_by("pk")


_any_free = Prepared(lambda now: any_of(_free(now)), now=MOMENTS)
_without = Prepared(
    lambda: Account.objects.active().filter(stream=None).values_list("pk", flat=True)
)


def add_missing() -> None:
    """Give every account that is followed its row."""
    rows = [AccountStream(account_id=pk) for pk in _without()]
    if rows:
        AccountStream.objects.bulk_create(rows, ignore_conflicts=True)
