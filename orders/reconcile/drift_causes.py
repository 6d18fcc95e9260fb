"""What explains a discrepancy: an act of ours or a known fact that fits the order and the time.

Asked when it is found, in a fixed number of queries. A cancel of which the exchange told, with no
request of ours near, is explained by nothing: neither an outage nor an older copy made it.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from orders.models import (
    Account,
    AgentWallet,
    Alert,
    AlertKind,
    Cancel,
    CancelJob,
    Drift,
    DriftCause,
    Order,
    PanicLine,
    Restore,
)
from orders.reconcile import whole_book_requests

SPAN = timedelta(minutes=1)  # by which the times of a read and of a request may miss each other


class Cause(NamedTuple):
    """What explains a drift. ``at``: when it was sent, found or noticed."""

    kind: DriftCause = DriftCause.NONE
    job: CancelJob | None = None
    at: datetime | None = None


def assign(
    *, account: Account, untold: Sequence[Drift], foreign: Sequence[Drift], now: datetime
) -> None:
    """Write into new drifts what explains each.

    ``untold``: the order is gone and the exchange does not say how; ``foreign``: it was cancelled,
    and not by us.
    """
    suspect = _foreign_wallet(account) if untold or foreign else Cause()
    for drift in foreign:
        _put(drift, suspect)
    if untold:
        causes = _Causes(account, [drift.order for drift in untold])
        for drift in untold:
            _put(drift, causes.of(drift.order, now) or suspect)


class _Causes:
    """What may have ended orders of an account of which the exchange tells nothing."""

    def __init__(self, account: Account, orders: Collection[Order]) -> None:
        since = min(order.last_seen_at for order in orders) - SPAN  # of older ones none fits
        self._cancels = _sent_cancels(account, {order.order_id for order in orders})
        panics = PanicLine.objects.filter(account=account, sent_at__isnull=False)
        panics = panics.exclude(last_sent_at__lt=since)
        self._panics = list(panics.select_related("job").order_by("-sent_at"))
        self._restores = list(Restore.objects.filter(found_at__gte=since).order_by("-found_at"))
        outages = Alert.objects.filter(kind=AlertKind.NOT_FOLLOWED, about=f"account {account.pk}")
        self._outages = list(outages.exclude(over_at__lt=since))

    def of(self, order: Order, now: datetime) -> Cause | None:
        """Return what may have ended this order, the surest first; None where nothing fits."""
        return next(self._fitting(order, now), None)

    def _fitting(self, order: Order, now: datetime) -> Iterator[Cause]:
        since = order.last_seen_at - SPAN  # it was seen open then
        cancel = self._cancels.get(order.order_id)
        if cancel is not None and not cancel.job.is_panic:
            yield Cause(DriftCause.JOB, cancel.job, cancel.job.created_at)
        for line in self._panics:
            scope = whole_book_requests.of_line(line)
            is_meant = scope.covers(order.symbol, order.reduce_only)
            if is_meant and since <= (line.last_sent_at or now):
                yield Cause(DriftCause.PANIC, line.job, line.sent_at)
        for restore in self._restores:
            if since <= restore.found_at:
                yield Cause(DriftCause.RESTORED, None, restore.found_at)
        for outage in self._outages:
            if since <= (outage.over_at or now):
                yield Cause(DriftCause.OUTAGE, None, outage.raised_at)


def _sent_cancels(account: Account, order_ids: Collection[int]) -> dict[int | None, Cancel]:
    """The newest cancel of each order of which a request was sent."""
    sent = Cancel.objects.filter(account=account, order_id__any=set(order_ids))
    sent = sent.filter(first_sent_at__isnull=False).select_related("job").order_by("pk")
    return {cancel.order_id: cancel for cancel in sent}


def _foreign_wallet(account: Account) -> Cause:
    """Suspect an agent wallet that is not ours, where the exchange showed one last."""
    shown = AgentWallet.objects.filter(account=account).showing_others()
    return Cause(DriftCause.FOREIGN_WALLET if shown.exists() else DriftCause.NONE)


def _put(drift: Drift, cause: Cause) -> None:
    drift.cause, drift.cause_job, drift.cause_at = cause.kind, cause.job, cause.at
