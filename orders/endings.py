"""How an order ended, as the exchange's history tells it, and what that makes of a cancel."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from orders.concluding import Conclusion
from orders.models import CancelStatus, Proof
from orders.reading import moment

CLOCK_SLACK = timedelta(seconds=2)  # between the exchange's clock and ours
STILL_OPEN = {"open", "partially_filled", "in_execution"}


@dataclass(frozen=True)
class Ending:
    """The end of one order. ``status`` and ``event``: the exchange's words; amounts its text.

    ``at``: when, by the exchange's clock, or None where it does not say.
    """

    status: str
    event: str
    filled_amount: str
    cancelled_amount: str
    at: datetime | None = None
    average_filled_price: str = ""


def of_events(rows) -> Ending | None:
    """From one order's events, newest first; None while they say it is open. TWAPs too."""
    newest = rows[0]
    if newest.order_status in STILL_OPEN or newest.order_status is None:
        return None
    created_at = getattr(newest, "created_at", None)
    return Ending(
        status=newest.order_status,
        event=newest.event_type or "",
        filled_amount=newest.filled_amount or "",
        cancelled_amount=getattr(newest, "cancelled_amount", "") or "",
        at=moment(created_at) if created_at else None,
    )


def of_history_row(row) -> Ending | None:
    """From one row of the paged history; None while it says the order is open."""
    if row.order_status in STILL_OPEN:
        return None
    left = Decimal(row.amount) - Decimal(row.filled_amount)
    return Ending(
        status=row.order_status,
        event=row.reason or "",
        filled_amount=row.filled_amount,
        cancelled_amount="0" if row.order_status == "filled" else f"{left:f}",
        at=moment(row.updated_at),
        average_filled_price=row.average_filled_price or "",
    )


def conclusion(cancel, ending) -> Conclusion | None:
    """What an ending makes of a cancel; None where it is no ending we can name."""
    if ending.status in {"filled", "completed"}:
        status, said = CancelStatus.FILLED, "Filled before the cancel could act."
    elif ending.status == "cancelled" and is_ours(cancel, ending):
        status, said = CancelStatus.CANCELLED, "The history shows our cancel."
        if cancel.has_unanswered:
            said = "The history shows the cancel; the exchange's answer to us was lost."
    elif ending.status == "cancelled":
        status, said = CancelStatus.GONE, "Cancelled by someone else before our request."
        if ending.event not in {"", "cancel"}:
            said = f"Closed by the exchange before our request: {ending.event}."
    else:
        status, said = CancelStatus.GONE, f"Closed by the exchange: {ending.status} {ending.event}."
    return Conclusion(
        status,
        Proof.HISTORY,
        said[:400],
        filled_amount=ending.filled_amount,
        cancelled_amount=ending.cancelled_amount,
        ending=ending,
    )


def is_ours(cancel, ending) -> bool:
    """A cancel event not earlier than our first byte, where a request of ours may have made it.

    A request that was answered *not found* made none; one that lost its answer, or a TWAP's that
    was taken, may have.
    """
    may_have_acted = cancel.has_unanswered or cancel.was_taken
    if not may_have_acted or ending.event not in {"", "cancel"} or cancel.first_sent_at is None:
        return False
    return ending.at is None or ending.at >= cancel.first_sent_at - CLOCK_SLACK
