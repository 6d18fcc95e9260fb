"""How an order ended, as the exchange's history tells it, and what that makes of a cancel."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Context, Decimal

from orders.exchange.reader import moment
from orders.lifecycle.interpret import Conclusion
from orders.lifecycle.order_closure import Closure
from orders.models import Cancel, CancelStatus, Proof
from orders.pacifica.rows import HistoryOrder, OpenOrder, OrderEvent, Row, TwapOrder
from orders.pacifica.stream_rows import OrderUpdate

BY_SOMEONE_ELSE = "Cancelled by someone else before our request."
AFTER_OURS = "Cancelled by someone else, after our request had been refused."
STRANGERS = {BY_SOMEONE_ELSE, AFTER_OURS}
BY_WHOM = "Cancelled; whether by our request or another hand cannot be told: {}."
UNDATED = BY_WHOM.format("the exchange does not say when")
CLOCK_MOVED = BY_WHOM.format("the clock moved")
PUT_BACK = BY_WHOM.format("an older copy of the database was put back")
BEFORE_A_RESTORE = (
    "Cancelled before this request; whether by us or another hand cannot be told: an older copy of "
    "the database was put back."
)
FURTHEST = timedelta(days=1)  # that a clock may have moved by while nobody measured it
JUMP = timedelta(seconds=3)  # beyond it a clock was set
CLOCK_SLACK = timedelta(seconds=2)  # what may remain between two clocks once both were compared
# The statuses that end an order (docs.pacifica.fi enumerations, TWAP and strategy pages). Whatever
# else an order is called, known or not, it may yet trade.
ENDS = {"filled", "completed", "cancelled", "rejected", "expired"}
FILLS = {"filled", "completed"}
EXACT = Context(prec=200)  # the usual 28 digits round
OURS = {"", "cancel"}  # events that a request of ours can have made
BY_EXCHANGE = {"force_cancel", "expired", "post_only_rejected", "self_trade_prevented"}


def of_events(rows: Sequence[OrderEvent | TwapOrder]) -> Closure | None:
    """From one order's events, newest first; None unless the newest says an end. TWAPs too."""
    newest = rows[0]
    if newest.order_status not in ENDS:
        return None
    return Closure(
        status=newest.order_status,
        event=newest.event_type or "",
        filled_amount=newest.filled_amount or "",
        cancelled_amount=getattr(newest, "cancelled_amount", "") or _left(newest),
        at=made_at(newest),
    )


def of_history_row(row: HistoryOrder | TwapOrder) -> Closure | None:
    """From one row of the paged history; None unless it says an end. TWAPs too."""
    if row.order_status not in ENDS:
        return None
    return Closure(
        status=row.order_status,
        event=getattr(row, "reason", None) or "",
        filled_amount=row.filled_amount or "",
        cancelled_amount=_left(row),
        at=changed_at(row),
        average_filled_price=getattr(row, "average_filled_price", None) or "",
    )


def of_update(row: OrderUpdate) -> Closure | None:
    """From one update of the stream; None unless it says an end. TWAPs too."""
    if row.order_status not in ENDS:
        return None
    return Closure(
        status=row.order_status,
        event=row.event_type or "",
        filled_amount=row.filled_amount or "",
        cancelled_amount=_left(row),
        at=changed_at(row),
        average_filled_price=row.average_filled_price or "",
    )


def made_at(row: Row) -> datetime | None:
    """When the exchange made this row's order, or its event, by the exchange's clock."""
    return _moment(row, "created_at")


def changed_at(row: HistoryOrder | TwapOrder | OrderUpdate) -> datetime | None:
    """When the exchange last changed this row's order, by the exchange's clock."""
    return _moment(row, "updated_at")


def conclusion(
    cancel: Cancel,
    ending: Closure,
    *,
    offset: timedelta = timedelta(0),
    proof: Proof = Proof.HISTORY,
) -> Conclusion:
    """What an ending makes of a cancel. ``offset``: the exchange's clock minus ours.

    ``proof``: where the ending was told, in the history or on the stream.
    """
    teller = "stream" if proof == Proof.STREAM else "history"
    if ending.status in FILLS:
        status, said = CancelStatus.FILLED, "Filled before the cancel could act."
    elif ending.status == "cancelled" and is_ours(cancel, ending, offset) is not False:
        status, said = CancelStatus.CANCELLED, f"The {teller} shows our cancel."
        if is_ours(cancel, ending, offset) is None:
            said = PUT_BACK if cancel.restored_at else CLOCK_MOVED if ending.at else UNDATED
        elif cancel.has_unanswered:
            said = f"The {teller} shows the cancel; the exchange's answer to us was lost."
    elif ending.status == "cancelled":
        status, said = CancelStatus.GONE, _by_whom_else(cancel, ending, offset)
        if ending.event not in OURS:
            said = _in_its_words(ending, teller)
    else:
        status, said = CancelStatus.GONE, _in_its_words(ending, teller)
    return Conclusion(
        status,
        proof,
        said[:400],
        filled_amount=ending.filled_amount,
        cancelled_amount=ending.cancelled_amount,
        ending=ending,
    )


