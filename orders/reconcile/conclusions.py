"""What a round's findings make of one cancel."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from orders.exchange import odd_rows
from orders.lifecycle import held_back, routes
from orders.lifecycle.interpret import Conclusion
from orders.lifecycle.order_closure import Closure
from orders.models import Cancel, CancelKind, CancelStatus, Proof
from orders.models.cancels import LIVE, READ_LAG, SLOWEST_PACE
from orders.pacifica.rows import OpenOrder, TwapOrder
from orders.reconcile import (
    closures,
    ended_orders,
    findings,
    history_lookup,
    partial_history,
)
from orders.reconcile.order_pasts import OrderPast
from orders.reconcile.read_lag import by_now, caught_up_at, dead_at

MAX_ATTEMPTS = 5


PATIENCE = timedelta(minutes=5)  # with a history that cannot be read


SLOWEST = 12  # checks after which the pace no longer slows


UNREADABLE_S = 5  # the slowest pace while the exchange cannot be read


IN_DOUBT_S = SLOWEST_PACE.seconds  # between looks at what the exchange says and we cannot read


NEEDS_YOU = "needs an operator"


def conclusion_from(cancel: Cancel, found: findings.Findings, now: datetime) -> Conclusion:
    """What the evidence makes of one cancel."""
    if found.book is None:
        return _unasked(cancel, found.readings[-1].why, now)
    row = found.row_of(cancel)
    if row is not None:
        return _still_open(cancel, row, found, now)
    past = found.past_of(cancel)
    if past is not None and past.ending is not None:
        return _ended(cancel, past, past.ending, found, now)
    if found.hides(cancel):
        slowest_s = IN_DOUBT_S if cancel.checks > SLOWEST else 30
        return keep_asking(cancel, now, _hidden(found), slowest_s=slowest_s)
    if cancel.was_accepted:
        said = "The exchange accepted the cancel, and the order is no longer open."
        return Conclusion(CancelStatus.CANCELLED, Proof.BOOK, said)
    if past is not None:
        return (
            _in_doubt(cancel, past, found, now)
            if past.is_in_doubt
            else _vanished(cancel, found, now)
        )
    if cancel.order_id in found.unowned:
        return _unowned(cancel, found.unowned[cancel.order_id], found, now)
    if found.is_unknown(cancel):
        return _absent(cancel, found, now)
    if cancel.order_id is None and not cancel.has_unanswered and found.pasts:
        return _unnamed(cancel, found, now)
    return _unread(cancel, found, now)


def _hidden(found: findings.Findings) -> str:
    """Why nobody can say that the order is no longer open."""
    if not found.odd:
        return "An open order's client order id could not be read; it may be this one."
    where = "a row" if len(found.odd) == 1 else "one of the rows"
    said = f"It may be in {where} that could not be read: {odd_rows.named(found.odd)}."
    return f"{said} Look at the exchange."


def keep_asking(
    cancel: Cancel,
    now: datetime,
    explanation: str,
    *,
    absent_since_at: datetime | None = None,
    until: datetime | None = None,
    slowest_s: int = 30,
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


def _still_open(
    cancel: Cancel, row: OpenOrder | TwapOrder, found: findings.Findings, now: datetime
) -> Conclusion:
    """Listed as open. Once no earlier request can act, that attempt is dead: a fresh one."""
    why = closures.cannot_act_on(cancel, row)
    if why:
        return Conclusion(CancelStatus.REFUSED, Proof.BOOK, why)
    if cancel.is_for_a_person:
        return keep_asking(cancel, now, f"Still open. {held_back.WAITED} {held_back.BY_A_PERSON}")
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
    if cancel.repeats + 1 >= MAX_ATTEMPTS:
        cancel.checks = max(cancel.checks, SLOWEST)
        return keep_asking(cancel, now, f"Still open after {cancel.attempt} attempts: {NEEDS_YOU}.")
    said = f"Still open, and attempt {cancel.attempt} can no longer act: sending a fresh one."
    return Conclusion(
        CancelStatus.QUEUED,
        Proof.BOOK,
        said,
        not_before_at=now + timedelta(seconds=2**cancel.repeats - 1),
        resolved_order_id=None if cancel.order_id else row.order_id,
        repeats=cancel.repeats + 1,
        kind=routes.next_kind(cancel, row),
    )


def _another_holds(cancel: Cancel, order_id: int) -> bool:
    """Whether another live cancel already names the order id that this one resolved to."""
    others = Cancel.objects.filter(account=cancel.account_id, order_id=order_id, status__in=LIVE)
    return others.exclude(pk=cancel.pk).exists()


def _ended(
    cancel: Cancel, past: OrderPast, ending: Closure, found: findings.Findings, now: datetime
) -> Conclusion:
    """The history says how it ended; where an edit may have done it, only once that would show."""
    end = ended_orders.by_its_end(cancel, past, ending, found)
    is_plain = (
        ended_orders.is_accepted_by_id(cancel)
        or cancel.kind != CancelKind.ORDER
        or not past.may_be_edited
    )
    if end.status != CancelStatus.CANCELLED or is_plain or found.would_show_edit_of(past):
        return end
    return _maybe_edited(cancel, end, found, now)


def _maybe_edited(
    cancel: Cancel, end: Conclusion, found: findings.Findings, now: datetime
) -> Conclusion:
    """Cancelled, by our lost request or by an edit: the pages that would show which were not read.

    What such an edit made is not open, for the open orders would show it.
    """
    why = found.pages.why if found.pages is not None else "it was not its turn"
    if cancel.checks <= history_lookup.DEEP * (4 if found.must_wait else 1):
        said = f"Cancelled; whether by an edit is being looked up ({why})."
        return keep_asking(cancel, now, said)
    return replace(end, status=GONE, explanation=partial_history.maybe_edited(why))


GONE = CancelStatus.GONE


def _unasked(cancel: Cancel, why: str, now: datetime) -> Conclusion:
    """Keep asking, for the open orders could not be read.

    All such questions come due at one moment, so that one reading answers them once the exchange
    is back.
    """
    said = f"Not known whether it is gone: the exchange could not be asked ({why})."
    soon = int(now.timestamp()) + UNREADABLE_S
    next_check_at = datetime.fromtimestamp(soon - soon % (UNREADABLE_S - 1), UTC)
    return replace(keep_asking(cancel, now, said), next_check_at=next_check_at)


def _in_doubt(
    cancel: Cancel, past: OrderPast, found: findings.Findings, now: datetime
) -> Conclusion:
    """By a word of the exchange's that is no end, and that we do not know as open."""
    said = f"Not in the open orders, and the exchange calls it {past.status}: asked again."
    slowest_s = IN_DOUBT_S if cancel.checks > SLOWEST else 30
    return keep_asking(cancel, now, said, absent_since_at=found.asked_at, slowest_s=slowest_s)


