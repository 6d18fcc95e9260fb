"""How a broker's connections are held: no waiting for one that is down, hangs or is gone.

What Redis's own driver sets by itself, time-outs, retries and keep-alives, does not reach Celery:
its transport hands over its own defaults, which are none.
"""

import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CONNECT_S = 1
ANSWER_S = 5
HEARTBEAT_S = 10  # RabbitMQ's: one that hangs while its host answers is noticed by it alone
# A host that vanished says nothing, and a worker that listens says nothing either: without these it
# waits for half a minute before it asks, and where it cannot ask for ever.
LOOKS_FOR_BROKER = {
    "TCP_KEEPIDLE": 2,
    "TCP_KEEPINTVL": 1,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 5000,  # ms
}


def with_checked_certificate(url: str) -> str:
    """Return the address; where Redis is asked by TLS, with its certificate checked.

    Celery's transport checks none where the address does not say so.
    """
    if not url.startswith("rediss:") or "ssl_cert_reqs=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}ssl_cert_reqs=required"


def transport_options(url: str, folder: Path) -> dict[str, Any]:
    """Celery's options for the broker of this address. ``folder``: of the embedded one."""
    kind = urlsplit(url).scheme
    if kind == "embedded":
        return {"folder": str(folder)}
    if kind.startswith("redis"):
        waits = {"socket_connect_timeout": CONNECT_S, "socket_timeout": ANSWER_S}
        return waits | {"socket_keepalive": True, "socket_keepalive_options": _known()}
    return {"socket_settings": _known()}


def _known() -> dict[int, int]:
    """Those that this system has, by its own numbers."""
    return {
        getattr(socket, name): value
        for name, value in LOOKS_FOR_BROKER.items()
        if hasattr(socket, name)
    }
