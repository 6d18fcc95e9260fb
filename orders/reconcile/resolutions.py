"""Write what a round of asking made of its cancels, with the reads that show it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.expressions import Combinable
from django.db.models.functions import Greatest

from orders.audit import log
from orders.exchange import reader
from orders.lifecycle import transitions, wakeups
from orders.lifecycle.interpret import Conclusion
from orders.lifecycle.order_closure import Closure
from orders.lifecycle.outcome_facts import outcome_facts
from orders.models import Cancel, CancelStatus, PanicLine, Restore
from orders.reconcile import check_leases, closures, whole_book_requests
from orders.reconcile.findings import Findings
from orders.reconcile.read_coverage import ReadCoverage

LATEST_PANICS = 10  # of an account, of which one may have closed the order


def record_all(
    ends: list[tuple[Cancel, Conclusion]],
    found: Findings,
    now: datetime,
    *,
    hold: Callable[[list[Cancel]], None],
    at_once: int,
) -> None:
    """Write them by and by, those together that one page shows.

    ``hold``: called with the cancels that are still to come, so that nobody else takes them.
    ``at_once``: how many conclusions are written together.
    """
    ends = with_known_hands(ends, found.offset)
    shown = ReadCoverage(found)
    ends = sorted(ends, key=lambda pair: shown.page_of(pair[0]))
    for first in range(0, len(ends), at_once):
        if first:
            hold([cancel for cancel, _ in ends[first:]])
        record(ends[first : first + at_once], found, now, shown)


def record(
    ends: list[tuple[Cancel, Conclusion]], found: Findings, now: datetime, shown: ReadCoverage
) -> None:
    """Write what is still ours to write, with the reads that show it, in one transaction."""
    checks: Combinable = F("checks") + 1
    if found.book is None:  # the pace and the depth are those of looks that showed something
        checks = Greatest(F("checks"), 1)
    with transaction.atomic():
        mine = check_leases.still_taken([cancel for cancel, _ in ends])
        ends = [(cancel, end) for cancel, end in ends if cancel.pk in mine]
        if not ends:
            return
        transitions.write(ends, now, checks=checks)
        settled = [(c, end) for c, end in ends if end.status != mine[c.pk]]
        facts = _read_facts(settled, found, now, shown) if settled else []
        log.append(*facts, *outcome_facts(settled, now))
        _wake(ends)


def _wake(ends: list[tuple[Cancel, Conclusion]]) -> None:
    """Have sent what is queued again, and the bulk that waited for a first look at the rest."""
    wakeups.deliver_again([cancel for cancel, end in ends if end.status == CancelStatus.QUEUED])
    if any(cancel.checks == 1 for cancel, _ in ends):
        wakeups.deliver(account_ids=[ends[0][0].account_id], is_urgent=False)


def wake_bulk(ends: list[tuple[Cancel, Conclusion]]) -> None:
    """Have bulk sent that waited for a first look at these questions."""
    wakeups.deliver(account_ids=[ends[0][0].account_id], is_urgent=False)


def with_known_hands(
    ends: list[tuple[Cancel, Conclusion]], offset: timedelta
) -> list[tuple[Cancel, Conclusion]]:
    """Say so where another cancel of ours closed the order, or one that may be lost."""
    return _without_strangers(_with_our_others(ends, offset), offset)


def _with_our_others(
    ends: list[tuple[Cancel, Conclusion]], offset: timedelta
) -> list[tuple[Cancel, Conclusion]]:
    """Where another cancel of our own closed the order, or a panic, it was not *someone else*."""
    foreign: dict[int | None, tuple[int, Closure]] = {
        cancel.order_id: (cancel.pk, end.ending)
        for cancel, end in ends
        if cancel.order_id and end.ending is not None and _is_somebodys(end)
    }
    if not foreign:
        return ends
    account_id = ends[0][0].account_id
    others = Cancel.objects.filter(
        account=account_id, order_id__any=set(foreign), first_sent_at__isnull=False
    ).exclude(pk__any={pk for pk, _ in foreign.values()})
    jobs: dict[int | None, int] = {}
    for other in others.order_by("-pk"):
        _, ending = foreign[other.order_id]
        if closures.is_since(ending.at, other, offset) is not False:
            jobs[other.order_id] = other.job_id
    panics = PanicLine.objects.filter(account=account_id, cancelled_count__gt=0)
    lines = list(panics.order_by("-pk")[:LATEST_PANICS])
    return [
        (cancel, _by_job(end, jobs.get(cancel.order_id) or _panic_of(cancel, end, lines, offset)))
        for cancel, end in ends
    ]


def _panic_of(
    cancel: Cancel, end: Conclusion, lines: list[PanicLine], offset: timedelta
) -> int | None:
    """The panic whose cancel-all, which was accepted, closed this order; the latest that fits."""
    at = end.ending.at if end.ending is not None else None
    if at is None or not _is_somebodys(end):
        return None
    reduce_only = cancel.known_order.reduce_only if cancel.known_order else None
    for line in lines:
        if not line.sent_at or not line.answered_at:
            continue
        began_at, over_at = (moment + offset for moment in (line.sent_at, line.answered_at))
        is_then = began_at - closures.CLOCK_SLACK <= at <= over_at + closures.CLOCK_SLACK
        scope = whole_book_requests.of_line(line)
        if is_then and scope.covers(cancel.symbol, reduce_only):
            return line.job_id
    return None


def _without_strangers(
    ends: list[tuple[Cancel, Conclusion]], offset: timedelta
) -> list[tuple[Cancel, Conclusion]]:
    """Where what closed an order may have been ours, and is lost with a copy put back."""
    return [(cancel, _hidden(end, offset)) for cancel, end in ends]


def _hidden(end: Conclusion, offset: timedelta) -> Conclusion:
    at = end.ending.at if end.ending is not None and _is_somebodys(end) else None
    if at is None or not Restore.objects.may_hide(at - offset):
        return end
    is_after = end.explanation == closures.AFTER_OURS
    return replace(end, explanation=closures.PUT_BACK if is_after else closures.BEFORE_A_RESTORE)


def _is_somebodys(end: Conclusion) -> bool:
    return end.explanation in closures.STRANGERS


def _by_job(end: Conclusion, job_id: int | None) -> Conclusion:
    if job_id is None or not _is_somebodys(end):
        return end
    when = "after" if end.explanation == closures.AFTER_OURS else "before"
    return replace(end, explanation=f"Cancelled {when} this request, by our own job {job_id}.")


def _read_facts(
    settled: list[tuple[Cancel, Conclusion]], found: Findings, now: datetime, shown: ReadCoverage
) -> Iterator[log.Fact]:
    """A record for each read that settled some of these orders, naming those."""
    first = settled[0][0]
    for each in found.readings:
        told = [pair for pair in settled if shown.tells_of(each, pair[0])]
        lines = [
            log.line_of(cancel, outcome=end.status, data=shown.kept_row(each, cancel))
            for cancel, end in told
        ]
        if told:
            yield reader.fact_of(
                each,
                actor=log.actor_of(first.job),
                account=first.account,
                job=first.job,
                at=now,
                lines=lines,
            )