def _vanished(cancel: Cancel, found: findings.Findings, now: datetime) -> Conclusion:
    """Not open any more, and the history has yet to say how: believed only once it lasts."""
    since = by_now(cancel.absent_since_at, now) or found.asked_at
    until = max(caught_up_at(cancel, found.offset, now), since + READ_LAG)
    if found.asked_at < until:
        said = "No longer open; its history does not show how it closed yet."
        return keep_asking(cancel, now, said, absent_since_at=since, until=until)
    said = "No longer open. The exchange's history does not show how it closed."
    return Conclusion(GONE, Proof.BOOK, said)


def _absent(cancel: Cancel, found: findings.Findings, now: datetime) -> Conclusion:
    """Neither open nor in the history. Believed only after the exchange's reads have caught up."""
    until = caught_up_at(cancel, found.offset, now)
    if found.asked_at < until:
        said = "The exchange does not know this order; asking once more."
        since = by_now(cancel.absent_since_at, now) or found.asked_at
        return keep_asking(cancel, now, said, absent_since_at=since, until=until)
    said = "The exchange knows no such order: not open, not in its history."
    return Conclusion(CancelStatus.NOT_FOUND, Proof.HISTORY, said)


def _unnamed(cancel: Cancel, found: findings.Findings, now: datetime) -> Conclusion:
    """A client order id the exchange says no open order has, in a history too long to read."""
    until = caught_up_at(cancel, found.offset, now)
    if found.asked_at < until or cancel.checks <= history_lookup.DEEP:
        said = "No open order has this client order id; its history is being searched."
        since = by_now(cancel.absent_since_at, now) or found.asked_at
        return keep_asking(cancel, now, said, absent_since_at=since, until=until)
    said = (
        f"No open order has this client order id, nor has any of the {len(found.pasts)} orders "
        f"that were read of its history ({found.unread(cancel)})."
    )
    return Conclusion(CancelStatus.NOT_FOUND, Proof.BOOK, said[:400])


def _unowned(
    cancel: Cancel, past: OrderPast, found: findings.Findings, now: datetime
) -> Conclusion:
    """An order of this id exists; only the account's own pages could tell that it is ours."""
    until = caught_up_at(cancel, found.offset, now)
    is_passed = found.is_passed(past)
    if found.asked_at < until or not (is_passed or cancel.checks > history_lookup.DEEP):
        said = "Not among this account's orders so far; its history is being searched."
        since = by_now(cancel.absent_since_at, now) or found.asked_at
        return keep_asking(cancel, now, said, absent_since_at=since, until=until)
    if is_passed:
        return Conclusion(CancelStatus.NOT_FOUND, Proof.HISTORY, NOT_THIS_ACCOUNTS)
    if past.is_in_doubt:
        return _in_doubt(cancel, past, found, now)
    return partial_history.whose(past, found.unread(cancel))


ELSEWHERE = "an order of this id exists elsewhere. Check account and id."


NOT_THIS_ACCOUNTS = f"Not among this account's orders; {ELSEWHERE}"


def _unread(cancel: Cancel, found: findings.Findings, now: datetime) -> Conclusion:
    """Not open, and its history cannot be read: after a while the open orders have to do."""
    since, why = by_now(cancel.absent_since_at, now) or found.asked_at, found.unread(cancel)
    until = max(caught_up_at(cancel, found.offset, now), since + PATIENCE)
    if found.asked_at < until or found.must_wait:
        said = f"Not in the open orders; its history could not be read yet ({why})."
        return keep_asking(cancel, now, said, absent_since_at=since)
    return partial_history.by_the_book(cancel, found.is_ours(cancel), why)
