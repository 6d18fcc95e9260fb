"""Running a paper exchange: in the foreground until a signal, or in a thread of its own."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from . import state
from .exchange import PaperExchange
from .rules import Rules
from .server import MAX_BODY, Face

HOST = "127.0.0.1"
BACKLOG = 4096
# Requests that hang by order are not waited for.
GOODBYE_S = 0.1


def run(
    *, port: int, latency_ms: float, state_file: Path | None, say: Callable[[str], object]
) -> None:
    """Serve until SIGINT or SIGTERM. ``say`` is called with lines for people.

    Raises `OSError` where the port is taken and `UnreadableState` where the file is no state.
    """
    asyncio.run(_run(port, latency_ms, state_file, say))


@contextmanager
def in_background(*, latency_ms: float = 0) -> Iterator[int]:
    """Run a paper exchange on a free loopback port, in a thread; yield the port."""
    running = _Background(Rules(latency_ms=latency_ms))
    running.start()
    try:
        yield running.port
    finally:
        running.stop()


@contextmanager
def on_signals(stop: asyncio.Event) -> Iterator[None]:
    """Have SIGINT and SIGTERM set the event, within."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _run(
    port: int, latency_ms: float, state_file: Path | None, say: Callable[[str], object]
) -> None:
    exchange = PaperExchange(Rules(latency_ms=latency_ms))
    if state_file is not None and state.load(exchange, state_file):
        say(f"Kept {len(exchange.book.orders)} orders from {state_file}")
    stop = asyncio.Event()
    with on_signals(stop):
        listener, server = await _listen(exchange, port)
        port = listener.sockets[0].getsockname()[1]
        say(f"Paper exchange on http://{HOST}:{port}/api/v1")
        keeper = asyncio.create_task(state.keep(exchange, state_file)) if state_file else None
        waiting: set[asyncio.Task[Any]] = {asyncio.create_task(stop.wait())}
        if keeper is not None:
            waiting.add(keeper)
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        await _close(exchange, listener, server)
    if keeper is not None and keeper in done:
        # It ends by itself only when it cannot save: say why instead of losing data silently.
        keeper.result()
    if keeper is not None and state_file is not None:
        keeper.cancel()
        state.save(exchange, state_file)
    say("Paper exchange stopped")


async def _listen(exchange: PaperExchange, port: int) -> tuple[asyncio.Server, web.Server]:
    loop = asyncio.get_running_loop()
    server = web.Server(
        Face(exchange), request_factory=_request, access_log=None, keepalive_timeout=75
    )
    listener = await loop.create_server(server, HOST, port, backlog=BACKLOG)
    return listener, server


async def _close(exchange: PaperExchange, listener: asyncio.Server, server: web.Server) -> None:
    listener.close()
    exchange.stream.close_all(code=1001, reason="stopped")
    server.pre_shutdown()
    await server.shutdown(GOODBYE_S)


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: "asyncio.Task[None]",
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY)


class _Background(threading.Thread):
    _loop: asyncio.AbstractEventLoop
    _stopping: asyncio.Event

    def __init__(self, rules: Rules) -> None:
        super().__init__(name="paper-exchange", daemon=True)
        self.rules = rules
        self.port = 0  # until it listens
        self._is_ready = threading.Event()
        self._error: Exception | None = None

    def start(self) -> None:
        super().start()
        self._is_ready.wait()
        if self._error is not None:
            raise self._error

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            self._error = error
            self._is_ready.set()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self.join(timeout=5)

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        exchange = PaperExchange(self.rules)
        listener, server = await _listen(exchange, 0)
        self.port = listener.sockets[0].getsockname()[1]
        self._is_ready.set()
        await self._stopping.wait()
        await _close(exchange, listener, server)
