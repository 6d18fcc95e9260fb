"""What requests cost, and who has how much left in the rolling window.

Source: docs.pacifica.fi rate-limits page. On the real exchange keyless requests share one pool by
IP. Here every client sits on the same loopback address, so a request is charged to the account it
names, if that account (its main, for a subaccount) was given a quota of its own; every other
request is charged to one pool for the address, unlimited unless the rule ``ip_credits`` says so.
A request with a known ``PF-API-KEY`` is charged to that key's main account.
"""

from collections import deque
from dataclasses import dataclass, field

from .accounts import Account, Accounts
from .rules import Rules

CANCEL, ORDINARY = 0.5, 1.0
HEAVY_KEYLESS, HEAVY_WITH_KEY = 12.0, 3.0
HEAVY_READS = frozenset(
    {"/orders/history", "/orders/twap/history", "/order_strategies/history", "/trades/history"}
)
CANCELS = frozenset(
    {
        "/orders/cancel",
        "/orders/cancel_all",
        "/orders/stop/cancel",
        "/orders/twap/cancel",
        "/order_strategies/cancel",
    }
)
# Shown in the headers where nothing is enforced.
PLENTY = 100_000


@dataclass(slots=True)
class Pool:
    """Credits spent within the window. ``charges`` holds (monotonic seconds, credits)."""

    charges: deque[tuple[float, float]] = field(default_factory=deque)
    spent: float = 0.0

    def spend(self, cost: float, *, quota: float, now: float, window_s: float) -> bool:
        """Charge the cost if it fits in the window's rest; False, and nothing charged, if not."""
        self._forget(now - window_s)
        if self.spent + cost > quota:
            return False
        self.charges.append((now, cost))
        self.spent += cost
        return True

    def seconds_to_reset(self, *, now: float, window_s: float) -> float:
        """Return when credits begin to come back: the oldest charge leaves the window."""
        return self.charges[0][0] + window_s - now if self.charges else window_s

    def _forget(self, before: float) -> None:
        while self.charges and self.charges[0][0] <= before:
            self.spent -= self.charges.popleft()[1]
        if not self.charges:
            self.spent = 0.0


class Credits:
    """One pool a main account, one for the address."""

    def __init__(self) -> None:
        self.pools: dict[str, Pool] = {}

    def spend(
        self, cost: float, *, owner: Account | None, rules: Rules, now: float
    ) -> tuple[bool, dict[str, str]]:
        """Charge the owner (an account with a quota, or None for the address), at ``now`` seconds.

        Returns whether it was enough, and the answer's headers; their numbers are ten times the
        credits (docs.pacifica.fi, seen live).
        """
        quota = rules.ip_credits if owner is None else owner.credits
        window_s = rules.credit_window_s
        if quota is None:
            return True, _headers(PLENTY, PLENTY, window_s, window_s)
        pool = self.pools.setdefault("" if owner is None else owner.address, Pool())
        enough = pool.spend(cost, quota=quota, now=now, window_s=window_s)
        reset_s = pool.seconds_to_reset(now=now, window_s=window_s)
        return enough, _headers(quota - pool.spent, quota, reset_s, window_s)


def owner_of(accounts: Accounts, *, address: str | None, api_key: str | None) -> Account | None:
    """Find the account whose own quota a request is charged to, or None for the address's pool."""
    account = accounts.by_api_key.get(api_key) if api_key else None
    account = account or accounts.get(address)
    if account is None:
        return None
    main = accounts.main_of(account)
    return main if main.credits is not None else None


def cost_of_read(route: str, *, has_key: bool) -> float:
    """Return the credits of a GET: history is heavy, and less so with an API config key."""
    if route in HEAVY_READS:
        return HEAVY_WITH_KEY if has_key else HEAVY_KEYLESS
    return ORDINARY


def cost_of_action(route: str) -> float:
    """Return the credits of a signed request that is no batch."""
    return CANCEL if route in CANCELS else ORDINARY


def cost_of_batch(cancels: int, others: int, *, rules: Rules) -> float:
    """Return a batch's credits. Undocumented: half a credit a cancel and one at least, or one."""
    if rules.batch_costs == "per_request":
        return ORDINARY
    return max(ORDINARY, CANCEL * cancels + ORDINARY * others)


def _headers(left: float, quota: float, reset_s: float, window_s: float) -> dict[str, str]:
    return {
        "ratelimit": f'"credits";r={int(left * 10)};t={max(0, round(reset_s))}',
        "ratelimit-policy": f'"credits";q={int(quota * 10)};w={max(1, round(window_s))}',
    }
