"""What a fault makes of one request: waits, dropped connections, other answers."""

import asyncio
import base64
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from aiohttp import web

from . import envelopes, request_handler
from .altered_rows import altered_rows
from .envelopes import Answer
from .exchange import PaperExchange
from .faults import Fault
from .refusals import Refused

Respond = Callable[[Answer], Awaitable[web.StreamResponse]]
# What one kind of fault makes of a request: (exchange, request as it came, the fault's
# parameters, aiohttp's request, what makes the HTTP answer) -> response
Spoiler = Callable[
    [PaperExchange, request_handler.Asked, dict[str, Any], web.BaseRequest, Respond],
    Awaitable[web.StreamResponse],
]

# A reset instead of an orderly close: linger on, zero seconds.
NO_LINGER = struct.pack("ii", 1, 0)
POLL_S = 0.02
CHUNK = 64 * 1024
TEXTS = {429: "Rate limit exceeded", 500: "Internal server error", 504: "Request timed out"}


async def spoiled(
    exchange: PaperExchange,
    asked: request_handler.Asked,
    fault: Fault,
    *,
    request: web.BaseRequest,
    respond: Respond,
) -> web.StreamResponse:
    """Handle the request as the fault wants it. ``respond`` makes the HTTP answer of an `Answer`.

    Returns a response; the connection may be gone by then.
    """
    asked.entry["fault"] = fault.kind
    return await SPOILERS[fault.kind](exchange, asked, fault.params, request, respond)


async def _delay_before(
    exchange: PaperExchange,
    asked: request_handler.Asked,
    params: dict[str, Any],
    request: web.BaseRequest,
    respond: Respond,
) -> web.StreamResponse:
    if not await _slept(exchange, params["delay_ms"]):
        return _hang_up(request, reset=False)
    return await respond(request_handler.answered(exchange, asked))


async def _delay_after(
    exchange: PaperExchange,
    asked: request_handler.Asked,
    params: dict[str, Any],
    request: web.BaseRequest,
    respond: Respond,
) -> web.StreamResponse:
    answer = request_handler.answered(exchange, asked)
    await asyncio.sleep(params["delay_ms"] / 1000)
    return await respond(answer)


async def _drop(
    exchange: PaperExchange,
    asked: request_handler.Asked,
    params: dict[str, Any],
    request: web.BaseRequest,
    respond: Respond,
) -> web.StreamResponse:
    asked.entry["verdict"] = "not_processed"
    return _hang_up(request, reset=params["reset"])


async def _apply_then_drop(
    exchange: PaperExchange,
    asked: request_handler.Asked,
    params: dict[str, Any],
    request: web.BaseRequest,
    respond: Respond,
) -> web.StreamResponse:
    request_handler.answered(exchange, asked)
    return _hang_up(request, reset=params["reset"])


async def _status(
    exchange: PaperExchange,
    asked: request_handler.Asked,
    params: dict[str, Any],
    request: web.BaseRequest,
    respond: Respond,
) -> web.StreamResponse:
    if params["applied"]:
        request_handler.answered(exchange, asked)
    else:
        asked.entry["verdict"] = "not_processed"
    return await respond(_made_up(exchange, params))


async def _drip(
    exchange: PaperExchange,
    asked: request_handler.Asked,
    params: dict[str, Any],
    request: web.BaseRequest,
    respond: Respond,
) -> web.StreamResponse:
    answer = request_handler.answered(exchange, asked)
    size = params["chunk_bytes"]
    chunks = [answer.body[at : at + size] for at in range(0, len(answer.body), size)]
    return await _stream(request, answer, chunks, pause_s=params["interval_ms"] / 1000)


