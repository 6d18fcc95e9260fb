"""Turn unknown into proven: ask the book, then the history.

Evidence decides, never time alone: an event in the history concludes at once; absence must last
thirty seconds, because the exchange's reads can lag behind its writes; and an order still in the
book concludes nothing while an unanswered request could yet act on it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils.timezone import now as clock

from orders import audit, concluding, waking
from orders.concluding import Conclusion
from orders.exchange import client
from orders.models import Account, Cancel, CancelKind, CancelStatus, Event, Proof
from orders.models.cancels import OPEN_QUESTIONS
from orders.pacifica.client import Unreachable

READ_LAG = timedelta(seconds=30)  # seen up to 25 s on the exchange
CHECK_LEASE = timedelta(seconds=30)
MOST_ATTEMPTS = 5
MOST_AT_ONCE = 50
MOST_HISTORY_PAGES = 5
CLOCK_SLACK = timedelta(seconds=2)  # between our clock and the exchange's


@dataclass
class Evidence:
    """What the exchange said when asked: its book, and the history found for each order id."""

    book: list = None  # rows of open orders, or None where the read proved nothing
    events: dict = field(default_factory=dict)  # order id -> newest event row, or None: not found
    reads: list = field(default_factory=list)  # (path, params, Answer or Unreachable)


def settle_account(*, account_id, now=clock) -> int:
    """Look at the account's open questions that are due; how many were looked at."""
    cancels = take_due(account_id=account_id, now=now())
    if not cancels:
        return 0
    evidence = gather(cancels)
    ends = [(cancel, weigh(cancel, evidence, now())) for cancel in cancels]
    record(ends, evidence, now())
    if any(end.status == CancelStatus.QUEUED for _, end in ends):
        waking.deliver(account_ids=[account_id], is_urgent=True)
    return len(cancels)


def take_due(*, account_id, now) -> list[Cancel]:
    """Questions that are due, each taken by one settler: taking one moves its next check."""
    due = Cancel.objects.due(now).filter(account_id=account_id)
    taken = []
    for cancel in due.select_related("account__desk", "job", "known_order")[:MOST_AT_ONCE]:
        same = Cancel.objects.filter(
            pk=cancel.pk, status=cancel.status, next_check_at=cancel.next_check_at
        )
        if same.update(next_check_at=now + CHECK_LEASE, checks=F("checks") + 1):
            cancel.next_check_at, cancel.checks = now + CHECK_LEASE, cancel.checks + 1
            taken.append(cancel)
    return taken


def gather(cancels) -> Evidence:
    """Read the book once, and the history of each order the book does not list."""
    evidence = Evidence()
    address = cancels[0].account.address
    evidence.book = _read(evidence, "/orders", {"account": address}, answers.open_orders)
    if evidence.book is None:
        return evidence
    for cancel in cancels:
        if in_book(cancel, evidence.book) is None:
            _look_up(evidence, cancel, address)
    return evidence


def in_book(cancel, book):
    """The book's row of this cancel's order, or None."""
    for row in book:
        if cancel.order_id is not None and row.order_id == cancel.order_id:
            return row
        if cancel.order_id is None and _same(row.client_order_id, cancel.client_order_id):
            return row
    return None
