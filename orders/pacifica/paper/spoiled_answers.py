"""What a fault makes of one request: waits, dropped connections, other answers."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from . import envelopes, request_handler
from .altered_rows import altered_rows
from .cut_connections import cut
from .envelopes import Answer
from .exchange import PaperExchange
from .faults import Fault
from .refusals import Refused

POLL_S = 0.02
CHUNK = 64 * 1024
TEXTS = {429: "Rate limit exceeded", 500: "Internal server error", 504: "Request timed out"}


@dataclass(frozen=True)
class SpoiledRequest:
    """One request that a fault met.

    ``asked``: the request as the exchange takes it; ``request``: as aiohttp does. ``respond``
    makes the HTTP answer of an `Answer`.
    """

    exchange: PaperExchange
    asked: request_handler.Asked
    fault: Fault
    request: web.BaseRequest
    respond: Callable[[Answer], Awaitable[web.StreamResponse]]

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of the fault's kind, by name."""
        return self.fault.params

    def answered(self) -> Answer:
        """Let the exchange work, and return its answer."""
        return request_handler.answered(self.exchange, self.asked)

    def answered_if_applied(self) -> None:
        """Let the exchange work only where the fault says so."""
        if self.params["applied"]:
            self.answered()
        else:
            self.asked.entry["verdict"] = "not_processed"


async def handled(spoiled: SpoiledRequest) -> web.StreamResponse:
    """Handle the request as the fault wants it; the connection may be gone by then."""
    spoiled.asked.entry["fault"] = spoiled.fault.kind
    return await SPOILERS[spoiled.fault.kind](spoiled)


async def _delay_before(spoiled: SpoiledRequest) -> web.StreamResponse:
    if not await _slept(spoiled.exchange, spoiled.params["delay_ms"]):
        return _hang_up(spoiled.request, reset=False)
    return await spoiled.respond(spoiled.answered())


async def _delay_after(spoiled: SpoiledRequest) -> web.StreamResponse:
    answer = spoiled.answered()
    await asyncio.sleep(spoiled.params["delay_ms"] / 1000)
    return await spoiled.respond(answer)


async def _drop(spoiled: SpoiledRequest) -> web.StreamResponse:
    spoiled.asked.entry["verdict"] = "not_processed"
    return _hang_up(spoiled.request, reset=spoiled.params["reset"])


async def _apply_then_drop(spoiled: SpoiledRequest) -> web.StreamResponse:
    spoiled.answered()
    return _hang_up(spoiled.request, reset=spoiled.params["reset"])


async def _status(spoiled: SpoiledRequest) -> web.StreamResponse:
    spoiled.answered_if_applied()
    return await spoiled.respond(_made_up(spoiled.exchange, spoiled.params))


async def _drip(spoiled: SpoiledRequest) -> web.StreamResponse:
    answer = spoiled.answered()
    size = spoiled.params["chunk_bytes"]
    chunks = [answer.body[at : at + size] for at in range(0, len(answer.body), size)]
    return await _stream(
        spoiled.request, answer, chunks, pause_s=spoiled.params["interval_ms"] / 1000
    )


async def _huge(spoiled: SpoiledRequest) -> web.StreamResponse:
    spoiled.answered_if_applied()
    head, tail = envelopes.DONE[:-1] + b',"padding":"', b'"}'
    size = max(0, spoiled.params["size"] - len(head) - len(tail))
    chunks = [head, *[b"A" * CHUNK] * (size // CHUNK), b"A" * (size % CHUNK), tail]
    return await _stream(spoiled.request, Answer(), chunks, pause_s=0)


async def _late(spoiled: SpoiledRequest) -> web.StreamResponse:
    if not await _slept(spoiled.exchange, spoiled.params["delay_ms"]):
        return _hang_up(spoiled.request, reset=False)
    spoiled.answered()
    loop = asyncio.get_running_loop()
    until = loop.time() + spoiled.params["hold_ms"] / 1000
    while loop.time() < until and not _is_gone(spoiled.request):
        await asyncio.sleep(POLL_S)
    return _hang_up(spoiled.request, reset=False)


async def _fill_first(spoiled: SpoiledRequest) -> web.StreamResponse:
    request_handler.fill_named_orders(spoiled.exchange, spoiled.asked, spoiled.params["amount"])
    return await spoiled.respond(spoiled.answered())


async def _altered(spoiled: SpoiledRequest) -> web.StreamResponse:
    answer = spoiled.answered()
    return await spoiled.respond(replace(answer, body=altered_rows(answer.body, **spoiled.params)))


SPOILERS: dict[str, Callable[[SpoiledRequest], Awaitable[web.StreamResponse]]] = {
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
    cut(request.transport, reset=reset)
    return web.Response()
