"""The stream's memory: who is connected, who subscribed to what, and telling them of changes."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from . import stream_faults, stream_rows
from .book import TWAP, Event, PaperOrder
from .faults import UPDATE
from .ledger import now_ms
from .strategies import Strategy
from .stream_connection import Connection, ConnectionRecord, Frame, new_record

if TYPE_CHECKING:
    from .exchange import PaperExchange

MOST_RECORDS = 2_000
Topic = tuple[str, str]  # source, account
Row = dict[str, Any]
Snapshot = Callable[[list[PaperOrder], int], bytes]  # (open orders, last order id) -> frame


class Stream:
    """All connections of one exchange. Without a subscriber a change costs one look."""

    def __init__(self, exchange: "PaperExchange") -> None:
        self.exchange = exchange
        self.connections: dict[int, Connection] = {}
        self.subscribers: dict[Topic, dict[int, Connection]] = {}
        self.records: deque[ConnectionRecord] = deque(maxlen=MOST_RECORDS)
        # Rows that wait for the end of this turn of the loop, and frames that wait for the next.
        self.gathered: dict[Topic, list[Row]] = {}
        self.held: dict[Topic, list[bytes]] = {}
        self.last_number = 0
        self.last_event_id = 0
        self.ticking: asyncio.Task[None] | None = None

    def reset(self) -> None:
        """Close every connection and forget those that were."""
        self.close_all(code=1001, reason="reset")
        for forgotten in (self.subscribers, self.gathered, self.held):
            forgotten.clear()
        self.records.clear()
        self.last_number = 0

    def opened(self, socket: web.WebSocketResponse, request: web.BaseRequest) -> Connection:
        """Take in a new connection."""
        self.last_number += 1
        record = new_record(self.last_number, request)
        connection = Connection(socket=socket, record=record, transport=request.transport)
        self.connections[id(connection)] = connection
        self.records.append(connection.record)
        return connection

    def closed(self, connection: Connection) -> None:
        """Let go of a connection that ended."""
        connection.record.closed_at = now_ms()
        self.connections.pop(id(connection), None)
        for topic in [*connection.record.subscriptions]:
            self._drop((topic[0], topic[1]), connection)

    def subscribe(self, connection: Connection, topic: Topic) -> bool:
        """Subscribe; False where it has as many of that source as it may."""
        mine = connection.record.subscriptions
        if list(topic) in mine:
            return True
        if sum(each[0] == topic[0] for each in mine) >= self.exchange.rules.stream_subscriptions:
            return False
        mine.append(list(topic))
        self.subscribers.setdefault(topic, {})[id(connection)] = connection
        return True

    def unsubscribe(self, connection: Connection, topic: Topic) -> None:
        """Tell it no more of this."""
        if list(topic) in connection.record.subscriptions:
            connection.record.subscriptions.remove(list(topic))
        self._drop(topic, connection)

    def close_all(self, *, code: int, reason: str) -> None:
        """Close every connection with the code."""
        for connection in self.connections.values():
            connection.close(code=code, reason=reason)

    def order_changed(self, order: PaperOrder, event: Event) -> None:
        """Tell who subscribed what just happened to an order."""
        if not self.subscribers:
            return
        if order.kind == TWAP:
            self._tell(stream_rows.TWAPS, order.account, stream_rows.twap_update, order, event)
            self._tell_all((stream_rows.OPEN_TWAPS, order.account), stream_rows.open_twaps)
        else:
            self._tell(stream_rows.ORDERS, order.account, stream_rows.order_update, order, event)
            self._tell_all((stream_rows.OPEN_ORDERS, order.account), stream_rows.open_orders)

    def strategy_changed(self, strategy: Strategy) -> None:
        """Tell who subscribed that a strategy has begun or ended."""
        self.last_event_id += 1
        topic = (stream_rows.STRATEGIES, strategy.account)
        if topic in self.subscribers:
            update = stream_rows.strategy_update(strategy, self.last_event_id)
            self._publish(topic, stream_rows.frame(stream_rows.STRATEGIES, update))

    def snapshot(self, account: str, make: Snapshot = stream_rows.open_orders) -> bytes:
        """Make the frame of all the account's open orders."""
        book = self.exchange.book
        return make([*book.open.get(account, {}).values()], book.last_order_id)

    def listening(self, topic: Topic) -> list[Connection]:
        """List who is subscribed now."""
        return [*self.subscribers.get(topic, {}).values()]

    def send(self, topic: Topic, frame: Frame) -> None:
        """Send the frame to all who are subscribed now, and after it what was held."""
        for each in (frame, *self.held.pop(topic, ())):
            for connection in self.listening(topic):
                connection.send(each)

    def hold(self, topic: Topic, frame: bytes) -> None:
        """Keep the frame until the next one was sent, or it is released."""
        self.held.setdefault(topic, []).append(frame)

    def release(self, topic: Topic) -> None:
        """Send what is still held."""
        for frame in self.held.pop(topic, ()):
            self.send(topic, frame)

    def later(self, delay_ms: float, act: Callable[[], None]) -> None:
        """Do it after so long, unless a reset comes meanwhile."""
        resets = self.exchange.resets
        asyncio.get_running_loop().call_later(
            delay_ms / 1000, lambda: act() if self.exchange.resets == resets else None
        )

    def _tell(
        self, source: str, account: str, make: Callable[..., Row], order: PaperOrder, event: Event
    ) -> None:
        """Publish the row, alone or with those that follow within the same turn of the loop."""
        topic = (source, account)
        if topic not in self.subscribers:
            return
        if self.exchange.rules.stream_rows == 1:
            self._publish(topic, partial(stream_rows.frame, source, [make(order, event)]))
            return
        if topic not in self.gathered:
            asyncio.get_running_loop().call_soon(self._publish_gathered, topic)
        self.gathered.setdefault(topic, []).append(make(order, event))

    def _tell_all(self, topic: Topic, make: Snapshot) -> None:
        if topic in self.subscribers:
            self._publish(topic, self.snapshot(topic[1], make))

    def _publish_gathered(self, topic: Topic) -> None:
        rows, size = self.gathered.pop(topic, []), self.exchange.rules.stream_rows
        for start in range(0, len(rows), size):
            self._publish(topic, stream_rows.frame(topic[0], rows[start : start + size]))

    def _publish(self, topic: Topic, frame: Frame) -> None:
        """Send the frame as rules and faults want it."""
        delay_ms = self.exchange.rules.stream_delay_ms
        if delay_ms:
            self.later(delay_ms, lambda: self._send_or_spoil(topic, frame))
        else:
            self._send_or_spoil(topic, frame)

    def _send_or_spoil(self, topic: Topic, frame: Frame) -> None:
        fault = None
        if self.exchange.faults.armed:
            fault = self.exchange.faults.take_of_stream(UPDATE, topic[1])
        if fault is None:
            self.send(topic, frame)
        else:
            spelled = frame if isinstance(frame, bytes) else frame()
            stream_faults.send_spoiled(self, topic, spelled, fault)

    def told(self) -> list[dict[str, Any]]:
        """Return the records of all connections, oldest first."""
        return [asdict(record) for record in self.records]

    def _drop(self, topic: Topic, connection: Connection) -> None:
        listening = self.subscribers.get(topic, {})
        listening.pop(id(connection), None)
        if not listening:
            self.subscribers.pop(topic, None)