async def _huge(
    exchange: PaperExchange,
    asked: request_handler.Asked,
    params: dict[str, Any],
    request: web.BaseRequest,
    respond: Respond,
) -> web.StreamResponse:
    if params["applied"]:
        request_handler.answered(exchange, asked)
    else:
        asked.entry["verdict"] = "not_processed"
    head, tail = envelopes.DONE[:-1] + b',"padding":"', b'"}'
    size = max(0, params["size"] - len(head) - len(tail))
    chunks = [head, *[b"A" * CHUNK] * (size // CHUNK), b"A" * (size % CHUNK), tail]
    return await _stream(request, Answer(), chunks, pause_s=0)


async def _late(
    exchange: PaperExchange,
    asked: request_handler.Asked,
    params: dict[str, Any],
    request: web.BaseRequest,
    respond: Respond,
) -> web.StreamResponse:
    if not await _slept(exchange, params["delay_ms"]):
        return _hang_up(request, reset=False)
    request_handler.answered(exchange, asked)
    loop = asyncio.get_running_loop()
    until = loop.time() + params["hold_ms"] / 1000
    while loop.time() < until and not _is_gone(request):
        await asyncio.sleep(POLL_S)
    return _hang_up(request, reset=False)


async def _fill_first(
    exchange: PaperExchange,
    asked: request_handler.Asked,
    params: dict[str, Any],
    request: web.BaseRequest,
    respond: Respond,
) -> web.StreamResponse:
    request_handler.fill_named_orders(exchange, asked, params["amount"])
    return await respond(request_handler.answered(exchange, asked))


async def _altered(
    exchange: PaperExchange,
    asked: request_handler.Asked,
    params: dict[str, Any],
    request: web.BaseRequest,
    respond: Respond,
) -> web.StreamResponse:
    answer = request_handler.answered(exchange, asked)
    return await respond(replace(answer, body=altered_rows(answer.body, **params)))


SPOILERS: dict[str, Spoiler] = {
    "delay_before": _delay_before,
    "delay_after": _delay_after,
    "drop": _drop,
    "apply_then_drop": _apply_then_drop,
    "status": _status,
    "drip": _drip,
    "huge": _huge,
    "late": _late,
    "fill_first": _fill_first,
    "altered": _altered,
}


async def _slept(exchange: PaperExchange, delay_ms: int) -> bool:
    """Sleep; return whether no reset came meanwhile, for that ends what was waiting."""
    resets = exchange.resets
    await asyncio.sleep(delay_ms / 1000)
    return exchange.resets == resets


def _made_up(exchange: PaperExchange, params: dict[str, Any]) -> Answer:
    status, body = params["status"], params["body"]
    if params["body_base64"] is not None:
        raw, content_type = base64.b64decode(params["body_base64"]), envelopes.JSON
    elif isinstance(body, str):
        raw, content_type = body.encode("utf-8", "surrogatepass"), "text/plain; charset=utf-8"
    elif body is not None:
        raw, content_type = json.dumps(body).encode(), envelopes.JSON
    elif status < 400:
        raw, content_type = envelopes.DONE, envelopes.JSON
    else:
        refusal = Refused(status, TEXTS.get(status, "Internal server error"))
        usual = envelopes.refused(refusal, exchange.rules)
        raw, content_type = usual.body, usual.content_type
    return Answer(status, raw, params["content_type"] or content_type, dict(params["headers"]))


async def _stream(
    request: web.BaseRequest, answer: Answer, chunks: list[bytes], *, pause_s: float
) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_type = answer.content_type
    response.content_length = sum(map(len, chunks))
    await response.prepare(request)
    try:
        for chunk in chunks:
            await response.write(chunk)
            await asyncio.sleep(pause_s)
        await response.write_eof()
    except ConnectionError:
        pass  # The client has had enough, which is what the fault is for.
    return response


def _is_gone(request: web.BaseRequest) -> bool:
    return request.transport is None or request.transport.is_closing()


def _hang_up(request: web.BaseRequest, *, reset: bool) -> web.StreamResponse:
    transport = request.transport
    if transport is not None:
        if reset:
            peer = transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        transport.abort()
    return web.Response()
