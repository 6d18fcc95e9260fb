"""Write what a burst of the stream's updates changes: orders, questions, amounts, one record.

Locks are taken in the one order: the account, as syncs do, then cancels, orders, and the log.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q

from orders.audit import log
from orders.lifecycle import reopen, transitions, wakeups
from orders.lifecycle.interpret import Conclusion
from orders.lifecycle.outcome_facts import outcome_facts
from orders.models import Account, Cancel, Order, OrderState, Proof
from orders.reconcile import (
    closures,
    discrepancies,
    gone_amounts,
    order_pasts,
    resolutions,
    stream_conclusions,
    stream_evidence,
    told_cancels,
)
from orders.reconcile.closures import FILLS
from orders.reconcile.diff import REFRESHED
from orders.reconcile.received_frames import Burst, ToldUpdate
from orders.reconcile.told_cancels import ToldCancels
from orders.reconcile.told_orders import CLOSED, NEW, ToldOrders

WRITTEN = (*REFRESHED, "last_seen_at", "replaces_order_id")
Settled = list[tuple[Cancel, Conclusion, ToldUpdate]]
Amounts = list[tuple[Cancel, ToldUpdate]]


@dataclass(frozen=True)
class Effects:
    """How many orders changed, and how many questions ended.

    ``waiting``: ids of cancels that were being sent, or waited for it, while their orders ended.
    """

    changed: int
    concluded: int
    waiting: frozenset[int] = frozenset()


def write(*, account_id: int, burst: Burst, offset: timedelta, now: datetime) -> Effects:
    """Write what the burst changes. Call it in a transaction of its own: it appends to the log."""
    accounts = Account.objects.select_for_update(of=("self",), no_key=True)
    account = accounts.select_related("desk").get(pk=account_id)
    cancels = told_cancels.lock(account, burst.told, now)
    orders = ToldOrders(account, offset, now, _known(account, burst))
    orders.take(burst.told)
    ends = [each for each in burst.told if _is_end(each, orders)]
    _write_orders(orders.changed())
    facts = _contradictions(account, cancels, orders, ends, now)
    settled = _settle(account, cancels, ends, offset, now)
    amounts = cancels.write_amounts(ends)
    _note_discrepancies(account, cancels, orders, now)
    lines = [*_lines(account, cancels, orders, ends, settled, amounts)]
    if lines:
        shown = [*orders.changing, *_shown(settled, amounts), *_waiting(cancels, orders, ends)]
        fact = stream_evidence.fact(
            account=account, burst=burst, changing=shown, lines=lines, amounts=amounts, now=now
        )
        facts.append(fact)
    log.append(*facts, *outcome_facts([(cancel, end) for cancel, end, _ in settled], now))
    ended = {each.order for each in ends}
    waiting = {pk for order, pk in cancels.live.items() if order in ended}
    settled_ids = {cancel.pk for cancel, _, _ in settled}
    return Effects(len(orders.outcomes), len(settled), frozenset(waiting - settled_ids))


def _known(account: Account, burst: Burst) -> dict[int, Order]:
    """Our orders that these updates name, by id or client order id, locked."""
    told = [each for each in burst.told if not each.is_twap]
    named = Q(order_id__any={each.order_id for each in told})
    if names := {each.row.client_order_id for each in told} - {None}:
        named |= Q(client_order_id__in=names)
    rows = account.orders.filter(named).order_by("pk").select_for_update(no_key=True)
    known = {order.order_id: order for order in rows}
    for order in known.values():
        order.account = account
    return known


def _is_end(each: ToldUpdate, orders: ToldOrders) -> bool:
    """Whether it says an end that nothing newer speaks against."""
    if closures.of_update(each.row) is None:
        return False
    order = None if each.is_twap else orders.known.get(each.order_id)
    return order is None or order.state == OrderState.CLOSED


def _contradictions(
    account: Account,
    cancels: ToldCancels,
    orders: ToldOrders,
    ends: list[ToldUpdate],
    now: datetime,
) -> list[log.Fact]:
    """Reopen what the updates speak against; return the records of it."""
    filled = {
        each.order
        for each in ends
        if each.row.order_status in FILLS and (each.is_twap or orders.is_news(each.order_id))
    }
    pks = {pk for order in filled for pk in cancels.cancelled.get(order, ())}
    facts = reopen.seen_filled(
        account=account, order_ids=(), cancel_ids=pks, now=now, proof=Proof.STREAM
    )
    facts += _edited(account, cancels, orders, now)
    if facts:
        wakeups.settle(account_ids=[account.pk])
    return facts


def _edited(
    account: Account, cancels: ToldCancels, orders: ToldOrders, now: datetime
) -> list[log.Fact]:
    """Reopen what the stream showed to be cancelled, where an edit's order shows only now."""
    made = [orders.past_of(order_id) for order_id in orders.outcomes_of(NEW)]
    asked = [(pk, row) for pk, row, _ in cancels.lately if pk is not None]
    if not made or not asked:
        return []
    of_cancel = {
        pk: order_pasts.of_update(row, row.order_id or 0, row.symbol or "") for pk, row in asked
    }
    rows = [row for _, row, _ in cancels.lately]
    closed = [order_pasts.of_update(row, row.order_id or 0, row.symbol or "") for row in rows]
    edits = order_pasts.Edits([*{past.order_id: past for past in closed}.values(), *made])
    by_edit: dict[int, set[int]] = {}
    for pk, past in of_cancel.items():
        last = edits.last_of(past) or edits.maybe_of(past)
        if last is not None:
            by_edit.setdefault(last.order_id, set()).add(pk)
    return [
        fact
        for order_id, pks in by_edit.items()
        for fact in reopen.seen_edited(account=account, cancel_ids=pks, order_id=order_id, now=now)
    ]


