"""Turn unknown into proven: ask the book, then the history.

Evidence decides, never time alone. An event in the history concludes at once; absence must last
thirty seconds, because the exchange's reads can lag behind its writes; and an order still in the
book concludes nothing while an unanswered request could yet act on it.
"""

from dataclasses import replace
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils.timezone import now as clock

from orders import audit, clocking, concluding, endings, evidence, reading, routes, taking, waking
from orders.judging import Conclusion
from orders.lagging import READ_LAG, by_now, caught_up_at, dead_at
from orders.models import Account, Cancel, CancelKind, CancelStatus, Proof
from orders.models.cancels import LIVE

MOST_ATTEMPTS = 5
MOST_CHECKS = 40  # after as many the history was read as deep as it ever is
SLOWEST = 12  # checks after which the pace no longer slows
UNREADABLE_S = 5  # the slowest pace while the exchange cannot be read
NEEDS_YOU = "needs an operator"


def settle_account(*, account_id, now=clock) -> int:
    """Look at the account's open questions that are due; how many were looked at."""
    looked_at = 0
    for is_twap in (False, True):
        cancels = taking.take_due(account_id=account_id, now=now(), is_twap=is_twap)
        if cancels:
            _settle(cancels, evidence.gather_twaps if is_twap else evidence.gather, now)
            looked_at += len(cancels)
    return looked_at


def _settle(cancels, gather, now):
    offset = clocking.offset(now())
    found = gather(cancels, now=now, offset=offset, before=lambda: taking.hold(cancels, now()))
    moment = now()
    clocking.measure(results=[each.result for each in found.readings], now=moment)
    found.offset = clocking.offset(moment)  # as these very answers show it
    ends = [(cancel, _remembering(cancel, weigh(cancel, found, moment))) for cancel in cancels]
    _have_remembered(cancels, found)
    record(_with_our_others(ends, found.offset), found, moment)


def _have_remembered(cancels, found):
    """Have a sync keep that the book lists an order never seen here. None knows of TWAPs."""
    orders = [c for c in cancels if found.book and c.kind != CancelKind.TWAP]
    if any(found.row_of(c) and not found.is_ours(c) for c in orders):
        Account.objects.filter(pk=orders[0].account_id).update(sync_started_at=None)  # due at once


def weigh(cancel, found, now) -> Conclusion:
    """What the evidence makes of one cancel."""
    if found.book is None:
        why = found.readings[-1].why
        said = f"Not known whether it is gone: the exchange could not be asked ({why})."
        return keep_asking(cancel, now, said, slowest_s=UNREADABLE_S)
    row = found.row_of(cancel)
    if row is not None:
        return _still_open(cancel, row, found, now)
    past = found.past_of(cancel)
    if past is not None and past.ending is not None:
        return _ended(cancel, past, found)
    if cancel.was_accepted:
        said = "The exchange accepted the cancel, and the order is no longer open."
        return Conclusion(CancelStatus.CANCELLED, Proof.BOOK, said)
    if past is not None:
        return _vanished(cancel, found, now)
    if cancel.order_id in found.unowned:
        return _unowned(cancel, found, now)
    if found.is_unknown(cancel):
        return _absent(cancel, found, now)
    if cancel.order_id is None and not cancel.has_unanswered and found.pasts:
        return _unnamed(cancel, found, now)
    return keep_asking(
        cancel,
        now,
        "Not in the open orders; its history could not be read yet.",
        absent_since_at=by_now(cancel.absent_since_at, now) or found.asked_at,
    )


def _remembering(cancel, end):
    """While a refused one is asked about, what the exchange said of it stays in sight."""
    is_open = cancel.was_refused and end.status == cancel.status
    return replace(end, explanation=cancel.explanation) if is_open else end


