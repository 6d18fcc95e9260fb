"""What updates of the stream make of open questions: the rules that the history's events have."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from orders.audit import log
from orders.lifecycle import transitions
from orders.lifecycle.interpret import Conclusion
from orders.lifecycle.order_closure import Closure
from orders.lifecycle.outcome_facts import outcome_facts
from orders.models import Account, Cancel, CancelStatus, Order, OrderState, Proof
from orders.pacifica.stream_rows import OrderUpdate
from orders.reconcile import (
    closures,
    ended_orders,
    order_pasts,
    resolutions,
    stream_evidence,
)
from orders.reconcile.order_pasts import SAME_MOMENT, Edits, OrderPast

Pair = tuple[Cancel, Conclusion]
Told = tuple[Cancel, OrderUpdate, datetime]  # with the time at which it came, by our clock


@dataclass(frozen=True)
class ToldEdits:
    """The edits that show in what the stream told, and in the orders that we hold."""

    offset: timedelta  # the exchange's clock minus ours
    edits: Edits

    def last_edit_of(self, past: OrderPast) -> OrderPast | None:
        """The order that stands, or ended, in the place of this one by an edit; or None."""
        return self.edits.last_of(past)

    def maybe_edit_of(self, past: OrderPast) -> OrderPast | None:
        """One that an edit put in the place of this order or of another that closed with it."""
        return self.edits.maybe_of(past)


def conclusions(
    account: Account,
    told: Sequence[Told],
    *,
    offset: timedelta,
    now: datetime,
) -> list[Pair]:
    """Conclude what the ends of their orders show; what they do not show is left open.

    Nothing is concluded against other evidence: what contradicts itself, reads must tell.
    """
    pasts = [
        (cancel, order_pasts.of_update(row, row.order_id or 0, row.symbol or cancel.symbol))
        for cancel, row, _ in told
        if not cancel.has_contradiction and _is_meant(cancel, row, offset)
    ]
    ended = [(cancel, past, past.ending) for cancel, past in pasts if past.ending is not None]
    if not ended:
        return []
    edits = ToldEdits(offset, edits_of(account, [past for _, past, _ in ended], now))
    ends = [
        (cancel, ended_orders.by_its_end(cancel, past, ending, edits, Proof.STREAM))
        for cancel, past, ending in ended
    ]
    is_timed = {cancel.pk: _is_timed(row, came_at, offset) for cancel, row, came_at in told}
    sure = [(cancel, end) for cancel, end in ends if _is_sure(cancel, end, is_timed[cancel.pk])]
    return resolutions.with_known_hands(sure, offset)


def conclude_from_log(*, account_id: int, now: datetime, offset: timedelta) -> int:
    """Conclude what is due by updates that came before the question; return how many.

    What is called cancelled needs an update that names this very cancel, for its proof is there.
    """
    due = Cancel.objects.due(now).filter(account_id=account_id, has_contradiction=False)
    ids = stream_evidence.ids_kept(account_id, set(due.values_list("order_id", flat=True)))
    if not ids:
        return 0
    with transaction.atomic():
        rows = (
            due.filter(order_id__any=ids)
            .order_by("pk")
            .select_for_update(of=("self",), no_key=True)
        )
        cancels = list(rows.select_related("account__desk", "job__desk", "known_order"))
        pairs = _shown(cancels, offset, now) if cancels else []
        if pairs:
            transitions.write(pairs, now, checks=F("checks") + 1)
            log.append(*outcome_facts(pairs, now))
            resolutions.wake_bulk(pairs)
    return len(pairs)


def _shown(cancels: Sequence[Cancel], offset: timedelta, now: datetime) -> list[Pair]:
    kept = stream_evidence.kept_of(cancels)
    told = [
        (cancel, kept[cancel.pk][1], kept[cancel.pk][2])
        for cancel in cancels
        if cancel.pk in kept and _is_closed(cancel.known_order)
    ]
    return [
        (cancel, end)
        for cancel, end in conclusions(cancels[0].account, told, offset=offset, now=now)
        if end.status != CancelStatus.CANCELLED or kept[cancel.pk][0] == cancel.pk
    ]


def _is_timed(row: OrderUpdate, came_at: datetime, offset: timedelta) -> bool:
    """Whether it came when it was made, as far as the clocks tell: else one was set meanwhile."""
    at = closures.changed_at(row)
    return at is not None and abs(at - offset - came_at) <= closures.JUMP


def _is_sure(cancel: Cancel, end: Conclusion, is_timed: bool) -> bool:
    """Whether the clocks, which no answer compared just now, may have led astray.

    Whose cancel it was hangs on the time. That it was another's, where ours may have acted, is for
    a read to say, whose answer tells the exchange's time.
    """
    ending = end.ending
    if ending is None or ending.status != "cancelled" or ending.event not in closures.OURS:
        return True
    if ended_orders.is_accepted_by_id(cancel):
        return True
    may_have_acted = cancel.has_unanswered or cancel.was_taken
    return is_timed and not (may_have_acted and end.explanation in closures.STRANGERS)


def _is_closed(order: Order | None) -> bool:
    """Whether no later read lists the order as open."""
    return order is None or order.state == OrderState.CLOSED


def _is_meant(cancel: Cancel, row: OrderUpdate, offset: timedelta) -> bool:
    """Whether the update is of the order that was meant: of a name used twice it may not be."""
    if cancel.order_id is not None:
        return True
    at, made_at = closures.changed_at(row), closures.made_at(row)
    span = closures.left_between(cancel, offset)
    if span is None or made_at is None or made_at > min(span) - closures.CLOCK_SLACK:
        return False  # it may have been made after our request, of a name used again
    return at is not None and closures.is_since(at, cancel, offset) is True


def edits_of(account: Account, pasts: Sequence[OrderPast], now: datetime) -> Edits:
    """Gather which of these an edit closed: by orders made as they closed, and what else did."""
    moments = [past.edited_at for past in pasts if past.edited_at is not None]
    if not moments:
        return Edits(pasts)
    made = account.orders.filter(
        state__in=OrderState.values,  # with it the index serves
        created_at__gte=min(moments) - SAME_MOMENT,
        created_at__lte=max(moments) + SAME_MOMENT,
    )
    known = {past.order_id: past for past in _closed_lately(account, now)}
    known |= {order.order_id: _past_of(order) for order in made}
    known |= {past.order_id: past for past in pasts}
    return Edits(known.values())


def _closed_lately(account: Account, now: datetime) -> list[OrderPast]:
    rows = [row for _, row, _ in stream_evidence.kept_lately(account, now)]
    pasts = [order_pasts.of_update(row, row.order_id or 0, row.symbol or "") for row in rows]
    return [past for past in pasts if past.ending is not None]


def _past_of(order: Order) -> OrderPast:
    ending = Closure(
        status=order.order_status,
        event=order.reason,
        filled_amount=order.filled_amount,
        cancelled_amount=order.cancelled_amount,
        at=order.updated_at,
    )
    return OrderPast(
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        created_at=order.created_at,
        ending=ending if order.state == OrderState.CLOSED else None,
        status=order.order_status,
        side=order.side,
    )
