"""Drift: where the exchange's book and ours had come apart, listed until somebody has looked.

Found by a sync, in its transaction. An order that filled ended as orders do: that is no drift.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from orders.access.denials import refuse
from orders.audit import log
from orders.exchange import clock as exchange_clock
from orders.lifecycle.order_closure import Closure
from orders.models import (
    Account,
    Cancel,
    Drift,
    DriftCause,
    DriftKind,
    Event,
    Order,
    Restore,
    Right,
)
from orders.models.clocks import is_ahead
from orders.reconcile import drift_causes, whole_book_requests
from orders.reconcile.closures import FILLS, OURS
from orders.reconcile.diff import Changes

if TYPE_CHECKING:
    from orders.models.desks import Person


Group = tuple[Account, str, int | None]  # with what explains it and the job that did
SPAN = timedelta(minutes=1)  # in which a request of ours for a whole book can have ended an order
NO_DRIFT = "There is no such discrepancy to acknowledge on your desks."


def note(*, account: Account, changes: Changes, now: datetime) -> None:
    """Keep the drifts of one sync; one that is listed already is not listed twice."""
    reappeared = [_drift(DriftKind.REAPPEARED, order, now) for order, _ in changes.reopened]
    untold = [_drift(DriftKind.GONE, each, now, _unended(each)) for each in changes.unexplained]
    closed = list(_closings(account, changes, now))
    foreign = [drift for drift in closed if drift.kind == DriftKind.FOREIGN_CANCEL]
    drift_causes.assign(account=account, untold=untold, foreign=foreign, now=now)
    drifts = [*reappeared, *untold, *closed]
    for drift in drifts:
        drift.account = account
    Drift.objects.bulk_create(drifts, ignore_conflicts=True)


def explain(*, account: Account, order_ids: Collection[int]) -> None:
    """Take from the list what an edit explains, as it shows now: no other hand cancelled these."""
    if order_ids:
        listed = Drift.objects.filter(account=account, acknowledged_at=None)
        listed = listed.filter(order__order_id__any=set(order_ids), kind=DriftKind.FOREIGN_CANCEL)
        listed.delete()


def acknowledge(
    *,
    user: "Person",
    actor: log.Actor,
    drift_ids: list[int],
    clock: Callable[[], datetime] = timezone.now,
) -> int:
    """Record that somebody has looked at these; how many were still open and theirs to see.

    Raises `NotAllowed` where there is none such on a desk where the person may cancel.
    """
    named = Q(pk__in=drift_ids)
    return _acknowledge(user, actor, named, _several(len(drift_ids)), clock)


def acknowledge_groups(
    *,
    user: "Person",
    actor: log.Actor,
    newest_ids: list[int],
    clock: Callable[[], datetime] = timezone.now,
) -> int:
    """Record that somebody has looked at whole groups, each named by the newest that they saw.

    What was found after it stays. Returns and raises as `acknowledge` does.
    """
    newest = list(Drift.objects.filter(pk__in=newest_ids))
    named = Q(pk__in=[])
    for drift in newest:
        named |= Q(pk__lte=drift.pk, **drift.group)
    groups = "a group of discrepancies" if len(newest_ids) == 1 else "groups of discrepancies"
    return _acknowledge(user, actor, named, groups, clock)


def _acknowledge(
    user: "Person", actor: log.Actor, named: Q, what: str, clock: Callable[[], datetime]
) -> int:
    theirs = Drift.objects.open().filter(named).allowing(user, Right.CANCEL)
    if not theirs.exists():
        refuse(actor=actor, what=f"acknowledge {what}", said=NO_DRIFT)
    with transaction.atomic():
        locked = theirs.select_for_update(of=("self",), no_key=True)
        drifts = list(locked.select_related("account__desk", "order").order_by("pk"))
        moment = clock()
        Drift.objects.filter(pk__any={drift.pk for drift in drifts}).update(
            acknowledged_at=moment, acknowledged_by=user
        )
        by_group: dict[Group, list[Drift]] = {}
        for drift in drifts:
            by_group.setdefault((drift.account, drift.cause, drift.cause_job_id), []).append(drift)
        log.append(*(_fact(actor, group, some, moment) for group, some in by_group.items()))
    return len(drifts)


def _closings(account: Account, changes: Changes, now: datetime) -> Iterator[Drift]:
    edited = {order.replaces_order_id for order, _ in changes.new}
    if changes.closed:  # told of later than what stands in their place
        standing = account.orders.not_closed().exclude(replaces_order_id=None)
        edited |= set(standing.values_list("replaces_order_id", flat=True))
    ended = [
        (order, ending)
        for order, ending in changes.closed
        if ending.status not in FILLS and order.order_id not in edited
    ]
    ours = _ours(account, ended) | _lost(ended)
    for order, ending in ended:
        if ending.event not in OURS or ending.status != "cancelled":
            detail = ", ".join(filter(None, [ending.status, ending.event]))
            yield _drift(DriftKind.GONE, order, now, detail)
        elif order.order_id not in ours:
            yield _drift(DriftKind.FOREIGN_CANCEL, order, now)


def _lost(ended: list[tuple[Order, Closure]]) -> set[int]:
    """Order ids among these a request of ours for which may be lost with a restored copy."""
    if not ended or not Restore.objects.exists():
        return set()
    offset = exchange_clock.offset(timezone.now())
    return {
        order.order_id
        for order, ending in ended
        if ending.at is not None and Restore.objects.may_hide(ending.at - offset)
    }


def _ours(account: Account, ended: list[tuple[Order, Closure]]) -> set[int]:
    """Order ids among these for which a request of ours was sent, alone or for a whole book."""
    if not ended:
        return set()
    ids = [order.order_id for order, _ in ended]
    sent = Cancel.objects.filter(account=account, order_id__in=ids, first_sent_at__isnull=False)
    ours = {pk for pk in sent.values_list("order_id", flat=True) if pk is not None}
    offsets = {timedelta(0), exchange_clock.offset(timezone.now())}
    times = [ending.at for _, ending in ended if ending.at is not None]
    since = (min(times) if times else timezone.now()) - max(offsets) - SPAN
    asked = list(whole_book_requests.sent_since(account, since))
    return ours | {
        order.order_id
        for order, ending in ended
        for each in asked
        if each.scope.covers(order.symbol, order.reduce_only)
        and _may_have_ended(ending, each.at, offsets)
    }


def _may_have_ended(ending: Closure, asked_at: datetime, offsets: set[timedelta]) -> bool:
    """Whether a request for the whole book fits this end by either reading of the clocks."""
    if ending.at is None or is_ahead(asked_at, timezone.now()):  # ours was set back since
        return True
    return any(abs(ending.at - by - asked_at) <= SPAN for by in offsets)


SAID = {
    DriftKind.GONE: "We believed it open; it is no longer listed.",
    DriftKind.REAPPEARED: "We believed it closed; the exchange lists it as open.",
    DriftKind.FOREIGN_CANCEL: "It was cancelled, and no request of ours was sent for it.",
}


def _unended(order: Order) -> str:
    """What the exchange calls an order that is not listed and has not ended."""
    return "" if order.order_status in {"", "open"} else order.order_status


def _drift(kind: DriftKind, order: Order, now: datetime, detail: str = "") -> Drift:
    said = f"{SAID[kind]} The exchange says: {detail}." if detail else SAID[kind]
    return Drift(order=order, kind=kind, said=said[:300], seen_at=now)


def _fact(actor: log.Actor, group: Group, drifts: list[Drift], now: datetime) -> log.Fact:
    account, cause, job_id = group
    is_known = cause != DriftCause.NONE
    return log.Fact(
        event=Event.DRIFT_ACKNOWLEDGED,
        actor=actor,
        at=now,
        account=account,
        data={"count": len(drifts)}
        | ({"cause": cause} if is_known else {})
        | ({"cause_job": job_id} if job_id else {}),
        lines=tuple(
            log.OrderLine(
                account_id=account.pk,
                symbol=drift.order.symbol,
                order_id=drift.order.order_id,
                client_order_id=drift.order.client_order_id,
                outcome=drift.kind,
            )
            for drift in drifts
        ),
    )


def _several(count: int) -> str:
    return "1 discrepancy" if count == 1 else f"{count} discrepancies"
