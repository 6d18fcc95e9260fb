"""The purse: what each request costs, what is left, and for whom.

Credits are counted over a rolling 60 s (docs.pacifica.fi rate-limits page), one pool for each main
account with its subaccounts where they hold an API config key, one for all that is keyless. What
we count is corrected by the exchange's own ``ratelimit`` headers. The last part of a pool is kept
for urgent cancels and for the reads that prove outcomes. Marks come last: they take only what is
left beside that and beside all that syncs may still take.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil

from django.conf import settings
from django.db import transaction

from orders.exchange.spent_credits import WINDOW_S, SpentCredits, second_of
from orders.models import Account, CreditPool, SealedApiConfigKey
from orders.models.clocks import is_ahead
from orders.models.prepared import Prepared
from orders.pacifica.quota import Quota

URGENT, PROOF, BULK, SYNC, MARKS = "urgent", "proof", "bulk", "sync", "marks"
KEYLESS = "keyless"
HEAVY = ("/orders/history", "/orders/twap/history")  # CCXT's table lists these as heavy
MAX_PAUSE = timedelta(seconds=60)  # after a 429
FORGET_AFTER = timedelta(seconds=30)  # what is in flight longer belonged to a sender that died


@dataclass(frozen=True)
class Grant:
    """What a pool allows now. ``count``: requests' worth; ``wait_s``: until more could be had.

    ``is_reserved``: whether the credits were taken out already, or are once it is booked.
    ``second``: of the epoch, in which that was. ``already``: what others had spent in it by then.
    """

    pool: str
    count: int
    price: Decimal
    wait_s: float = 0
    is_reserved: bool = True
    second: int = 0
    already: Decimal = Decimal(0)
    is_sync: bool = False

    @property
    def credits(self) -> Decimal:
        """Credits taken out of the pool."""
        return self.count * self.price


@dataclass(frozen=True)
class Balance:
    """A pool as people see it, in credits."""

    name: str
    quota: Decimal
    left: Decimal
    reserve: Decimal
    paused_until: datetime | None = None

    @property
    def for_bulk(self) -> Decimal:
        """What bulk jobs may spend now: all but the reserve."""
        return max(Decimal(0), self.left - self.reserve)

    def seconds_for(self, cost: Decimal) -> float:
        """Return how long bulk cancels of this cost wait: what is spent is free a minute on."""
        waiting, a_minute = max(Decimal(0), cost - self.for_bulk), self.quota - self.reserve
        return float(ceil(waiting / a_minute) * (WINDOW_S + 1)) if a_minute else 0.0


def pool_of(account: Account | None) -> str:
    """Name the pool that this account's requests are paid from; None asks for no account."""
    if account is None or not hasattr(account, "api_config_key"):
        return KEYLESS
    return account.pool_address


def price_of_read(path: str, pool: str) -> Decimal:
    """Return what a GET costs. History is heavy: dearer still without an API config key."""
    if not path.startswith(HEAVY):
        return settings.CREDIT_PRICES["read"]
    return settings.CREDIT_PRICES["heavy_read_keyless" if pool == KEYLESS else "heavy_read"]


