"""What the recorded frames of the stream show, by their bytes alone."""

from collections.abc import Iterator
from typing import Any, Final

from orders.audit.reader import Entry
from orders.models import CancelStatus
from orders.pacifica import stream_frames
from orders.pacifica.stream_frames import Updates
from orders.pacifica.stream_rows import OrderUpdate

CANCEL: Final = 1  # places in an order row
ORDER: Final = 4
CLIENT_ORDER: Final = 5
DATA: Final = 7


def cancelled(entry: Entry, body: bytes) -> list[int | None]:
    """Return the cancels whose order a kept frame calls cancelled, for this very account.

    Of frames too long to be kept whole, each order row holds the exchange's own.
    """
    frames = [*_frames(entry, body)]
    if (entry.values["body_length"] or 0) > len(body):
        frames += [_frame_of(row[DATA]) for row in entry.rows if row[DATA]]
    ended: set[int | str] = set()
    for row in _updates(frames, entry.values["account_address"]):
        if row.order_status == CancelStatus.CANCELLED and row.order_id is not None:
            ended |= {row.order_id, (row.client_order_id or "").lower()}
    ended -= {""}
    return [
        row[CANCEL]
        for row in entry.rows
        if row[ORDER] in ended or (row[CLIENT_ORDER] or "").lower() in ended
    ]


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
    return f'{{"channel": "{stream_frames.ORDERS}", "data": [{row}]}}'.encode()


def _updates(frames: list[bytes], address: str) -> Iterator[OrderUpdate]:
    for raw in frames:
        read = stream_frames.read_frame(raw)
        for update in read.updates if isinstance(read, Updates) else ():
            if update.account == address and isinstance(update.row, OrderUpdate):
                yield update.row