def _write_orders(orders: list[Order]) -> None:
    for order in orders:
        order.pk = None  # an upsert names its row by account and order id
    Order.objects.bulk_create(
        orders,
        update_conflicts=True,
        unique_fields=["account", "order_id"],
        update_fields=WRITTEN,
    )


def _settle(
    account: Account,
    cancels: ToldCancels,
    ends: list[ToldUpdate],
    offset: timedelta,
    now: datetime,
) -> Settled:
    """Write what the ends prove of open questions."""
    asked = cancels.asked_of(ends)
    shown_by = {cancel.pk: each for cancel, each in asked}
    told = [(cancel, each.row, each.frame.received_at) for cancel, each in asked]
    pairs = stream_conclusions.conclusions(account, told, offset=offset, now=now)
    if pairs:
        transitions.write(pairs, now, checks=F("checks") + 1)
        resolutions.wake_bulk(pairs)
    return [(cancel, end, shown_by[cancel.pk]) for cancel, end in pairs]


def _note_discrepancies(
    account: Account, cancels: ToldCancels, orders: ToldOrders, now: datetime
) -> None:
    """List what was closed by other hands, and take from the list what an edit explains now."""
    changes = orders.changes()
    if changes.closed:
        discrepancies.note(account=account, changes=changes, now=now)
        if cancels.gone:
            gone_amounts.fill(account=account, closed=changes.closed)
    discrepancies.explain(account=account, order_ids=orders.edited)


def _waiting(
    cancels: ToldCancels, orders: ToldOrders, ends: Iterable[ToldUpdate]
) -> list[ToldUpdate]:
    """Ends of orders that we hold no row of, for which a cancel of ours is live."""
    return [
        each
        for each in ends
        if each.order in cancels.live and (each.is_twap or each.order_id not in orders.known)
    ]


def _shown(settled: Settled, amounts: Amounts) -> list[ToldUpdate]:
    return [*(each for _, _, each in settled), *(each for _, each in amounts)]


def _lines(
    account: Account,
    cancels: ToldCancels,
    orders: ToldOrders,
    ends: list[ToldUpdate],
    settled: Settled,
    amounts: Amounts,
) -> Iterable[log.OrderLine]:
    """Name each order that changed, or whose cancel did, with the row that shows it."""
    named = set()
    for cancel, end, each in settled:
        named.add(each.order)
        yield _line(account, each, end.status, cancel)
    for cancel, each in amounts:
        named.add(each.order)
        yield _line(account, each, CLOSED, cancel)
    left = {each.order: each for each in orders.shown_by.values()}
    left |= {each.order: each for each in _waiting(cancels, orders, ends)}
    for order in sorted(left.keys() - named):
        each = left[order]
        outcome = CLOSED if each.is_twap else orders.outcomes.get(each.order_id, CLOSED)
        yield _line(account, each, outcome, None, cancels.live.get(order))


def _line(
    account: Account,
    each: ToldUpdate,
    outcome: str,
    cancel: Cancel | None,
    cancel_id: int | None = None,
) -> log.OrderLine:
    return log.OrderLine(
        account_id=account.pk,
        symbol=each.row.symbol or (cancel.symbol if cancel else ""),
        order_id=each.order_id,
        client_order_id=each.row.client_order_id,
        cancel_id=cancel.pk if cancel else cancel_id,
        outcome=outcome,
        data=each.raw,
    )
