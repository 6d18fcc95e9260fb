"""What the recorded frames of the stream show, by their bytes alone."""

from collections.abc import Iterator
from typing import Any, Final

from orders.audit.hashing import Row
from orders.audit.reader import Entry
from orders.models import CancelStatus
from orders.pacifica import stream_frames
from orders.pacifica.stream_frames import Updates
from orders.pacifica.stream_rows import OrderUpdate, TwapUpdate, is_of_twap
from orders.pacifica.strict_json import Unreadable, parse_rows

CANCEL: Final = 1  # places in an order row
ORDER: Final = 4
CLIENT_ORDER: Final = 5
DATA: Final = 7
Ended = set[tuple[bool, int | str | None]]  # whether it is of TWAP orders, and the id or name


def cancelled(entry: Entry, body: bytes) -> list[int | None]:
    """Return the cancels whose order a kept frame calls cancelled, for this very account.

    Of frames too long to be kept whole, each order row holds the exchange's own.
    """
    frames = [*_frames(entry, body)]
    if (entry.values["body_length"] or 0) > len(body):
        frames += [_frame_of(row[DATA]) for row in entry.rows if row[DATA]]
    ended: Ended = set()
    for row in _updates(frames, entry.values["account_address"]):
        if row.order_status == CancelStatus.CANCELLED and row.order_id is not None:
            is_twap = isinstance(row, TwapUpdate)
            ended |= {(is_twap, row.order_id), (is_twap, (row.client_order_id or "").lower())}
    ended -= {(True, ""), (False, "")}
    return [row[CANCEL] for row in entry.rows if _is_ended(row, ended)]


def _is_ended(row: Row, ended: Ended) -> bool:
    """Whether an end is told of this line's order: of a TWAP order on their channel alone."""
    is_twap = _is_of_twap(row[DATA])
    kinds = (True, False) if is_twap is None else (is_twap,)
    names = (row[ORDER], (row[CLIENT_ORDER] or "").lower())
    return any((kind, name) in ended for kind in kinds for name in names)


def _is_of_twap(text: str) -> bool | None:
    try:
        item = parse_rows((text or "").encode())
    except Unreadable:
        return None
    return is_of_twap(item) if isinstance(item, dict) else None


def _frames(entry: Entry, body: bytes) -> Iterator[bytes]:
    """Cut the payload into its frames, which one byte parts, by their recorded lengths."""
    start = 0
    listed: Any = entry.data.get("frames")
    for frame in listed if isinstance(listed, list) else []:
        length = frame.get("length") if isinstance(frame, dict) else None
        if type(length) is not int or length < 0:
            return
        yield body[start : start + length]
        start += length + 1


def _frame_of(row: str) -> bytes:
    source = stream_frames.TWAPS if _is_of_twap(row) else stream_frames.ORDERS
    return f'{{"channel": "{source}", "data": [{row}]}}'.encode()


def _updates(frames: list[bytes], address: str) -> Iterator[OrderUpdate]:
    for raw in frames:
        read = stream_frames.read_frame(raw)
        for update in read.updates if isinstance(read, Updates) else ():
            if update.account == address and isinstance(update.row, OrderUpdate):
                yield update.row