def _by_whom_else(cancel: Cancel, ending: Closure, offset: timedelta) -> str:
    """Another hand's cancel: before our request, or plainly after one that made none."""
    span = left_between(cancel, offset)
    if span is None or ending.at is None or ending.at <= max(span) + CLOCK_SLACK:
        return BY_SOMEONE_ELSE
    return AFTER_OURS


def _in_its_words(ending: Closure, teller: str) -> str:
    """The exchange's own words for an end, and no more: they claim no hand and no moment."""
    words = ", ".join(filter(None, [ending.status, ending.event]))
    if ending.event in BY_EXCHANGE or ending.status != "cancelled":
        return f"Closed by the exchange: {words}."
    return f"Not open any more. The exchange's {teller} says: {words}."


def is_ours(cancel: Cancel, ending: Closure, offset: timedelta = timedelta(0)) -> bool | None:
    """A cancel event not earlier than our first byte, where a request of ours may have made it.

    None where that cannot be told: a clock moved between our first byte and now, or it waited in a
    copy of the database that was put back, and the one that is lost may have sent it.

    A request that was answered *not found* made none; one that was accepted did; one that lost its
    answer, or a TWAP's that was taken, may have. Somebody else's cancel in that very span looks the
    same: the exchange's word that the order is cancelled is what counts.
    """
    if cancel.was_accepted:
        return ending.event in OURS
    if cancel.restored_at is not None:
        return _may_be_lost(cancel, ending, offset)
    may_have_acted = cancel.has_unanswered or cancel.was_taken
    if not may_have_acted or ending.event not in OURS or cancel.first_sent_at is None:
        return False
    return None if ending.at is None else is_since(ending.at, cancel, offset)


def _may_be_lost(cancel: Cancel, ending: Closure, offset: timedelta) -> bool | None:
    """The same of one that waited in a copy put back: since it was asked for it may be ours."""
    if ending.event not in OURS:
        return False
    if cancel.first_sent_at is not None and is_since(ending.at, cancel, offset):
        return True
    then = timedelta(milliseconds=cancel.clock_offset_ms or 0)
    earliest = cancel.requested_at + min(then, offset) - CLOCK_SLACK
    return False if ending.at is not None and ending.at < earliest else None


def is_since(at: datetime | None, cancel: Cancel, offset: timedelta) -> bool | None:
    """Whether a time of the exchange's is not before our first byte; None where none can tell.

    ``at``: None where the exchange does not say when, which may be any time.
    """
    span = left_between(cancel, offset)
    if at is None or span is None:
        return True if at is None else None
    earliest, latest = span
    if at >= latest - CLOCK_SLACK:
        return True
    if cancel.clock_offset_ms is None:
        earliest -= FURTHEST
    return False if at < earliest - CLOCK_SLACK else None


def left_between(cancel: Cancel, offset: timedelta) -> tuple[datetime, datetime] | None:
    """When our first byte left by the exchange's clock: (earliest, latest), or None if never.

    Two times where the offset of that moment is not the one of now: a clock was set since, or just
    before, and which of them holds for it nobody can tell.
    """
    sent_at = cancel.first_sent_at
    if sent_at is None:
        return None
    then = offset
    if cancel.clock_offset_ms is not None:
        then = timedelta(milliseconds=cancel.clock_offset_ms)
    if abs(then - offset) <= JUMP:
        then = offset  # measured anew, and more exact
    return sent_at + min(then, offset), sent_at + max(then, offset)


def cannot_act_on(cancel: Cancel, row: OpenOrder | TwapOrder) -> str:
    """Why our request, right or repeated, can never cancel this open order, or nothing."""
    if row.symbol != cancel.symbol:
        said = f"That order is on {row.symbol}, not {cancel.symbol}, and still open."
        return f"{said} Cancel it again with its own symbol."
    return ""


def _left(row: HistoryOrder | OrderEvent | TwapOrder | OrderUpdate) -> str:
    """What was cancelled of an order that a history row says has ended."""
    if row.order_status in FILLS:
        return "0"
    whole = getattr(row, "amount", None) or getattr(row, "initial_amount", None)
    if whole is None or row.filled_amount is None:
        return getattr(row, "cancelled_amount", None) or ""
    left = EXACT.subtract(Decimal(whole), Decimal(row.filled_amount))
    if left < 0:  # of 0 are stops that close whatever there is
        return getattr(row, "cancelled_amount", None) or ("" if Decimal(whole) else "0")
    return f"{left:f}"


def _moment(row: Row, name: str) -> datetime | None:
    value = time_ms(row, name)
    return None if value is None else moment(value)


def time_ms(row: Row, name: str) -> int | None:
    """A time of a row, in ms, where it has one that could be read."""
    value = getattr(row, name, None)
    return value if value is not None and 0 < value < 10**14 else None
