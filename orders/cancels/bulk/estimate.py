"""Estimate what confirming a preview would do: counts, worth, credits, time."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from orders.cancels.bulk.frozen_orders import Frozen, frozen
from orders.exchange import credits
from orders.models import (
    Account,
    Cancel,
    CancelJob,
    CancelKind,
    CancelStatus,
    Order,
    OrderState,
    Preview,
)
from orders.models.order_kinds import is_stop
from orders.pacifica.signing import BATCH_SIZE

PRICE = settings.CREDIT_PRICES["cancel"]
REQUEST_S = 0.005  # what a batch costs at full speed, measured on the paper exchange


@dataclass(frozen=True)
class Share:
    """What a plan takes from one pool of credits, what that pool holds, and who waits before it.

    ``ahead``: bulk cancels of earlier jobs that wait for the same credits. Urgent ones pass them.
    """

    balance: credits.Balance
    cost: Decimal
    ahead: int = 0
    is_urgent: bool = False

    def wait_s(self, now: datetime) -> float:
        """Estimate how long its last cancel waits: for a pause to end, and bulk for credits."""
        until = self.balance.paused_until
        pause_s = max(0.0, (until - now).total_seconds()) if until else 0.0
        if self.is_urgent:  # may use the reserve, and more than our own count allows
            return pause_s
        return max(pause_s, self.balance.seconds_for(self.cost + self.ahead * PRICE))

    def is_dry(self, now: datetime) -> bool:
        """Whether its next cancel waits for credits."""
        until = self.balance.paused_until
        is_out = not self.is_urgent and self.balance.for_bulk < PRICE
        return bool(self.cost) and (is_out or (until is not None and until > now))


@dataclass(frozen=True)
class Plan:
    """What confirming a preview would do. Times in seconds, breakdowns as (name, count) pairs."""

    count: int
    by_account: tuple[tuple[str, int], ...]
    by_symbol: tuple[tuple[str, int], ...]
    by_side: tuple[tuple[str, int], ...]
    notional: Decimal  # sum of price times open amount, in USD
    unpriced: int  # orders that this sum leaves out: market stops, and orders not known here
    closed: int  # orders that were closed at our last look; no part of the sum either
    unknown: int  # orders that this app has never seen
    oldest_at: datetime | None
    reduce_only: int
    stops: int
    oldest_sync_at: datetime | None  # None where some account's open orders were never read
    requests: int
    credits: Decimal
    credits_left: Decimal
    estimated_s: float
    ahead: int  # bulk cancels of other jobs that wait for the same credits
    shares: tuple[Share, ...]


def plan(preview: Preview) -> Plan:
    """Estimate what confirming a preview would do. Orders that closed since count as frozen."""
    rows = frozen(preview)
    pks = [row.order_pk for row in rows if row.order_pk]
    known = list(Order.objects.columns(Known, pks))
    accounts = Account.objects.in_bulk({row.account_pk for row in rows})
    sides = [order.side or "unknown" for order in known] + ["unknown"] * (len(rows) - len(known))
    now = timezone.now()
    shares, requests = _shares(rows, accounts, now), _requests(rows)
    standing = [order for order in known if order.state == OrderState.OPEN]
    priced = [worth for worth in map(_worth, standing) if worth is not None]
    closed, unknown = len(known) - len(standing), len(rows) - len(known)
    return Plan(
        count=preview.count,
        by_account=_ranked(accounts[row.account_pk].name for row in rows),
        by_symbol=_ranked(row.symbol for row in rows),
        by_side=_ranked(sides),
        notional=sum(priced, Decimal(0)),
        unpriced=len(rows) - closed - len(priced),
        closed=closed,
        unknown=unknown,
        oldest_at=min((order.created_at for order in known if order.created_at), default=None),
        reduce_only=sum(bool(order.reduce_only) for order in known),
        stops=_stops(rows, known),
        oldest_sync_at=oldest_sync(accounts.values()),
        requests=requests,
        credits=sum((share.cost for share in shares), Decimal(0)),
        credits_left=sum((share.balance.left for share in shares), Decimal(0)),
        estimated_s=seconds(shares, requests, now=now),
        ahead=sum(share.ahead for share in shares),
        shares=shares,
    )


def shares_of(
    counts: dict[Account, int], *, now: datetime, is_urgent: bool = False, before: int | None = None
) -> tuple[Share, ...]:
    """Estimate what so many cancels of each account take from the pools of credits.

    ``counts``: how many cancels, by account. ``before``: the id of the job they belong to, where it
    is made already.
    """
    queued = {} if is_urgent else _queued(before)
    others = Account.objects.in_bulk(queued.keys() - {account.pk for account in counts})
    balances = credits.balances(accounts=[*counts, *others.values()], now=now)
    costs: dict[credits.Balance, Decimal] = defaultdict(Decimal)
    ahead: Counter[credits.Balance] = Counter()
    for account, count in counts.items():
        costs[balances[account.pk]] += count * PRICE
    for account_id, count in queued.items():
        ahead[balances[account_id]] += count
    ranked = sorted(costs.items(), key=str)
    return tuple(Share(balance, cost, ahead[balance], is_urgent) for balance, cost in ranked)


def _queued(before: int | None) -> dict[int, int]:
    """Count the bulk cancels that wait to be sent, by account id; of jobs older than ``before``."""
    running = CancelJob.objects.running().filter(is_urgent=False)
    if before is not None:
        running = running.filter(pk__lt=before)
    queued = Cancel.objects.filter(job__in=running, status=CancelStatus.QUEUED).order_by()
    return dict(queued.values_list("account_id").annotate(Count("pk")))


def seconds(shares: Collection[Share], requests: float, *, now: datetime) -> float:
    """Estimate the duration: the pool that waits longest for credits, and the sending itself."""
    waits = [share.wait_s(now) for share in shares]
    requests += sum(share.ahead for share in shares) / BATCH_SIZE
    return round(max(waits, default=0.0) + requests * REQUEST_S, 1)


def oldest_sync(accounts: Iterable[Account]) -> datetime | None:
    """Say when the open orders read longest ago were read; None where some were never read."""
    moments = []
    for account in accounts:
        if account.synced_at is None:
            return None
        moments.append(account.synced_at)
    return min(moments, default=None)


class Known(NamedTuple):
    """What a plan looks at in an order."""

    side: str
    order_type: str
    stop_price: str | None
    reduce_only: bool | None
    created_at: datetime | None
    price_number: Decimal | None
    open_amount_number: Decimal | None
    state: str


def _shares(rows: list[Frozen], accounts: dict[int, Account], now: datetime) -> tuple[Share, ...]:
    by_pk = Counter(row.account_pk for row in rows)
    counts = {accounts[pk]: count for pk, count in by_pk.items()}
    return shares_of(counts, now=now, is_urgent=len(rows) <= settings.URGENT_UP_TO)


def _requests(rows: list[Frozen]) -> int:
    """Count the requests at full batches. TWAPs go alone."""
    batched = [row.account_pk for row in rows if row.kind != CancelKind.TWAP]
    batches = sum(-(-count // BATCH_SIZE) for count in Counter(batched).values())
    return batches + len(rows) - len(batched)


def _stops(rows: list[Frozen], known: list[Known]) -> int:
    """Count the stop orders: what we know by its own type, the rest by the kind it was named."""
    others = sum(row.kind == CancelKind.STOP for row in rows if not row.order_pk)
    return others + sum(is_stop(order.order_type, order.stop_price) for order in known)


def _worth(order: Known) -> Decimal | None:
    if order.price_number is None or order.open_amount_number is None:
        return None
    return order.price_number * order.open_amount_number


def _ranked(names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(Counter(names).most_common())
