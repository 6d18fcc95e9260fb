"""How old the known orders are, and the button that has them read anew."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.db.models import Count, F
from django.http import QueryDict
from django.utils import timezone

from orders.audit import sentences
from orders.lifecycle import wakeups
from orders.models import Account, AccountStream, Order
from orders.models.accounts import AccountQuerySet
from orders.models.lookups import is_row_id

if TYPE_CHECKING:
    from orders.models.desks import Person


MAX_ACCOUNTS = 50  # that one press reads; the next press reads others
SHOWN = (
    *("name", "synced_at", "sync_error", "book_trouble"),
    *("stream__token", "stream__leased_until", "stream__caught_up_at", "stream__healthy_at"),
)
OLDEST_FIRST = F("synced_at").asc(nulls_first=True)


@dataclass(frozen=True)
class Book:
    """The books of some accounts, the oldest first, and as old as that."""

    accounts: tuple[Account, ...]
    synced_at: datetime | None
    troubles: tuple[tuple[Account, str], ...]  # (account, what went wrong) pairs
    asked_at: datetime | None = None
    is_live: bool = False  # each follows the exchange's stream, so that its age says little

    @property
    def age(self) -> str:
        """In words, for the oldest."""
        return sentences.book_age(self.synced_at, timezone.now())

    @property
    def oldest(self) -> tuple[Account, ...]:
        """The accounts whose books one press reads."""
        return self.accounts[:MAX_ACCOUNTS]

    @property
    def unread(self) -> int:
        """How many of the accounts were never read."""
        return sum(account.synced_at is None for account in self.accounts)

    @property
    def query(self) -> str:
        """The query of the address that shows whether what was asked for has come back."""
        asked_at = [("asked_at", self.asked_at.isoformat())] if self.asked_at else []
        return urlencode([*asked_at, *(("account", account.pk) for account in self.oldest)])

    @property
    def count_read(self) -> int:
        """How many were read since that was asked for."""
        asked_at = self.asked_at
        if asked_at is None:
            return 0
        moments = [account.synced_at for account in self.accounts]
        return sum(moment is not None and moment >= asked_at for moment in moments)

    @property
    def is_read(self) -> bool:
        """Whether a sync that was asked for has come back."""
        return self.asked_at is not None and self.count_read >= len(self.oldest) > 0

    @property
    def is_waiting(self) -> bool:
        """Whether a sync that was asked for has not come back."""
        if self.asked_at is None or (timezone.now() - self.asked_at).total_seconds() > 30:
            return False
        return not self.is_read


def book_of(accounts: AccountQuerySet, *, asked_at: datetime | None = None) -> Book:
    """The age of these accounts' books, in one query."""
    plain = accounts.select_related(None).select_related("stream").only(*SHOWN)
    now = timezone.now()
    rows = tuple(plain.order_by(OLDEST_FIRST, "name", "pk"))
    oldest = rows[0].synced_at if rows else None
    troubles = [(row, row.trouble) for row in rows if row.trouble]
    is_live = bool(rows) and all(_is_live(row, now) for row in rows)
    return Book(rows, oldest, tuple(troubles[:MAX_ACCOUNTS]), asked_at, is_live)


def _is_live(account: Account, now: datetime) -> bool:
    stream: AccountStream | None = getattr(account, "stream", None)
    return stream is not None and stream.is_healthy(now)


def open_orders(accounts: list[Account]) -> dict[int, int]:
    """How many orders are open, by account id, in one query."""
    orders = Order.objects.open().filter(account__in=[account.pk for account in accounts])
    return dict(orders.order_by().values_list("account").annotate(Count("pk")))


def in_words(count: int, accounts: Iterable[Account]) -> str:
    """How many orders are open, and *not read yet* or *so far* where nobody has read them all."""
    reads = [account.synced_at is not None for account in accounts]
    if all(reads):
        return f"{count:,}"
    return f"{count:,} so far" if count or any(reads) else "not read yet"


def ask(accounts: AccountQuerySet) -> int:
    """Have the oldest of these accounts' books read by a sender; how many were asked for."""
    oldest = accounts.order_by(OLDEST_FIRST, "name", "pk").values_list("pk", flat=True)
    ids = list(oldest[:MAX_ACCOUNTS])
    for account_id in ids:
        wakeups.sync(account_id=account_id)
    return len(ids)


def named_in(data: QueryDict, user: "Person") -> AccountQuerySet:
    """The visible, active accounts that a request names."""
    wanted = [pk for pk in data.getlist("account")[:MAX_ACCOUNTS] if is_row_id(pk)]
    return Account.objects.visible_to(user).filter(pk__in=wanted, is_active=True)
