"""The stream's memory: who is connected, who subscribed to what, and telling them of changes."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from . import stream_rows
from .book import TWAP, Event, PaperOrder
from .ledger import now_ms
from .strategies import Strategy
from .stream_connection import Connection, ConnectionRecord, new_record

if TYPE_CHECKING:
    from .exchange import PaperExchange

MOST_RECORDS = 10_000
Topic = tuple[str, str]  # source, account


class Stream:
    """All connections of one exchange. Without a subscriber a change costs one look."""

    def __init__(self, exchange: "PaperExchange") -> None:
        self.exchange = exchange
        self.connections: dict[int, Connection] = {}
        self.subscribers: dict[Topic, dict[int, Connection]] = {}
        self.records: deque[ConnectionRecord] = deque(maxlen=MOST_RECORDS)
        self.last_number = 0
        self.last_event_id = 0

    def reset(self) -> None:
        """Close every connection and forget those that were."""
        self.close_all(code=1001, reason="reset")
        self.subscribers.clear()
        self.records.clear()
        self.last_number = 0

    def opened(self, socket: web.WebSocketResponse, request: web.BaseRequest) -> Connection:
        """Take in a new connection."""
        self.last_number += 1
        connection = Connection(socket=socket, record=new_record(self.last_number, request))
        connection.transport = request.transport
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
            self._tell(stream_rows.TWAPS, order.account, lambda: _twap(order, event))
            return
        self._tell(stream_rows.ORDERS, order.account, lambda: _order(order, event))
        self._tell(stream_rows.OPEN_ORDERS, order.account, lambda: self.snapshot(order.account))

    def strategy_changed(self, strategy: Strategy) -> None:
        """Tell who subscribed that a strategy has begun or ended."""
        self.last_event_id += 1
        update = stream_rows.strategy_update(strategy, self.last_event_id)
        source = stream_rows.STRATEGIES
        self._tell(source, strategy.account, lambda: stream_rows.frame(source, update))

    def snapshot(self, account: str) -> bytes:
        """Make the frame of all the account's open orders."""
        book = self.exchange.book
        return stream_rows.open_orders([*book.open.get(account, {}).values()], book.last_order_id)

    def _tell(self, source: str, account: str, make: Callable[[], bytes]) -> None:
        topic = (source, account)
        if topic in self.subscribers:
            frame, delay_ms = make(), self.exchange.rules.stream_delay_ms
            if delay_ms:
                loop = asyncio.get_running_loop()
                loop.call_later(delay_ms / 1000, self.send, topic, frame)
            else:
                self.send(topic, frame)

    def send(self, topic: Topic, frame: bytes) -> None:
        """Send the frame to all who are subscribed now."""
        for connection in self.subscribers.get(topic, {}).values():
            connection.send(frame)

    def told(self) -> list[dict[str, Any]]:
        """Return the records of all connections, oldest first."""
        return [asdict(record) for record in self.records]

    def _drop(self, topic: Topic, connection: Connection) -> None:
        listening = self.subscribers.get(topic, {})
        listening.pop(id(connection), None)
        if not listening:
            self.subscribers.pop(topic, None)


def _order(order: PaperOrder, event: Event) -> bytes:
    return stream_rows.frame(stream_rows.ORDERS, [stream_rows.order_update(order, event)])


def _twap(order: PaperOrder, event: Event) -> bytes:
    return stream_rows.frame(stream_rows.TWAPS, [stream_rows.twap_update(order, event)])
