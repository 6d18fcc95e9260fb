"""What the log keeps of the stream: the frames that changed something, and their rows read back."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from orders.audit import log
from orders.audit.hashing import moment
from orders.models import Account, AuditRecordOrder, Cancel, CancelKind, Event
from orders.pacifica.rows import row_of
from orders.pacifica.stream_rows import OrderUpdate, TwapUpdate, is_of_twap
from orders.pacifica.strict_json import Unreadable, parse_rows
from orders.reconcile.received_frames import Burst, ReceivedFrame, ToldUpdate

# The cancel that a line names, the row in it, and when it was recorded.
Kept = tuple[int | None, OrderUpdate, datetime]
LATELY = timedelta(seconds=5)  # after a cancel's event, that the frame of an edit may come
BETWEEN = b"\n"


def fact(
    *,
    account: Account,
    burst: Burst,
    changing: Iterable[ToldUpdate],
    lines: Sequence[log.OrderLine],
    amounts: Sequence[tuple[Cancel, ToldUpdate]],
    now: datetime,
) -> log.Fact:
    """Make the one record of a burst: the frames that changed something, word for word.

    ``changing``: the updates that did; ``lines``: their orders; ``amounts``: the cancels whose
    amounts were told.
    """
    wanted = {id(each.frame) for each in changing}
    frames: dict[int, ReceivedFrame] = {id(e.frame): e.frame for e in burst.told}
    kept = [(frame, *burst.kept(frame)) for pk, frame in frames.items() if pk in wanted]
    described = [_described(frame, len(raw), is_rows) for frame, raw, is_rows in kept]
    data: dict[str, Any] = {"frames": described, "count": len(lines)}
    if amounts:
        data["amounts"] = {
            str(cancel.order_id): [cancel.filled_amount, cancel.cancelled_amount]
            for cancel, _ in amounts
        }
    return log.Fact(
        event=Event.STREAM,
        at=now,
        account=account,
        data=data,
        body=BETWEEN.join(raw for _, raw, _ in kept),
        lines=tuple(lines),
    )


def _described(frame: ReceivedFrame, length: int, is_rows_alone: bool) -> dict[str, Any]:
    """A frame's time, connection and place in it, and how long it is in the payload."""
    told: dict[str, Any] = {
        "received_at": moment(frame.received_at),
        "connection": frame.connection,
        "number": frame.number,
        "length": length,
    }
    return told | {"is_rows_alone": True} if is_rows_alone else told


def kept_of(cancels: Sequence[Cancel]) -> dict[int, Kept]:
    """Return, by cancel, the last update that the log keeps of its order, where it keeps any.

    A TWAP order and another may have one id: a row counts for its own kind alone.
    """
    account_id = cancels[0].account_id
    ids = {cancel.order_id for cancel in cancels}
    lines = AuditRecordOrder.objects.filter(order_id__any=ids, account=account_id)
    rows = lines.filter(record__event=Event.STREAM).exclude(data="").order_by("record_id", "row")
    columns = "order_id", "cancel_id", "data", "record__at"
    newest: dict[tuple[bool, int | None], Kept] = {}
    for order_id, cancel_id, data, at in rows.values_list(*columns):
        if (row := _row(data)) is not None:
            newest[isinstance(row, TwapUpdate), order_id] = cancel_id, row, at
    orders = {cancel.pk: (cancel.kind == CancelKind.TWAP, cancel.order_id) for cancel in cancels}
    return {pk: newest[order] for pk, order in orders.items() if order in newest}


def kept_lately(account: Account, now: datetime) -> list[Kept]:
    """Return what the log keeps of the stream's last seconds, by the cancels that it names."""
    lines = AuditRecordOrder.objects.filter(
        record__at__gt=now - LATELY, record__account=account, record__event=Event.STREAM
    )
    told = lines.values_list("cancel_id", "data", "record__at")
    read = [(pk, _row(data), at) for pk, data, at in told]
    return [(pk, row, at) for pk, row, at in read if row is not None and _is_of_order(row)]


def ids_kept(account_id: int, order_ids: set[int | None]) -> set[int | None]:
    """Return those among these order ids of which the log keeps an update of the stream."""
    lines = AuditRecordOrder.objects.filter(order_id__any=order_ids, account_id=account_id)
    of_stream = lines.filter(record__event=Event.STREAM).order_by()
    return set(of_stream.values_list("order_id", flat=True))


def _is_of_order(row: OrderUpdate) -> bool:
    return row.order_id is not None and not isinstance(row, TwapUpdate)


def _row(text: str) -> OrderUpdate | None:
    """Read a kept row as what it is; None where it may be of a TWAP order or of another."""
    try:
        item = parse_rows(text.encode())
    except Unreadable:
        return None
    if not isinstance(item, dict):
        return None
    is_twap = is_of_twap(item)
    return None if is_twap is None else row_of(TwapUpdate if is_twap else OrderUpdate, item)
