"""The web server under the stream: uvicorn on one socket, ended by a signal within seconds."""

import asyncio
import logging
import resource
import socket
from collections.abc import Callable

import uvicorn

from orders.admin.push.asgi import Beside, application
from orders.admin.push.service import Service

TICK_S = 0.5  # between two looks whether it is told to stop; then the date of answers is set too
LEAVING_S = 2  # after a signal: for streams to end
CALLS = 1_000  # beside the pages' streams: programs that beat or follow a job
FILES_BESIDE = 100


class Server(uvicorn.Server):
    """Ends the streams itself when it is told to stop: the server would wait for them.

    ``when_listening`` is called once connections are taken. ``beside``: what else it serves.
    """

    def __init__(
        self, service: Service, when_listening: Callable[[], None], *beside: Beside
    ) -> None:
        super().__init__(
            uvicorn.Config(
                application(service, *beside),
                log_config=None,
                log_level=logging.WARNING,
                access_log=False,
                http="h11",
                loop="asyncio",
                ws="none",
                lifespan="on",
                proxy_headers=False,  # Django reads them, where the setting trusts them
                server_header=False,
                limit_concurrency=service.limits.streams + CALLS,
                timeout_graceful_shutdown=LEAVING_S,
            )
        )
        self._service, self._when_listening, self._beside = service, when_listening, beside

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as usual, then say so; a start that failed says nothing."""
        await super().startup(sockets)
        if self.started:
            self._when_listening()

    async def main_loop(self) -> None:
        """Wait until it is told to stop; uvicorn's own looks ten times a second."""
        while not await self.on_tick(0):
            await asyncio.sleep(TICK_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End each open stream, then stop as usual."""
        self._service.close()
        for each in self._beside:
            each.close()
        await super().shutdown(sockets)


def listening(host: str, port: int, service: Service) -> socket.socket:
    """Return the socket, with room for every stream. Raises `OSError`."""
    _allow_files(service.limits.streams + CALLS + FILES_BESIDE)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # inherited: the kernel lets go of who takes nothing
        stuck_ms = int(service.limits.stuck_s * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, stuck_ms)
    listener.bind((host, port))
    return listener


def _allow_files(wanted: int) -> None:
    """Raise the limit of open files to what may be needed, as far as this user may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
