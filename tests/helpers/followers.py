"""Open pages without a browser or a socket: the stream's application, driven round by round."""

import asyncio
import json
from datetime import timedelta

from django.conf import settings
from django.db import connections
from django.utils import timezone

from orders.admin.push import asgi
from orders.admin.push.limits import Limits
from orders.admin.push.service import Service


class Hands:
    """Clocks that a test moves: seconds that passed, for both of a service's."""

    def __init__(self):
        self.passed_s = 0

    def now(self):
        return timezone.now() + timedelta(seconds=self.passed_s)

    def clock(self):
        return 1000.0 + self.passed_s


class Desk:
    """A service that looks when a test says so, and the pages that follow it."""

    def __init__(self, **limits):
        self.hands = Hands()
        self.service = Service(Limits(**limits), now=self.hands.now, clock=self.hands.clock)
        self.app = asgi.application(self.service)
        self.pages = []

    async def __aenter__(self):
        await self.service.start()
        return self

    async def __aexit__(self, *exc):
        for page in self.pages:
            page.leave()
        await settled()
        self.service.stop(wait=True)

    async def look(self, *, after_s=0):
        """Let so much time pass, look once, and let every page take what it is sent."""
        self.hands.passed_s += after_s
        await self.service.round()
        await settled()

    async def open(self, client=None, **about):
        """A page of a signed-in browser that has its answer; of a stranger without one."""
        page = Page(self.app, scope_of(client, **about))
        self.pages.append(page)
        await page.is_answered.wait()
        await settled()
        return page


class Page:
    """One request for the stream, and all that came back."""

    def __init__(self, app, scope):
        self.sent, self.is_answered = b"", asyncio.Event()
        self.status, self.headers, self.is_over, self.is_slow = None, {}, False, False
        self._left = asyncio.Event()
        self._task = asyncio.create_task(self._run(app, scope))

    async def _run(self, app, scope):
        await app(scope, self._receive, self._send)
        self.is_over = True

    async def _receive(self):
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode().lower(): v.decode() for k, v in message["headers"]}
            return
        self.sent += message.get("body", b"")
        self.is_answered.set()
        if self.is_slow:
            await asyncio.Event().wait()

    def leave(self):
        self._left.set()
        if self.is_slow:
            self._task.cancel()

    @property
    def events(self):
        """What came since the last time: (name, id or None, data) of each event."""
        text, self.sent = self.sent.decode(), b""
        found = []
        for block in text.split("\n\n"):
            lines = [line.partition(": ") for line in block.split("\n")]
            named = {name: value for name, _, value in lines if name}
            if "event" in named:
                mark = int(named["id"]) if "id" in named else None
                found.append((named["event"], mark, json.loads(named["data"])))
        return found

    @property
    def told(self):
        """The data of the changes that came since the last time."""
        return [data for name, _, data in self.events if name == "change"]


def scope_of(client=None, *, method="GET", path="/events", query="", host="testserver", **headers):
    """An ASGI request as a server makes it; ``headers``: with ``_`` for ``-``."""
    if client is not None:
        key = client.cookies[settings.SESSION_COOKIE_NAME].value
        headers["cookie"] = f"{settings.SESSION_COOKIE_NAME}={key}"
    sent = {"host": host} | {name.replace("_", "-").lower(): v for name, v in headers.items()}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


async def beside(act):
    """Do it in a thread, which gives its connection back."""

    def run():
        try:
            act()
        finally:
            connections.close_all()

    await asyncio.to_thread(run)


async def settled():
    """Let every task do what it can do now."""
    for _ in range(20):
        await asyncio.sleep(0)
