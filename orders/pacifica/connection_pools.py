"""Pools of connections to one host: opened ahead, and taken where they stand already."""

import queue
from typing import Any, cast

from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from .connections import Watched, WatchedTLS
from .deadlines import Exchange, begin


class Standing(HTTPConnectionPool):
    """A pool whose connections may also be opened ahead, and taken where they stand already."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        while self.pool is not None and not self.pool.empty():
            self.pool.get(block=False)  # urllib3 fills it with a place for each that may come

    def open_one(self, exchange: Exchange) -> None:
        """Open a connection and keep it. Raises what opening one raises."""
        begin(exchange)
        connection = self._new_conn()
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        self._put_conn(connection)

    def count_standing(self, at_most: int) -> int:
        """Count kept connections that are fit for use, up to so many."""
        taken: list[Watched] = []
        while len(taken) < at_most and (connection := self.take_standing()) is not None:
            taken.append(connection)
        for connection in reversed(taken):
            self.keep(connection)
        return len(taken)

    def take_standing(self) -> Watched | None:
        """Take a kept connection that is fit for another request; None where there is none."""
        while self.pool is not None:
            try:
                connection = self.pool.get(block=False)
            except queue.Empty:
                break
            if connection is None:  # urllib3 puts one for each that broke off
                continue
            if connection.is_connected:
                return cast(Watched, connection)
            connection.close()
        return None

    def keep(self, connection: Watched) -> None:
        """Take a connection back."""
        self._put_conn(connection)


class _PlainPool(Standing):
    ConnectionCls = Watched


class _TLSPool(Standing, HTTPSConnectionPool):
    ConnectionCls = WatchedTLS


POOLS = {"http": _PlainPool, "https": _TLSPool}  # by URL scheme