def keep_asking(
    cancel, now, explanation, *, absent_since_at=None, until=None, slowest_s=30
) -> Conclusion:
    """The question stays open; it is looked at again, ever more slowly, up to every 30 s.

    ``until``: when waiting will tell more; it is looked at then, if not before.
    """
    next_check_at = now + timedelta(seconds=min(slowest_s, 1.5 ** min(cancel.checks, SLOWEST)))
    if until is not None and until > now:
        next_check_at = min(next_check_at, until)
    return Conclusion(
        cancel.status,
        cancel.proof,
        explanation[:400],
        next_check_at=next_check_at,
        absent_since_at=absent_since_at,
    )


def record(ends, found, now):
    """Write what is still ours to write, with the reads that show it, in one transaction."""
    with transaction.atomic():
        mine = taking.still_taken([cancel for cancel, _ in ends])
        ends = [(cancel, end) for cancel, end in ends if cancel.pk in mine]
        if not ends:
            return
        concluding.write(ends, now, checks=F("checks") + 1)
        settled = [(c, end) for c, end in ends if end.status != mine[c.pk]]
        facts = _read_facts(settled, found, now) if settled else []
        audit.append(*facts, *concluding.outcome_facts(settled, now))
        _wake(ends)


def _wake(ends):
    """Have sent what is queued again, and the bulk that waited for a first look at the rest."""
    waking.deliver_again([cancel for cancel, end in ends if end.status == CancelStatus.QUEUED])
    if any(cancel.checks == 1 for cancel, _ in ends):
        waking.deliver(account_ids=[ends[0][0].account_id], is_urgent=False)


def _still_open(cancel, row, found, now):
    """Listed as open. Once no earlier request can act, that attempt is dead: a fresh one."""
    why = endings.cannot_act_on(cancel, row)
    if why:
        return Conclusion(CancelStatus.REFUSED, Proof.BOOK, why)
    is_doubtful = found.is_doubtful(cancel, row)
    until = dead_at(cancel, found.offset, now, is_doubtful=is_doubtful)
    is_due = not is_doubtful and routes.is_due(cancel, row)
    if found.asked_at < until and not is_due:
        said = "Still in the open orders; our request may yet act on it."
        since = by_now(cancel.absent_since_at, now) or found.asked_at if is_doubtful else None
        return keep_asking(cancel, now, said, until=until, absent_since_at=since)
    if cancel.was_refused:
        return Conclusion(CancelStatus.REFUSED, Proof.ANSWER, cancel.explanation)
    if _another_holds(cancel, row.order_id):
        return keep_asking(cancel, now, "Another cancel of the same order is on its way.")
    if cancel.repeats + 1 >= MOST_ATTEMPTS:
        cancel.checks = max(cancel.checks, SLOWEST)
        return keep_asking(cancel, now, f"Still open after {cancel.attempt} attempts: {NEEDS_YOU}.")
    said = f"Still open, and attempt {cancel.attempt} can no longer act: sending a fresh one."
    return Conclusion(
        CancelStatus.QUEUED,
        Proof.BOOK,
        said,
        not_before_at=now + timedelta(seconds=2**cancel.repeats - 1),
        resolved_order_id=row.order_id,
        repeats=cancel.repeats + 1,
        kind=routes.next_kind(cancel, row),
    )


def _another_holds(cancel, order_id):
    """Whether another live cancel already names the order id that this one resolved to."""
    others = Cancel.objects.filter(account=cancel.account_id, order_id=order_id, status__in=LIVE)
    return others.exclude(pk=cancel.pk).exists()


def _ended(cancel, past, found):
    """The history says how it ended. A cancel event since our first byte can be our own."""
    if past.symbol != cancel.symbol:
        said = f"That order was on {past.symbol}, not {cancel.symbol}, and has closed."
        return replace(endings.conclusion(cancel, past.ending), explanation=said, status=GONE)
    end = endings.conclusion(cancel, past.ending, offset=found.offset)
    row = found.edited_into(cancel, past) if past.ending.status == "cancelled" else None
    if row is None:
        return end
    said = f"Edited before our cancel could act: it lives on as order {row.order_id}."
    return replace(end, status=GONE, explanation=said)


GONE = CancelStatus.GONE


