"""Turn unknown into proven: ask the book, then the history.

Evidence decides, never time alone. An event in the history concludes at once; absence must last
thirty seconds, because the exchange's reads can lag behind its writes; and an order still in the
book concludes nothing while an unanswered request could yet act on it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from django.utils import timezone

from orders.exchange import clock as exchange_clock
from orders.lifecycle import restored_copy
from orders.lifecycle.interpret import Conclusion
from orders.models import Account, Cancel, CancelKind
from orders.reconcile import (
    check_leases,
    findings,
    history_lookup,
    read_evidence,
    resolutions,
    stream_conclusions,
    stream_health,
)
from orders.reconcile.conclusions import conclusion_from


@dataclass(frozen=True)
class Limits:
    """How much one round reads and writes."""

    history: history_lookup.Limits = history_lookup.LIMITS
    at_once: int = 1000  # conclusions written together: an urgent cancel waits for no more


LIMITS = Limits()


def settle_account(
    *,
    account_id: int,
    clock: Callable[[], datetime] = timezone.now,
    limits: Limits = LIMITS,
    is_streamed: Callable[[int, datetime], bool] = stream_health.is_healthy,
) -> int:
    """Look at the account's open questions that are due; how many were looked at.

    What the stream told already is concluded without a read, and while it is healthy, what it may
    tell any moment is not asked for yet. ``is_streamed``: whether it is, by account id and time.
    """
    now = clock()
    restored_copy.is_behind(now)  # if so, what waited in an older copy is a person's question
    stream_conclusions.conclude_from_log(
        account_id=account_id, now=now, offset=exchange_clock.offset(now)
    )
    if is_streamed(account_id, now):
        check_leases.leave_to_stream(account_id=account_id, now=now)
    looked_at = 0
    for is_twap in (False, True):
        cancels = check_leases.lease_due(account_id=account_id, now=clock(), is_twap=is_twap)
        if cancels:
            gather = read_evidence.gather_twaps if is_twap else read_evidence.gather
            _settle(cancels, gather, clock, limits)
            looked_at += len(cancels)
    return looked_at


class Gather(Protocol):
    """Asks about cancels: `read_evidence.gather`, or `read_evidence.gather_twaps`."""

    def __call__(
        self,
        cancels: list[Cancel],
        *,
        clock: Callable[[], datetime],
        offset: timedelta,
        before: Callable[[], object],
        limits: history_lookup.Limits,
    ) -> findings.Findings: ...


def _settle(
    cancels: list[Cancel], gather: Gather, clock: Callable[[], datetime], limits: Limits
) -> None:
    offset = exchange_clock.offset(clock())
    found = gather(
        cancels,
        clock=clock,
        offset=offset,
        before=lambda: check_leases.hold(cancels, clock()),
        limits=limits.history,
    )
    moment = clock()
    exchange_clock.measure(results=[each.result for each in found.readings], now=moment)
    found.offset = exchange_clock.offset(moment)  # as these very answers show it
    ends = [
        (cancel, _remembering(cancel, conclusion_from(cancel, found, moment))) for cancel in cancels
    ]
    _have_remembered(cancels, found)
    resolutions.record_all(
        ends,
        found,
        moment,
        hold=lambda rest: check_leases.hold(rest, clock()),
        at_once=limits.at_once,
    )


def _have_remembered(cancels: list[Cancel], found: findings.Findings) -> None:
    """Have a sync keep that the book lists an order never seen here. None knows of TWAPs."""
    orders = [c for c in cancels if found.book and c.kind != CancelKind.TWAP]
    if any(found.row_of(c) and not found.is_ours(c) for c in orders):
        Account.objects.filter(pk=orders[0].account_id).update(sync_started_at=None)  # due at once


def _remembering(cancel: Cancel, end: Conclusion) -> Conclusion:
    """While a refused one is asked about, what the exchange said of it stays in sight."""
    is_open = cancel.was_refused and end.status == cancel.status
    return replace(end, explanation=cancel.explanation) if is_open else end