def reserve(
    *, account: Account | None, wanted: int, price: Decimal, purpose: str, now: datetime
) -> Grant:
    """Take up to ``wanted`` requests' worth out of the pool before they are sent.

    Urgent cancels and proving reads are never withheld by our own count: the exchange alone may
    refuse them; urgent ones do not even wait for the pool's lock, and count once booked. Bulk
    leaves the reserve, and a routine sync may use a quarter. A pool that a 429 paused grants
    nothing, but to urgent cancels: that another request was refused, a read perhaps, is no reason
    not to ask for them. Each waits out its own 429 (`Cancel.not_before_at`).
    """
    name = pool_of(account)
    if purpose == URGENT:
        return _unreserved(name, wanted, price, now)
    with transaction.atomic():
        pool = _locked(name)
        if _pause_s(pool, now):
            return Grant(name, 0, price, _pause_s(pool, now))
        spent = SpentCredits(pool.spent, now)
        already = _already(pool, spent, now)
        count = wanted
        if purpose != PROOF:
            count = min(wanted, int(max(Decimal(0), _free(pool, spent, purpose)) // price))
        _spend(pool, spent, count * price, purpose, now)
        wait_s = 0 if count else spent.until_freed(now)
    return Grant(
        name,
        count,
        price,
        wait_s,
        second=second_of(now),
        already=already,
        is_sync=purpose == SYNC,
    )


_pools = Prepared(lambda name: CreditPool.objects.filter(name=name), name=("a", "b"))
_pools_to_spend = Prepared(
    lambda name: CreditPool.objects.select_for_update().filter(name=name), name=("a", "b")
)


def _unreserved(name: str, wanted: int, price: Decimal, now: datetime) -> Grant:
    pool = next(iter(_pools(name=name)), None)
    if pool is None:
        return Grant(name, wanted, price, is_reserved=False)
    already = _already(pool, SpentCredits(pool.spent, now), now)
    return Grant(name, wanted, price, is_reserved=False, second=second_of(now), already=already)


def _pause_s(pool: CreditPool, now: datetime) -> float:
    """Return the seconds for which a 429 still holds the pool; 0 where none does."""
    until = pool.paused_until
    if until is None or is_ahead(until, now, MAX_PAUSE):
        return 0.0
    return max(0.0, (until - now).total_seconds())


def book(*, grant: Grant, unused: int, quota: Quota | None, now: datetime) -> None:
    """Give back, after the answers, what was not sent; believe the exchange's own count.

    What was sent counts from now on: the exchange counts a minute from when it arrived there, so a
    minute from when it was taken here would end too soon.

    ``unused``: requests' worth that never left. ``quota``: a `Quota` of one answer, or None.
    """
    with transaction.atomic(savepoint=False):
        pool = _locked(grant.pool)
        spent = SpentCredits(pool.spent, now)
        if grant.is_reserved:
            pool.in_flight = max(Decimal(0), pool.in_flight - grant.credits)
            if grant.second in spent:  # else it has left the window already
                spent.add(grant.second, -grant.credits, grant.is_sync)
        is_newest = pool.in_flight == 0 and spent.since(grant.second) <= grant.already
        spent.add(second_of(now), grant.credits - unused * grant.price, grant.is_sync)
        if quota is not None:
            _believe(pool, spent, quota, is_newest, now)
        _save(pool, spent)


def pause(*, pool: str, until: datetime) -> None:
    """Pause a pool after a 429: until then nothing but urgent cancels leaves from it."""
    with transaction.atomic():
        row = _locked(pool)
        if (
            row.paused_until is None
            or row.paused_until < until
            or is_ahead(row.paused_until, until)
        ):
            row.paused_until = until
            row.save(update_fields=["paused_until"])


def balance(*, account: Account, now: datetime) -> Balance:
    """Tell what is left for an account, for people to see. Locks nothing."""
    return balances(accounts=[account], now=now)[account.pk]


def affordable(*, account: Account, price: Decimal, now: datetime) -> int:
    """Count the urgent requests of this price, above 0, that may be asked for by no person.

    They may take half of the reserve, which bulk cannot use up; the other half stays for people.
    None in a pause. Within a transaction, until whose end nobody else counts or spends.
    """
    pool = _locked(pool_of(account))
    there = _balance(pool, now)
    return 0 if there.paused_until else max(0, int((there.left - there.reserve / 2) // price))


def balances(*, accounts: Sequence[Account], now: datetime) -> dict[int, Balance]:
    """Tell what is left for many accounts, by account id, in two queries; some may share a pool."""
    keys = SealedApiConfigKey.objects.filter(account__in=accounts)
    keyed = set(keys.values_list("account_id", flat=True))
    names = {each.pk: each.pool_address if each.pk in keyed else KEYLESS for each in accounts}
    pools = {pool.name: pool for pool in CreditPool.objects.filter(name__in=names.values())}
    by_name = {
        name: _balance(pools.get(name) or CreditPool(name=name, quota=_first(name)), now)
        for name in set(names.values())
    }
    return {pk: by_name[name] for pk, name in names.items()}


def pools(*, now: datetime) -> list[Balance]:
    """Tell what is left in each pool that was ever spent from."""
    return [_balance(pool, now) for pool in CreditPool.objects.all()]


def _balance(pool: CreditPool, now: datetime) -> Balance:
    left = max(Decimal(0), pool.quota - SpentCredits(pool.spent, now).total())
    paused_until = pool.paused_until if _pause_s(pool, now) else None
    return Balance(pool.name, pool.quota, left, _reserve(pool), paused_until)


def _first(name: str) -> Decimal:
    """Return the quota to assume before the exchange has said one."""
    return settings.CREDIT_QUOTAS["keyless" if name == KEYLESS else "keyed"]


def _locked(name: str) -> CreditPool:
    """Lock the pool's row until the transaction ends; make it on first use."""
    pools = _pools_to_spend(name=name)
    if not pools:
        CreditPool.objects.get_or_create(name=name, defaults={"quota": _first(name)})
        pools = _pools_to_spend(name=name)
    return pools[0]


def _already(pool: CreditPool, spent: SpentCredits, now: datetime) -> Decimal:
    """Sum what others spent in this second; what is under way they will still book.

    It tells a grant later whether others booked meanwhile.
    """
    return max(Decimal(0), spent.since(second_of(now)) - pool.in_flight)


def _reserve(pool: CreditPool) -> Decimal:
    return pool.quota * settings.CREDIT_RESERVE_PERCENT / 100


def _free(pool: CreditPool, spent: SpentCredits, purpose: str) -> Decimal:
    """Return the credits this purpose may take now."""
    free = pool.quota - spent.total() - _reserve(pool)
    of_syncs = pool.quota * settings.CREDIT_SYNC_PERCENT / 100 - spent.of_syncs()
    if purpose == MARKS:
        return free - max(Decimal(0), of_syncs)
    return min(free, of_syncs) if purpose == SYNC else free


def _spend(
    pool: CreditPool, spent: SpentCredits, credits: Decimal, purpose: str, now: datetime
) -> None:
    if not credits:
        return
    spent.add(second_of(now), credits, purpose == SYNC)
    at = pool.taken_at
    if at is None or at < now - FORGET_AFTER or is_ahead(at, now):
        pool.in_flight = Decimal(0)
    pool.in_flight += credits
    pool.taken_at = now
    _save(pool, spent)


def _believe(
    pool: CreditPool, spent: SpentCredits, quota: Quota, is_newest: bool, now: datetime
) -> None:
    """Correct our count by the exchange's. Somebody else may be spending from the same pool.

    Upward only by the answer to what was taken last, while nothing else of ours is under way: an
    answer does not know what follows it.
    """
    if quota.quota_credits:
        pool.quota = quota.quota_credits
    if quota.remaining_credits is None:
        return
    too_few = pool.quota - spent.total() - quota.remaining_credits
    if too_few > 0:
        spent.add(second_of(now), too_few)
    elif is_newest:
        spent.forget(-too_few)


def _save(pool: CreditPool, spent: SpentCredits) -> None:
    pool.spent = spent.as_text()
    pool.save(update_fields=["quota", "spent", "in_flight", "taken_at"])
