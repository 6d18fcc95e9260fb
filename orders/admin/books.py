"""How old the known orders are, and the button that has them read anew."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count
from django.utils.timezone import now as clock

from orders import sentences, waking
from orders.models import Account, Order

MOST_ACCOUNTS = 50


@dataclass(frozen=True)
class Book:
    """The books of some accounts, as old as the oldest of them."""

    accounts: tuple
    synced_at: datetime | None
    troubles: tuple  # (account, what went wrong) pairs
    asked_at: datetime | None = None

    @property
    def age(self):
        """In words, for the oldest."""
        return sentences.book_age(self.synced_at, clock())

    @property
    def is_read(self):
        """Whether a sync that was asked for has come back."""
        return None not in (self.asked_at, self.synced_at) and self.synced_at >= self.asked_at

    @property
    def is_waiting(self):
        """Whether a sync that was asked for has not come back."""
        if self.asked_at is None or (clock() - self.asked_at).total_seconds() > 30:
            return False
        return self.synced_at is None or self.synced_at < self.asked_at


def book_of(accounts, *, asked_at=None) -> Book:
    """The age of these accounts' books, in one query."""
    rows = list(
        accounts.select_related(None).only("name", "synced_at", "sync_error")[:MOST_ACCOUNTS]
    )
    oldest = None
    if rows and all(row.synced_at for row in rows):
        oldest = min(row.synced_at for row in rows)
    troubles = tuple((row, row.sync_error) for row in rows if row.sync_error)
    return Book(tuple(rows), oldest, troubles, asked_at)


def open_orders(accounts) -> dict:
    """How many orders are open, by account id, in one query."""
    orders = Order.objects.open().filter(account__in=[account.pk for account in accounts])
    return dict(orders.order_by().values_list("account").annotate(Count("pk")))


def ask(accounts) -> int:
    """Have these accounts' books read by a sender; how many were asked for."""
    ids = list(accounts.values_list("pk", flat=True)[:MOST_ACCOUNTS])
    for account_id in ids:
        waking.sync(account_id=account_id)
    return len(ids)


def named_in(data, user):
    """The visible, active accounts that a request names."""
    wanted = [pk for pk in data.getlist("account")[:MOST_ACCOUNTS] if pk.isdecimal()]
    return Account.objects.visible_to(user).filter(pk__in=wanted, is_active=True)
