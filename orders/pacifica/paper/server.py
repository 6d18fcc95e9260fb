"""The exchange's HTTP face: routes to the API or the control doors, headers, latency."""

import asyncio
from email.utils import formatdate

from aiohttp import web

from . import control, envelopes, request_handler, spoiled_answers, stream_server
from .envelopes import Answer
from .exchange import PaperExchange
from .spoiled_answers import SpoiledRequest

API = "/api/v1"
CONTROL = "/_paper"
# Far above any body the exchange takes, so that the answer is its own and not the library's.
MAX_BODY = 16 * 1024 * 1024


class Face:
    """Handles every request of one exchange; call it with an aiohttp request.

    A plain handler without router or middlewares: benchmarks measure clients against it.
    """

    def __init__(self, exchange: PaperExchange) -> None:
        self.exchange = exchange
        self._date = (0, "")
        self._answers = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Take one request in and give one response out."""
        path = request.path
        if path.startswith(API):
            return await self._api(request, path[len(API) :])
        if path.startswith(CONTROL):
            return await control.handled(self.exchange, request, path[len(CONTROL) :])
        if path == stream_server.PATH:
            return await stream_server.served(self.exchange, request)
        return self._response(Answer(404, b"Not found", "text/plain; charset=utf-8"))

    async def _api(self, request: web.BaseRequest, route: str) -> web.StreamResponse:
        exchange = self.exchange
        raw = await _body(request)
        if raw and request.method == "GET":
            # CloudFront, which stands before the exchange, refuses a GET that carries a body.
            return await self._respond(envelopes.html(403))
        asked = request_handler.noted(
            exchange,
            method=request.method,
            route=route,
            query=dict(request.query) if request.query_string else {},
            raw=raw,
            api_key=request.headers.get("PF-API-KEY"),
        )
        if exchange.faults.armed:
            fault = exchange.faults.take(route, asked.entry["account"])
            if fault is not None:
                met = SpoiledRequest(exchange, asked, fault, request, self._respond)
                return await spoiled_answers.handled(met)
        return await self._respond(request_handler.answered(exchange, asked))

    async def _respond(self, answer: Answer) -> web.StreamResponse:
        latency_ms = self.exchange.rules.latency_ms
        if latency_ms:
            await asyncio.sleep(latency_ms / 1000)
        return self._response(answer)

    def _response(self, answer: Answer) -> web.StreamResponse:
        self._answers += 1
        headers = {
            "Content-Type": answer.content_type,
            "Date": self._http_date(),
            "X-Request-Id": f"paper-{self._answers:012x}",
            **answer.headers,
        }
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    def _http_date(self) -> str:
        """Tell the exchange's clock as HTTP writes it, whole seconds."""
        second = self.exchange.now_ms() // 1000
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True))
        return self._date[1]


async def _body(request: web.BaseRequest) -> bytes:
    if not request.can_read_body:
        return b""
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        return b" " * (MAX_BODY + 1)
    except ConnectionResetError:  # the client died before it had sent all of it
        raise web.HTTPBadRequest from None
