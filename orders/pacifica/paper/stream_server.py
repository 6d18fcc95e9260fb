"""The WebSocket at ``/ws``: handshake, the client's messages, silence and the end of a life."""

import asyncio

from aiohttp import WSMsgType, web

from . import stream_messages
from .exchange import PaperExchange
from .stream_connection import Connection

PATH = "/ws"
# The exchange's word for both ends is not known: an orderly close.
ORDERLY = 1000
# How long a close waits for the client's own close frame.
CLOSING_S = 1.0


async def served(exchange: PaperExchange, request: web.BaseRequest) -> web.StreamResponse:
    """Serve one connection until it ends; 400 where the request asks for no WebSocket."""
    socket = web.WebSocketResponse(compress=False, timeout=CLOSING_S)
    await socket.prepare(request)
    connection = exchange.stream.opened(socket, request)
    writing = asyncio.create_task(connection.write())
    try:
        await _listen(exchange, connection)
    finally:
        exchange.stream.closed(connection)
        writing.cancel()
    return socket


async def _listen(exchange: PaperExchange, connection: Connection) -> None:
    """Hear the client out; close after its silence or at the end of the connection's life."""
    loop = asyncio.get_running_loop()
    dies_at = loop.time() + exchange.rules.stream_life_s
    try:
        async with asyncio.timeout(None) as timer:
            while True:
                silent_at = loop.time() + exchange.rules.stream_silence_s
                timer.reschedule(min(dies_at, silent_at))
                message = await connection.socket.receive()
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    return
                connection.record.received += 1
                stream_messages.heard(exchange.stream, connection, message.data)
    except TimeoutError:
        connection.record.reason = "lived" if loop.time() >= dies_at else "silent"
        await connection.socket.close(code=ORDERLY)
