"""Record what came back and write what it makes of its cancels, under their own fence.

Every change of a cancel here stands in the same transaction as the record that says why.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import Case, Exists, OuterRef, Q, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from desk import process_figures
from orders.audit import log
from orders.exchange import foreign_answers
from orders.lifecycle import reopen, routes, wakeups
from orders.lifecycle.deliveries import AnyCancel, ClaimedCancel, OutgoingRequest
from orders.lifecycle.interpret import Conclusion, judge, refusal
from orders.lifecycle.order_closure import Closure
from orders.lifecycle.outcome_facts import (
    HALTED,
    answer_fact,
    outcome_facts,
    outcomes,
    stopped_instead,
)
from orders.models import (
    AmountsState,
    Cancel,
    CancelJob,
    CancelStatus,
    Event,
    JobStatus,
    Order,
    OrderState,
    PanicLine,
    Proof,
)
from orders.models.cancel_jobs import CancelJobQuerySet
from orders.models.cancels import AT_REST, LIVE, CancelQuerySet
from orders.models.prepared import MOMENTS, Prepared, PreparedUpdate
from orders.pacifica.quota import Quota, quota
from orders.pacifica.transport import Answer, has_left

logger = logging.getLogger(__name__)
WAITS_S = (0.1, 0.4, 1, 2, 4)  # between tries to keep answers; in all less than a lease


def conclude(packs: list[OutgoingRequest], now: datetime) -> list[tuple[ClaimedCancel, Conclusion]]:
    """Record every answer or its absence, and write what each proves, in one transaction.

    The answers are nowhere but in memory: where the database cannot take them it is asked again.
    Returns the (cancel, conclusion) pairs that were written; a late one writes nothing.
    """
    if not packs:
        return []
    ends = {pack.body: judge(pack, now) for pack in packs}
    for wait_s in WAITS_S:
        try:
            return _conclude(packs, ends, now)
        except OperationalError as error:  # restarted, busy, or the victim of a deadlock
            if connection.in_atomic_block:
                raise
            process_figures.failed(error)
            logger.warning("Answers could not be kept (%s); trying again.", type(error).__name__)
            connection.close()
            time.sleep(wait_s)
    return _conclude(packs, ends, now)


def _conclude(
    packs: list[OutgoingRequest], ends: dict[bytes, list[Conclusion]], now: datetime
) -> list[tuple[ClaimedCancel, Conclusion]]:
    ends = _with_other_routes(packs, ends)
    pairs = _pairs(packs, ends)
    whole = {cancel.pk for cancel, _ in pairs}
    drafts = _drafts(packs, ends, whole, now)  # now, while others may write: mostly all are held
    with transaction.atomic():
        mine = still_held([cancel for cancel, _ in pairs])
        written = [(cancel, end) for cancel, end in pairs if cancel.pk in mine]
        write(written, now, answered_at=now)
        _ask_at_once(written, now)
        if left_of(packs):
            CancelJob.objects.filter(pk=packs[0].cancels[0].job_id).update(idle_since_at=now)
        foreign_answers.tell_first(pairs, now)
        facts = reopen.answered_yes(cancels=_late_yes(pairs, mine), now=now)
        if mine != whole:
            drafts = _drafts(packs, ends, mine, now)
        log.append(*facts, *drafts, *outcomes(stopped_instead(written), now))
    return written


def _ask_at_once(written: list[tuple[ClaimedCancel, Conclusion]], now: datetime) -> None:
    """Have an unknown one looked at now where the stream told of its order's end before this."""
    unknown = [one for one, end in written if end.status == CancelStatus.UNKNOWN]
    if not unknown:
        return
    orders = Order.objects.filter(pk__any={one.known_order_id for one in unknown})
    told = orders.filter(state=OrderState.CLOSED, told_li__isnull=False)
    ids = set(told.values_list("pk", flat=True))
    early = {one.pk for one in unknown if one.known_order_id in ids}
    if early:
        Cancel.objects.filter(pk__any=early).update(next_check_at=now)
        wakeups.settle(account_ids=[unknown[0].account_id], is_urgent=unknown[0].is_urgent)


def _with_other_routes(
    packs: list[OutgoingRequest], ends: dict[bytes, list[Conclusion]]
) -> dict[bytes, list[Conclusion]]:
    """The same, where what its route did not find may go by the other one at once."""
    end_of = {cancel.pk: end for cancel, end in routes.at_once(_pairs(packs, ends))}
    return {pack.body: [end_of[cancel.pk] for cancel in pack.cancels] for pack in packs}