def _vanished(cancel, found, now):
    """Not open any more, and the history has yet to say how: believed only once it lasts."""
    since = by_now(cancel.absent_since_at, now) or found.asked_at
    until = max(caught_up_at(cancel, found.offset, now), since + READ_LAG)
    if found.asked_at < until:
        said = "No longer open; its history does not show how it closed yet."
        return keep_asking(cancel, now, said, absent_since_at=since, until=until)
    said = "No longer open. The exchange's history does not show how it closed."
    return Conclusion(GONE, Proof.BOOK, said)


def _absent(cancel, found, now):
    """Neither open nor in the history. Believed only after the exchange's reads have caught up."""
    until = caught_up_at(cancel, found.offset, now)
    if found.asked_at < until:
        said = "The exchange does not know this order; asking once more."
        since = by_now(cancel.absent_since_at, now) or found.asked_at
        return keep_asking(cancel, now, said, absent_since_at=since, until=until)
    said = "The exchange knows no such order: not open, not in its history."
    return Conclusion(CancelStatus.NOT_FOUND, Proof.HISTORY, said)


def _unnamed(cancel, found, now):
    """A client order id the exchange says no open order has, in a history too long to read."""
    until = caught_up_at(cancel, found.offset, now)
    if found.asked_at < until:
        said = "No open order has this client order id; asking once more."
        return keep_asking(cancel, now, said, until=until)
    said = f"No open order has this client order id, nor has any of the last {len(found.pasts)}."
    return Conclusion(CancelStatus.NOT_FOUND, Proof.BOOK, said)


def _unowned(cancel, found, now):
    """An order of this id exists; only the account's own pages could tell that it is ours."""
    until, is_passed = (
        caught_up_at(cancel, found.offset, now),
        found.is_passed(found.unowned[cancel.order_id]),
    )
    if found.asked_at < until or not (is_passed or cancel.checks >= MOST_CHECKS):
        said = "Not among this account's orders so far; its history is being searched."
        since = by_now(cancel.absent_since_at, now) or found.asked_at
        return keep_asking(cancel, now, said, absent_since_at=since, until=until)
    if is_passed:
        return Conclusion(CancelStatus.NOT_FOUND, Proof.HISTORY, NOT_THIS_ACCOUNTS)
    said = f"Not among this account's open or last {len(found.pasts)} orders; {ELSEWHERE}"
    return Conclusion(CancelStatus.NOT_FOUND, Proof.BOOK, said)


ELSEWHERE = "an order of this id exists elsewhere. Check account and id."
NOT_THIS_ACCOUNTS = f"Not among this account's orders; {ELSEWHERE}"


def _with_our_others(ends, offset):
    """Where an earlier cancel of our own closed the order, it was not *someone else*."""
    foreign = {c.order_id: c for c, end in ends if _is_somebodys(end) and c.order_id}
    if not foreign:
        return ends
    others = Cancel.objects.filter(
        account=ends[0][0].account_id, order_id__in=foreign, first_sent_at__isnull=False
    ).exclude(pk__in=[cancel.pk for cancel in foreign.values()])
    jobs = {}
    for other in others.order_by("-pk"):
        end = next(end for c, end in ends if c.order_id == other.order_id)
        at = end.ending.at
        if endings.is_since(at, other, offset) is not False:
            jobs[other.order_id] = other.job_id
    return [(cancel, _by_job(end, jobs.get(cancel.order_id))) for cancel, end in ends]


def _is_somebodys(end):
    return end.explanation == endings.BY_SOMEONE_ELSE


def _by_job(end, job_id):
    if job_id is None or not _is_somebodys(end):
        return end
    return replace(end, explanation=f"Cancelled before this request, by our own job {job_id}.")


def _read_facts(settled, found, now):
    """A record for each read, naming the orders it settled."""
    first = settled[0][0]
    return [
        reading.fact_of(
            each,
            actor=audit.actor_of(first.job),
            account=first.account,
            job=first.job,
            at=now,
            lines=[
                audit.line_of(cancel, outcome=end.status, data=found.kept_row(each, cancel))
                for cancel, end in settled
            ],
        )
        for each in found.readings
    ]
