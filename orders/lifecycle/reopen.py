"""Take cancels that came to rest back to unknown where later evidence speaks against them.

Only a record does that: the reopening stands in the transaction that records what was seen.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q

from orders.audit import log
from orders.lifecycle.deliveries import AnyCancel
from orders.models import (
    Account,
    Cancel,
    CancelJob,
    CancelKind,
    CancelStatus,
    Event,
    JobStatus,
    Order,
    OrderState,
    Proof,
)
from orders.models.cancel_jobs import CancelJobQuerySet
from orders.models.cancels import LIVE, OPEN_QUESTIONS, READ_LAG, CancelQuerySet
from orders.models.clocks import has_come

SAID_NOT_OPEN = [
    CancelStatus.CANCELLED.value,
    CancelStatus.FILLED.value,
    CancelStatus.GONE.value,
    CancelStatus.NOT_FOUND.value,
]
SAID_NOT_OURS = [
    CancelStatus.GONE.value,
    CancelStatus.NOT_FOUND.value,
    CancelStatus.REFUSED.value,
]


def seen_open(*, account: Account, started_at: datetime, now: datetime) -> list[log.Fact]:
    """Reopen what was said to be over though the book just read lists it; the records of it.

    Call it after the book is written: our open orders are then what it listed.
    """
    listed = Order.objects.filter(account=account, state=OrderState.OPEN, last_seen_at=started_at)
    pks = _said_not_open(account, set(listed.values_list("order_id", flat=True)))
    if not pks:
        return []
    before = has_come("concluded_at", started_at - READ_LAG, READ_LAG)
    of_orders = _resting(account).exclude(kind=CancelKind.TWAP)  # they are in another book
    against = of_orders.filter(before, pk__any=pks, status__in=SAID_NOT_OPEN)
    said = "Said to be {}, and yet listed among the open orders: asked again."
    facts = _reopen(list(against), said, Proof.BOOK, now)
    if facts:
        ids = {line.order_id for fact in facts for line in fact.lines}
        listed.filter(order_id__any=ids).update(has_contradiction=True)
    return facts


def _said_not_open(account: Account, order_ids: set[int]) -> set[int]:
    """Ids of the account's cancels of these orders that ended so. Asked by order ids alone: SQLite
    would otherwise walk through all that the account ever cancelled, at every sync."""
    named = Cancel.objects.filter(order_id__any=order_ids).order_by()
    rows = named.values_list("pk", "account_id", "status")
    return {
        pk
        for pk, account_id, status in rows
        if account_id == account.pk and status in SAID_NOT_OPEN
    }


def seen_filled(
    *,
    account: Account,
    order_ids: Collection[int],
    now: datetime,
    cancel_ids: Collection[int] = (),
    proof: Proof = Proof.HISTORY,
) -> list[log.Fact]:
    """Reopen what was said to be cancelled though the history says that it filled.

    ``cancel_ids``: of cancels that name their order by its client order id alone. ``proof``: who
    says so, the history or the stream.
    """
    if not order_ids and not cancel_ids:
        return []
    named = Q(order_id__any=set(order_ids)) | Q(pk__any=set(cancel_ids))
    against = _resting(account).filter(named, status=CancelStatus.CANCELLED)
    teller = "stream" if proof == Proof.STREAM else "history"
    said = f"Said to be {{}}, and yet the {teller} says that it filled: asked again."
    facts = _reopen(list(against), said, proof, now)
    if facts:
        ids = {line.order_id for fact in facts for line in fact.lines} - {None}
        Order.objects.filter(account=account, order_id__any=ids).update(has_contradiction=True)
    return facts


def seen_edited(
    *, account: Account, cancel_ids: Collection[int], order_id: int, now: datetime
) -> list[log.Fact]:
    """Reopen what the stream alone said to be cancelled though an edit may have done it.

    ``order_id``: of the order that was made at the moment at which theirs closed.
    """
    alone = _resting(account).filter(pk__any=set(cancel_ids), status=CancelStatus.CANCELLED)
    said = f"Said to be {{}}, and yet order {order_id} was made at that moment: asked again."
    return _reopen(list(alone.filter(proof=Proof.STREAM)), said, Proof.STREAM, now)


def answered_yes(*, cancels: Iterable[AnyCancel], now: datetime) -> list[log.Fact]:
    """Reopen what ended without a cancel of ours though the exchange says yes, late, to one.

    What the history says of an order that filled stands above an answer. Call it before anything
    is appended to the log.
    """
    ids = [cancel.pk for cancel in cancels]
    if not ids:
        return []
    resting = Cancel.objects.filter(pk__in=ids, status__in=SAID_NOT_OURS).order_by("pk")
    rows = resting.select_for_update(of=("self",), no_key=True).select_related(
        "account__desk", "job__desk"
    )
    said = "Said to be {}, and yet the exchange accepted the cancel, as a late answer says."
    facts = _reopen(list(rows), said, Proof.ANSWER, now)
    Cancel.objects.filter(pk__in=ids, status__in=OPEN_QUESTIONS).update(was_taken=True)
    return facts


def _resting(account: Account) -> CancelQuerySet:
    cancels = Cancel.objects.filter(account=account).order_by("pk")
    return cancels.select_for_update(of=("self",), no_key=True).select_related(
        "account__desk", "job__desk"
    )


def _reopen(cancels: list[Cancel], said: str, proof: Proof, now: datetime) -> list[log.Fact]:
    """Ask again about the newest cancel of each order; a record for each job."""
    cancels = sorted(cancels, key=lambda cancel: -cancel.pk)
    newest: dict[int | str | None, Cancel] = {}
    for cancel in cancels:
        newest.setdefault(cancel.order_id or cancel.client_order_id, cancel)
    pks = {cancel.pk for cancel in cancels}
    Cancel.objects.filter(pk__any=pks).update(has_contradiction=True)
    by_job: dict[CancelJob, list[tuple[Cancel, str]]] = {}
    for cancel in cancels:
        was = cancel.get_status_display().lower()
        is_newest = newest[cancel.order_id or cancel.client_order_id] is cancel
        is_reopened = is_newest and _back_to_unknown(cancel, said.format(was), proof, now)
        if is_reopened or not cancel.has_contradiction:
            by_job.setdefault(cancel.job, []).append((cancel, was))
    return [_fact(job, pairs, now) for job, pairs in by_job.items()]


def _back_to_unknown(cancel: Cancel, said: str, proof: Proof, now: datetime) -> bool:
    """Take this very conclusion back; whether that was done.

    An order that has a live cancel keeps its conclusion: the order is asked about already.
    """
    same_order = Q(order_id=cancel.order_id) if cancel.order_id else Q()
    if cancel.client_order_id:
        same_order |= Q(client_order_id=cancel.client_order_id)
    if Cancel.objects.filter(same_order, account=cancel.account_id, status__in=LIVE).exists():
        return False
    same = Cancel.objects.filter(
        pk=cancel.pk, status=cancel.status, concluded_at=cancel.concluded_at
    )
    values: dict[str, Any] = {"status": CancelStatus.UNKNOWN, "proof": proof, "explanation": said}
    values |= {
        "next_check_at": now,
        "checks": 0,
        "repeats": 0,
        "was_refused": False,
        "concluded_at": None,
        "amounts_due_at": None,
    }
    if not same.update(**values):
        return False
    _take_up(CancelJob.objects.filter(pk=cancel.job_id))
    return True


def _take_up(job: CancelJobQuerySet) -> None:
    """Have a job followed again that was over; a stopped one still sends nothing."""
    job.filter(status=JobStatus.DONE).update(status=JobStatus.RUNNING, done_at=None)
    job.filter(status=JobStatus.STOPPED).update(status=JobStatus.STOPPING)


def _fact(job: CancelJob, pairs: list[tuple[Cancel, str]], now: datetime) -> log.Fact:
    """Record what was reopened of a job: (cancel, what had been said of it) pairs."""
    first = pairs[0][0]
    return log.Fact(
        event=Event.CONTRADICTION,
        actor=log.actor_of(job),
        at=now,
        account=first.account,
        job=job,
        data={"said": sorted({was for _, was in pairs}), "count": len(pairs)},
        lines=tuple(log.line_of(cancel, outcome="reopened") for cancel, _ in pairs),
    )