def _drafts(
    packs: list[OutgoingRequest], ends: dict[bytes, list[Conclusion]], mine: set[int], now: datetime
) -> list[log.Draft]:
    """The records of these answers and of what they prove of the cancels that are still ours."""
    facts = [answer_fact(pack, ends[pack.body], mine, now) for pack in packs]
    facts += outcomes([pair for pair in _pairs(packs, ends) if pair[0].pk in mine], now)
    return [log.draft(fact) for fact in facts]


def _pairs(
    packs: list[OutgoingRequest], ends: dict[bytes, list[Conclusion]]
) -> list[tuple[ClaimedCancel, Conclusion]]:
    return [pair for pack in packs for pair in zip(pack.cancels, ends[pack.body], strict=True)]


def _late_yes(pairs: list[tuple[ClaimedCancel, Conclusion]], mine: set[int]) -> list[ClaimedCancel]:
    """Cancels that the exchange accepted after another attempt, or a settler, had taken over."""
    return [
        cancel
        for cancel, end in pairs
        if end.status == CancelStatus.CANCELLED and cancel.pk not in mine
    ]


def left_of(packs: list[OutgoingRequest]) -> int:
    """Count the cancels that left with these requests; the exchange counts no other."""
    return sum(len(pack.cancels) for pack in packs if has_left(pack.result))


def quota_of(packs: list[OutgoingRequest]) -> Quota | None:
    """Find the answer that says the fewest credits are left, or None where none says it."""
    quotas = [quota(pack.result.headers) for pack in packs if isinstance(pack.result, Answer)]
    stated = [
        (one.remaining_credits, one) for one in quotas if one and one.remaining_credits is not None
    ]
    return min(stated, key=itemgetter(0))[1] if stated else None


_held = Prepared(
    lambda token, pks: Cancel.objects.held(token, pks).locked(),
    token=(UUID(int=1), UUID(int=2)),
    pks=({1}, {2}),
)


def still_held(chunk: list[ClaimedCancel]) -> set[int]:
    """Lock the cancels that this very attempt still holds; their ids. A late one writes nothing."""
    return set(_held(token=chunk[0].claim_token, pks={cancel.pk for cancel in chunk}))


def write(
    pairs: Sequence[tuple[AnyCancel, Conclusion]],
    now: datetime,
    **also: int | datetime | Combinable,
) -> None:
    """Write conclusions, one UPDATE for each distinct one, and what follows for orders and jobs.

    The caller holds the rows. ``also``: columns that get the same value in every row.
    """
    groups: dict[Conclusion, list[AnyCancel]] = {}
    for cancel, end in pairs:
        groups.setdefault(end, []).append(cancel)
    _lock_orders(pairs)
    for end, cancels in groups.items():
        is_at_rest = end.status in AT_REST
        values = end.columns() | also | {"concluded_at": now if is_at_rest else None}
        values |= {"claim_token": None, "lease_until": None}
        values["amounts_due_at"] = now if _has_untold_amounts(end) else None
        Cancel.objects.filter(pk__any={cancel.pk for cancel in cancels}).update(**values)
        for cancel in cancels:
            cancel.status = end.status
        _close_orders(cancels, end, now)
    finish_jobs({cancel.job_id for cancel, _ in pairs}, now)


def _lock_orders(pairs: Sequence[tuple[AnyCancel, Conclusion]]) -> None:
    """Lock orders that end, where they are several, in the order of their ids, as syncs do.

    Two senders that locked them in different orders would wait for each other for ever.
    """
    ids = {cancel.known_order_id for cancel, end in pairs if _is_end(end)} - {None}
    if len(ids) > 1 and connection.features.has_select_for_update:
        list(Order.objects.filter(pk__any=ids).locked())


def _is_end(end: Conclusion) -> bool:
    return end.status == CancelStatus.CANCELLED or end.ending is not None


def _has_untold_amounts(end: Conclusion) -> bool:
    """Whether the history must be asked how much had traded: the exchange's yes does not tell."""
    is_told = end.filled_amount and end.cancelled_amount
    return end.status == CancelStatus.CANCELLED and not is_told


