"""The event loop of the stream: a name that is looked up for long keeps nothing from ending."""

import asyncio
import socket
import threading
from concurrent.futures import Future
from typing import Any


class Loop(asyncio.SelectorEventLoop):
    """Looks names up in daemon threads: the usual loop ends only once each look-up has."""

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """As asyncio's: what `socket.getaddrinfo` returns or raises."""
        future: Future[Any] = Future()

        def look_up() -> None:
            try:
                future.set_result(socket.getaddrinfo(host, port, family, type, proto, flags))
            except BaseException as error:
                future.set_exception(error)

        future.set_running_or_notify_cancel()
        threading.Thread(target=look_up, name="stream name", daemon=True).start()
        return await asyncio.wrap_future(future, loop=self)
