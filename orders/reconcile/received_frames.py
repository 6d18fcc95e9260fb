"""Frames of the exchange's stream as they came in, and what those of one account say."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from orders.pacifica import stream_frames
from orders.pacifica.stream_frames import Update, Updates
from orders.pacifica.stream_rows import OrderUpdate
from orders.pacifica.strict_json import spelled


@dataclass(frozen=True)
class ReceivedFrame:
    """One frame, word for word. ``number``: its place in its connection, from 1."""

    raw: bytes = field(repr=False)
    received_at: datetime
    connection: str
    number: int


@dataclass(frozen=True)
class ToldUpdate:
    """One update of an order, and the frame that it came in."""

    row: OrderUpdate
    order_id: int
    is_twap: bool
    frame: ReceivedFrame

    @property
    def order(self) -> tuple[bool, int]:
        """Which order it is of: ids of TWAP orders and of others may be the same."""
        return self.is_twap, self.order_id

    @property
    def name(self) -> str:
        """The client order id in lower case, or empty."""
        return (self.row.client_order_id or "").lower()

    @property
    def raw(self) -> str:
        """The row word for word."""
        return spelled(self.row.raw)


@dataclass
class Burst:
    """What some frames say of one account.

    ``others``: numbers of frames, by connection, that speak of another account too: of these only
    our own rows are kept.
    """

    told: list[ToldUpdate] = field(default_factory=list)
    others: set[tuple[str, int]] = field(default_factory=set)
    updates: int = 0
    troubles: int = 0

    def kept(self, frame: ReceivedFrame) -> tuple[bytes, bool]:
        """Return what the log keeps of a frame, and whether that is its rows alone."""
        if (frame.connection, frame.number) not in self.others:
            return frame.raw, False
        return rows_alone([each for each in self.told if each.frame is frame]), True


def rows_alone(told: Sequence[ToldUpdate]) -> bytes:
    """Spell a frame that holds these rows of one channel and no others."""
    source = stream_frames.TWAPS if told[0].is_twap else stream_frames.ORDERS
    rows = ", ".join(each.raw for each in told)
    return f'{{"channel": "{source}", "data": [{rows}]}}'.encode()


def burst_of(address: str, frames: Sequence[ReceivedFrame]) -> Burst:
    """Read the frames as far as they can be read, and keep what they say of this account."""
    burst = Burst()
    for frame in frames:
        read = stream_frames.read_frame(frame.raw)
        if isinstance(read, Updates):
            _add(burst, address, frame, read)
        elif isinstance(read, stream_frames.Unreadable):
            burst.troubles += 1
    return burst


def _add(burst: Burst, address: str, frame: ReceivedFrame, read: Updates) -> None:
    ours = [update for update in read.updates if update.account == address]
    if len(ours) < len(read.updates):
        burst.others.add((frame.connection, frame.number))
    burst.updates += len(ours)
    burst.troubles += sum(each.account in (None, address) for each in read.troubles)
    burst.troubles += sum(bool(update.row.odd_fields) for update in ours)
    is_twap = read.source == stream_frames.TWAPS
    burst.told += [told for update in ours if (told := _told(update, is_twap, frame)) is not None]


def _told(update: Update, is_twap: bool, frame: ReceivedFrame) -> ToldUpdate | None:
    """Of strategies we hold no rows: only updates of orders tell something."""
    row = update.row
    if not isinstance(row, OrderUpdate) or row.order_id is None:
        return None
    return ToldUpdate(row, row.order_id, is_twap, frame)
