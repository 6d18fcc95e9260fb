"""Turn unknown into proven: ask the book, then the history.

Evidence decides, never time alone. An event in the history concludes at once; absence must last
thirty seconds, because the exchange's reads can lag behind its writes; and an order still in the
book concludes nothing while an unanswered request could yet act on it.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils.timezone import now as clock

from orders import audit, concluding, endings, reading, waking
from orders.concluding import Conclusion
from orders.models import Cancel, CancelKind, CancelStatus, Proof
from orders.models.cancels import LIVE
from orders.pacifica import reads

READ_LAG = timedelta(seconds=30)  # seen up to 25 s on the exchange
CHECK_LEASE = timedelta(seconds=60)
MOST_ATTEMPTS = 5
MOST_AT_ONCE = 50
SLOWEST = 12  # checks after which the pace no longer slows
NEEDS_YOU = "needs an operator"
FEW = 3  # orders looked up one by one; more are looked for in the paged history first


@dataclass
class Evidence:
    """What the exchange said when asked.

    ``book``: open rows by order id and by client order id, or None where that read proved nothing.
    ``endings``: by order id, an `Ending`, or None where the exchange knows no such order.
    ``is_history_whole``: the paged history was read to its end.
    """

    reader: reading.Reader
    book: dict | None = None
    endings: dict = field(default_factory=dict)
    is_history_whole: bool = False
    readings: list = field(default_factory=list)


def settle_account(*, account_id, now=clock) -> int:
    """Look at the account's open questions that are due; how many were looked at."""
    looked_at = 0
    for is_twap in (False, True):
        cancels = take_due(account_id=account_id, now=now(), is_twap=is_twap)
        if cancels:
            evidence = gather_twaps(cancels) if is_twap else gather(cancels)
            moment = now()
            ends = [(cancel, weigh(cancel, evidence, moment)) for cancel in cancels]
            record(ends, evidence, moment)
            looked_at += len(cancels)
    return looked_at


def take_due(*, account_id, now, is_twap) -> list[Cancel]:
    """Questions that are due, each taken by one settler: taking one moves its next check."""
    due = Cancel.objects.due(now).filter(account_id=account_id)
    due = due.filter(kind=CancelKind.TWAP) if is_twap else due.exclude(kind=CancelKind.TWAP)
    taken = []
    for cancel in due.select_related("account__desk", "job__desk", "known_order")[:MOST_AT_ONCE]:
        same = Cancel.objects.filter(
            pk=cancel.pk, status=cancel.status, next_check_at=cancel.next_check_at
        )
        if same.update(next_check_at=now + CHECK_LEASE, checks=F("checks") + 1):
            cancel.next_check_at, cancel.checks = now + CHECK_LEASE, cancel.checks + 1
            taken.append(cancel)
    return taken


def gather(cancels) -> Evidence:
    """Read the book once, then the history of the orders it does not list."""
    account = {"account": cancels[0].account.address}
    evidence = Evidence(reading.Reader(cancels[0].account))
    evidence.book = _book(evidence, "/orders", account, reads.open_orders)
    if evidence.book is None:
        return evidence
    missing = [cancel for cancel in cancels if in_book(cancel, evidence.book) is None]
    if len(missing) > FEW or any(cancel.order_id is None for cancel in missing):
        _look_through_history(evidence, account, missing)
    by_id = [c.order_id for c in missing if c.order_id and c.order_id not in evidence.endings]
    for order_id in by_id:
        _look_up(evidence, "/orders/history_by_id", reads.history_events, order_id)
    return evidence


def gather_twaps(cancels) -> Evidence:
    """The same for TWAP orders, which have routes of their own."""
    account = {"account": cancels[0].account.address}
    evidence = Evidence(reading.Reader(cancels[0].account))
    evidence.book = _book(evidence, "/orders/twap", account, reads.twap_orders)
    if evidence.book is None:
        return evidence
    for cancel in cancels:
        if in_book(cancel, evidence.book) is None and cancel.order_id:
            _look_up(evidence, "/orders/twap/history_by_id", reads.twap_events, cancel.order_id)
    return evidence


def in_book(cancel, book):
    """The book's row of this cancel's order, or None."""
    return book.get(cancel.order_id or cancel.client_order_id.lower())


def weigh(cancel, evidence, now) -> Conclusion:
    """What the evidence makes of one cancel."""
    if evidence.book is None:
        return keep_asking(
            cancel, now, f"The exchange could not be asked: {evidence.readings[-1].why}."
        )
    row = in_book(cancel, evidence.book)
    if row is not None:
        return _still_open(cancel, row, now)
    ending = evidence.endings.get(cancel.order_id or cancel.client_order_id.lower())
    if ending is not None:
        return _ended(cancel, ending, now)
    if _knows_nothing(cancel, evidence):
        return _absent(cancel, now)
    return keep_asking(cancel, now, "Not in the open orders; its history could not be read yet.")


def keep_asking(cancel, now, explanation) -> Conclusion:
    """The question stays open; it is looked at again, ever more slowly, up to every 30 s."""
    wait_s = min(30, 1.5 ** min(cancel.checks, SLOWEST))
    return Conclusion(
        cancel.status,
        cancel.proof,
        explanation[:400],
        next_check_at=now + timedelta(seconds=wait_s),
    )