def _close_orders(cancels: list[AnyCancel], end: Conclusion, now: datetime) -> None:
    """Close the orders whose cancels proved their end."""
    if not _is_end(end):
        return
    values: dict[str, Any] = {"order_status": "cancelled", "reason": "cancel"}
    is_last_word = Q()
    if end.ending is not None:  # stands above a yes, whose amounts are still to be read
        values, is_last_word = ending_values(end.ending), Q(amounts_state=AmountsState.TOLD)
    if _has_untold_amounts(end):
        values["amounts_state"] = AmountsState.BEING_READ
    orders = Order.objects.filter(pk__any={cancel.known_order_id for cancel in cancels})
    orders.exclude(is_last_word, state=OrderState.CLOSED).update(
        state=OrderState.CLOSED,
        closed_at=Coalesce("closed_at", Value(now)),
        next_lookup_at=None,
        **values,
    )


def ending_values(ending: Closure) -> dict[str, Any]:
    """The order's columns that its ending fills; amounts stay the exchange's text."""
    values: dict[str, Any] = {"order_status": ending.status, "reason": ending.event}
    is_told = ending.filled_amount and ending.cancelled_amount
    values["amounts_state"] = AmountsState.TOLD if is_told else AmountsState.UNTOLD
    for name in ("filled_amount", "cancelled_amount", "average_filled_price"):
        if getattr(ending, name):
            values[name] = getattr(ending, name)
    return values


def _over(pks: set[int]) -> CancelJobQuerySet:
    """Jobs of these that have nothing live."""
    live = Cancel.objects.filter(job=OuterRef("pk"), status__in=LIVE)
    emptying = PanicLine.objects.unfinished().filter(job=OuterRef("pk"))
    return CancelJob.objects.filter(~Exists(live), ~Exists(emptying), pk__any=pks)


_locked = Prepared(
    lambda pks: (
        CancelJob.objects.select_for_update(no_key=True)
        .filter(pk__any=pks)
        .order_by("pk")
        .values_list("pk", "status")
    ),
    pks=({1}, {2}),
)
_finish = PreparedUpdate(
    lambda pks, now: (_over(pks), {"status": JobStatus.DONE, "done_at": now}),
    pks=({1}, {2}),
    now=MOMENTS,
)


def lock_jobs_of(cancels: CancelQuerySet) -> list[int]:
    """Lock the jobs of these unsent cancels before the cancels; return the ids.

    Somebody who stops a job does so too: in another order both would wait for ever.
    """
    jobs = CancelJob.objects.filter(pk__in=cancels.order_by().values("job_id")).order_by("pk")
    return list(jobs.select_for_update(no_key=True).values_list("pk", flat=True))


def finish_jobs(job_ids: set[int], now: datetime) -> None:
    """Mark jobs done that have nothing live; stop what a stopped job queued again.

    Their rows are locked first: of two chunks that end together, the later sees the other's end.
    """
    status_of = dict(_locked(pks=job_ids))
    if stopping := {pk for pk, status in status_of.items() if status == JobStatus.STOPPING}:
        queued = Cancel.objects.filter(job__in=stopping, status=CancelStatus.QUEUED)
        halt(queued, now)
        _over(stopping).update(status=JobStatus.STOPPED)
    if running := {pk for pk, status in status_of.items() if status == JobStatus.RUNNING}:
        _finish(pks=running, now=now)


HALTED_UNANSWERED = "Its job was stopped. An earlier request had no answer: it may have acted."


def halt(queued: CancelQuerySet, now: datetime) -> int:
    """Stop these unsent cancels; how many. What was last said of each may promise a request."""
    unanswered = When(has_unanswered=True, then=Value(HALTED_UNANSWERED))
    return queued.update(
        status=CancelStatus.STOPPED,
        concluded_at=now,
        claim_token=None,
        lease_until=None,
        explanation=Case(unanswered, default=Value(HALTED)),
    )


def refuse_unsent(
    chunk: list[ClaimedCancel], why: str, now: datetime, event: Event = Event.NOT_SENT
) -> None:
    """Conclude cancels that may not be sent at all; the reason is recorded and shown."""
    with transaction.atomic():
        _locked(pks={cancel.job_id for cancel in chunk})  # first, as who stops a job does
        mine = still_held(chunk)
        ends = [(cancel, refusal(cancel, Proof.NONE, why[:400], now)) for cancel in chunk]
        pairs = [(cancel, end) for cancel, end in ends if cancel.pk in mine]
        if not pairs:
            return
        write(pairs, now)
        why_fact = log.Fact(
            event=event,
            actor=log.actor_of(chunk[0].job),
            at=now,
            account=chunk[0].account,
            job=chunk[0].job,
            data={"why": why},
            lines=tuple(log.line_of(cancel) for cancel, _ in pairs),
        )
        log.append(why_fact, *outcome_facts(pairs, now))
