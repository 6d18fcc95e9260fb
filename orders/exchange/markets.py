"""Read marks and decimals of all markets, for pages that show orders. Nothing else waits for them.

A page notes that it shows orders; while one does, the sweep reads. The reads need no account, and
are paid from the keyless pool, after everything else. Source: docs.pacifica.fi get-market-info and
get-prices pages.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any

from django.utils import timezone

from desk.repeated_warnings import Matters
from orders.exchange import credits, odd_rows
from orders.exchange.client import client
from orders.models import Cancel, CancelStatus, Market, MarketWatch
from orders.models.clocks import is_ahead
from orders.models.one_writer import unless_busy
from orders.models.prepared import MOMENTS, Prepared
from orders.pacifica import answers, reads
from orders.pacifica.market_rows import MarketDecimals, MarketPrice
from orders.pacifica.reads import Listed
from orders.pacifica.strict_json import Unreadable
from orders.pacifica.transport import Answer, Unreachable, has_left

EVERY = timedelta(seconds=5)
DECIMALS_EVERY = timedelta(hours=1)
AGAIN_AFTER = timedelta(seconds=30)  # a failure, a purse too low, or a sender that died over it
WITHIN_S = 4.0  # so that no answer comes after that of the next read
NOTED_EVERY = timedelta(seconds=10)
MAX_MARKETS = 2_000  # rows kept of one answer
failing = Matters(logging.getLogger(__name__))


@dataclass(frozen=True)
class Route:
    """One read. ``column``: of `MarketWatch`; ``keep``: stores rows that were asked for then."""

    path: str
    column: str
    every: timedelta
    parse: Callable[..., Listed[Any]]
    keep: Callable[[Sequence[Any], datetime], None]


def note_need(now: datetime) -> None:
    """Note that a page shows orders, every ten seconds at most; where a writer is busy, not now."""
    watch = MarketWatch.objects.filter(pk=1).first()
    if watch is None or not _is_long_ago(watch.needed_at, now):
        return
    with unless_busy():
        MarketWatch.objects.filter(pk=1).update(needed_at=now)


def _is_long_ago(at: datetime | None, now: datetime) -> bool:
    return at is None or at <= now - NOTED_EVERY or is_ahead(at, now)


def is_due(now: datetime) -> bool:
    """Whether somebody needs a read whose turn has come. The first sweep makes the row."""
    if not _kept():
        first = {"next_prices_at": now, "next_decimals_at": now}
        MarketWatch.objects.get_or_create(pk=1, defaults=first)
    return bool(_any_due(now=now))


_kept = Prepared(lambda: MarketWatch.objects.filter(pk=1).values_list("pk"))
_any_due = Prepared(
    lambda now: reduce(or_, (MarketWatch.objects.due(route.column, now) for route in ROUTES)),
    now=MOMENTS,
)


def read_due(now: datetime, *, clock: Callable[[], datetime] = timezone.now) -> None:
    """Make the reads that are due, unless cancels wait that are paid from the same pool."""
    for route in ROUTES:
        due = MarketWatch.objects.due(route.column, now)
        if not due.exists() or _cancels_wait():
            continue
        if due.update(**{route.column: now + AGAIN_AFTER}):
            _read(route, now, clock)


def _cancels_wait() -> bool:
    queued = Cancel.objects.filter(status=CancelStatus.QUEUED)
    return queued.filter(account__api_config_key=None).exists()


def _read(route: Route, now: datetime, clock: Callable[[], datetime]) -> None:
    price = credits.price_of_read(route.path, credits.KEYLESS)
    grant = credits.reserve(account=None, wanted=1, price=price, purpose=credits.MARKS, now=now)
    if not grant.count:
        return
    result = _asked(route.path)
    quota = answers.quota(result.headers) if isinstance(result, Answer) else None
    credits.book(grant=grant, unused=int(not has_left(result)), quota=quota, now=clock())
    try:
        _keep(route, _listed(route, result), now)
    except Unreadable as why:
        failing.wrong(route.path, f"The markets' {route.path} could not be read: {why}.")


def _asked(path: str) -> Answer | Unreachable:
    """Ask without an API config key. A refusal, HTTP 429 too, puts off this read and no other."""
    try:
        return client().get(path, within_s=WITHIN_S)
    except Unreachable as unreachable:
        return unreachable


def _listed(route: Route, result: Answer | Unreachable) -> Listed[Any]:
    if isinstance(result, Unreachable):
        raise Unreadable(result.reason)
    return route.parse(result.status, result.body, is_whole=result.is_whole)


def _keep(route: Route, listed: Listed[Any], now: datetime) -> None:
    route.keep(listed.rows[:MAX_MARKETS], now)
    MarketWatch.objects.update(**{route.column: now + route.every})
    failing.over(route.path)
    odd = (route.path, "odd")
    if listed.odd:
        failing.wrong(odd, odd_rows.on_route(route.path, listed.odd).strip())
    else:
        failing.over(odd)


def _keep_marks(rows: Sequence[MarketPrice], now: datetime) -> None:
    """Store the marks; 0 is the mark of a market that does not trade, and none."""
    priced = [row for row in rows if Decimal(row.mark) > 0]
    found = [Market(symbol=row.symbol, mark=row.mark, marked_at=now) for row in priced]
    _store(found, ["mark", "marked_at"])


def _keep_decimals(rows: Sequence[MarketDecimals], now: datetime) -> None:
    found = [
        Market(symbol=row.symbol, tick_size=row.tick_size or "", lot_size=row.lot_size or "")
        for row in rows
    ]
    _store(found, ["tick_size", "lot_size"])


def _store(found: list[Market], names: list[str]) -> None:
    Market.objects.bulk_create(
        sorted(found, key=str), update_conflicts=True, unique_fields=["symbol"], update_fields=names
    )


ROUTES: tuple[Route, ...] = (
    Route("/info/prices", "next_prices_at", EVERY, reads.market_prices, _keep_marks),
    Route("/info", "next_decimals_at", DECIMALS_EVERY, reads.market_decimals, _keep_decimals),
)