def record(ends, evidence, now):
    """Write what is still ours to write, with the reads that show it, in one transaction."""
    with transaction.atomic():
        mine = _still_taken([cancel for cancel, _ in ends])
        ends = [(cancel, end) for cancel, end in ends if cancel.pk in mine]
        if not ends:
            return
        concluding.write(ends, now)
        settled = [(c, end) for c, end in ends if end.status != mine[c.pk]]
        facts = _read_facts(settled, evidence, now) if settled else []
        audit.append(*facts, *concluding.outcome_facts(settled, now))
        if any(end.status == CancelStatus.QUEUED for _, end in ends):
            waking.deliver(account_ids=[ends[0][0].account_id], is_urgent=True)


def _book(evidence, path, params, parse):
    """Open rows by order id and by client order id in lower case, or None."""
    answer = evidence.reader.ask(path, params, parse)
    evidence.readings.append(answer)
    if answer.value is None:
        return None
    book = {row.order_id: row for row in answer.value.rows}
    return book | {r.client_order_id.lower(): r for r in answer.value.rows if r.client_order_id}


def _look_through_history(evidence, params, cancels):
    """Find endings in the paged history; endings are kept under both names of an order."""
    wanted = {c.order_id or c.client_order_id.lower() for c in cancels}

    def is_enough(rows):
        return wanted <= {row.order_id for row in rows} | {
            (row.client_order_id or "").lower() for row in rows
        }

    readings, rows = evidence.reader.pages("/orders/history", params, reads.history_page, is_enough)
    evidence.readings += readings
    last = readings[-1].value
    evidence.is_history_whole = last is not None and not last.has_more
    for row in reversed(rows):  # newest last, so that the newest wins a reused client order id
        ending = endings.of_history_row(row)
        if ending is not None:
            evidence.endings[row.order_id] = ending
            if row.client_order_id:
                evidence.endings[row.client_order_id.lower()] = ending


def _look_up(evidence, path, parse, order_id):
    """The ending of one order, by its id."""
    try:
        answer = evidence.reader.ask(path, {"order_id": order_id}, parse, order_id=order_id)
    except reads.NotInHistory as unknown:
        evidence.readings.append(
            reading.Reading(path, {"order_id": order_id}, None, why=str(unknown))
        )
        evidence.endings[order_id] = None
        return
    evidence.readings.append(answer)
    if answer.value is not None:
        ending = endings.of_events(answer.value)
        if ending is not None:
            evidence.endings[order_id] = ending


def _knows_nothing(cancel, evidence):
    """Whether the exchange said, in so many words, that it has no such order."""
    if cancel.order_id is None:
        return evidence.is_history_whole
    return cancel.order_id in evidence.endings


def _still_open(cancel, row, now):
    """Listed as open. Once no earlier request can act, that attempt is dead: a fresh one."""
    if now < _dead_at(cancel):
        return keep_asking(cancel, now, "Still in the open orders; our request may yet act on it.")
    if _another_holds(cancel, row.order_id):
        return keep_asking(cancel, now, "Another cancel of the same order is on its way.")
    if cancel.attempt >= MOST_ATTEMPTS:
        cancel.checks = max(cancel.checks, SLOWEST)
        return keep_asking(cancel, now, f"Still open after {cancel.attempt} attempts: {NEEDS_YOU}.")
    said = f"Still open, and attempt {cancel.attempt} can no longer act: sending a fresh one."
    wait = timedelta(seconds=2 ** (cancel.attempt - 1) - 1)
    return Conclusion(
        CancelStatus.QUEUED,
        Proof.BOOK,
        said,
        not_before_at=now + wait,
        resolved_order_id=row.order_id,
    )


def _dead_at(cancel):
    """When an order still in the book shows that our last request did not and will not act."""
    if cancel.answered_at is None or cancel.status == CancelStatus.UNKNOWN:
        return cancel.signature_ends_at or cancel.requested_at
    return cancel.answered_at + READ_LAG  # the exchange answered; the book may lag behind it


def _another_holds(cancel, order_id):
    """Whether another live cancel already names the order id that this one resolved to."""
    others = Cancel.objects.filter(account=cancel.account_id, order_id=order_id, status__in=LIVE)
    return others.exclude(pk=cancel.pk).exists()


def _ended(cancel, ending, now):
    """The history says how it ended. A cancel event since our first byte can be our own."""
    end = endings.conclusion(cancel, ending)
    return end if end is not None else keep_asking(cancel, now, "The history still shows it open.")


def _absent(cancel, now):
    """Neither open nor in the history. Believed only after the exchange's reads have caught up."""
    since = max(filter(None, [cancel.requested_at, cancel.sent_at, cancel.answered_at]))
    until = max(since + READ_LAG, cancel.signature_ends_at or since)
    if now < until:
        return keep_asking(cancel, now, "The exchange does not know this order; asking once more.")
    said = "The exchange knows no such order: not open, not in its history."
    return Conclusion(CancelStatus.NOT_FOUND, Proof.HISTORY, said)


def _still_taken(cancels) -> dict:
    """Status by id of the cancels whose check is still ours: nobody moved them meanwhile."""
    rows = Cancel.objects.select_for_update().filter(pk__in=[cancel.pk for cancel in cancels])
    found = {
        pk: (status, at) for pk, status, at in rows.values_list("pk", "status", "next_check_at")
    }
    return {
        cancel.pk: cancel.status
        for cancel in cancels
        if found[cancel.pk] == (cancel.status, cancel.next_check_at)
    }


def _read_facts(settled, evidence, now):
    """A record for each read, naming the orders it settled."""
    first = settled[0][0]
    lines = tuple(audit.line_of(cancel, outcome=end.status) for cancel, end in settled)
    return [
        reading.fact_of(
            each,
            actor=audit.actor_of(first.job),
            account=first.account,
            job=first.job,
            at=now,
            lines=lines,
        )
        for each in evidence.readings
    ]
