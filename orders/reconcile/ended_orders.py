"""What the told end of an order makes of its cancel, with the edits that are known."""

from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from orders.lifecycle.interpret import Conclusion
from orders.lifecycle.order_closure import Closure
from orders.models import Cancel, CancelStatus, Proof
from orders.reconcile import closures, partial_history
from orders.reconcile.order_pasts import OrderPast


class KnownEdits(Protocol):
    """What is known of edits: `findings.Findings`, or what the stream told."""

    @property
    def offset(self) -> timedelta: ...  # the exchange's clock minus ours

    def last_edit_of(self, past: OrderPast) -> OrderPast | None: ...

    def maybe_edit_of(self, past: OrderPast) -> OrderPast | None: ...


def by_its_end(
    cancel: Cancel,
    past: OrderPast,
    ending: Closure,
    edits: KnownEdits,
    proof: Proof = Proof.HISTORY,
) -> Conclusion:
    """What an order's end makes of its cancel, with the edits that are known.

    A cancel event since our first byte can be our own. ``proof``: where the end was told.
    """
    if past.symbol != cancel.symbol:
        said = f"That order was on {past.symbol}, not {cancel.symbol}, and has closed."
        end = closures.conclusion(cancel, ending, proof=proof)
        return replace(end, explanation=said, status=CancelStatus.GONE)
    end = closures.conclusion(cancel, ending, offset=edits.offset, proof=proof)
    is_certain = is_accepted_by_id(cancel)
    last = None if is_certain else edits.last_edit_of(past)
    if last is not None:
        return replace(end, status=CancelStatus.GONE, explanation=partial_history.edited(last))
    maybe = (
        None if is_certain or end.status != CancelStatus.CANCELLED else edits.maybe_edit_of(past)
    )
    if maybe is not None:
        said = partial_history.replaced_or_cancelled(past, maybe)
        return replace(end, status=CancelStatus.GONE, explanation=said)
    return end


def is_accepted_by_id(cancel: Cancel) -> bool:
    """Whether the exchange said yes to this very order's cancel: no edit can have closed it."""
    return bool(cancel.was_accepted and cancel.order_id)
