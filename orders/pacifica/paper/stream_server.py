"""The WebSocket at ``/ws``: handshake, the client's messages, silence and the end of a life."""

import asyncio

from aiohttp import WSMsgType, web

from . import stream_messages
from .cut_connections import cut
from .exchange import PaperExchange
from .faults import HANDSHAKE
from .stream_connection import Connection

PATH = HANDSHAKE
# Which code the exchange closes with after silence and after a day is not known: an orderly one.
ORDERLY = 1000
# How long a close waits for the client's own close frame.
CLOSING_S = 1.0
STRATEGIES_EVERY_S, NO_STRATEGY_S = 0.02, 0.2


async def served(exchange: PaperExchange, request: web.BaseRequest) -> web.StreamResponse:
    """Serve one connection until it ends; 400 where the request asks for no WebSocket."""
    refusal = exchange.faults.take_of_stream(HANDSHAKE, None)
    if refusal is not None:
        return _refused(request, refusal.params["status"])
    socket = web.WebSocketResponse(compress=False, timeout=CLOSING_S)
    await socket.prepare(request)
    connection = exchange.stream.opened(socket, request)
    _keep_strategies_going(exchange)
    try:
        while not await heard_out(exchange, connection):
            pass
    finally:
        exchange.stream.closed(connection)
        await connection.finished()
    return socket


def _refused(request: web.BaseRequest, status: int | None) -> web.Response:
    if status is None:
        cut(request.transport, reset=False)
    return web.Response(status=status or 503)


async def heard_out(exchange: PaperExchange, connection: Connection) -> bool:
    """Hear the client until it leaves; close after its silence or at the end of its life.

    False where the time is up but the connection is stalled, which ends by no time.
    """
    loop, record = asyncio.get_running_loop(), connection.record
    dies_at = connection.opened_at + exchange.rules.stream_life_s
    try:
        async with asyncio.timeout(None) as timer:
            while True:
                silent_at = loop.time() + exchange.rules.stream_silence_s
                timer.reschedule(None if record.is_stalled else min(dies_at, silent_at))
                message = await connection.socket.receive()
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    return True
                record.received += 1
                stream_messages.heard(exchange.stream, connection, message.data)
    except TimeoutError:
        if record.is_stalled:
            return False
        record.reason = "lived" if loop.time() >= dies_at else "silent"
        await connection.socket.close(code=ORDERLY)
        return True


def _keep_strategies_going(exchange: PaperExchange) -> None:
    """Let strategies place again what is due while somebody listens, without any request."""
    stream = exchange.stream
    if stream.ticking is None or stream.ticking.done():
        stream.ticking = asyncio.create_task(_place_due(exchange))


async def _place_due(exchange: PaperExchange) -> None:
    while exchange.stream.connections:
        exchange.engine.place_due()
        may_place = exchange.strategies.are_unfinished
        await asyncio.sleep(STRATEGIES_EVERY_S if may_place else NO_STRATEGY_S)
