"""Open a socket within an exchange's time: names looked up aside, each address its fair share."""

import queue
import socket
import threading
from collections.abc import Sequence
from typing import Any

from .deadlines import Exchange

# (family, kind, protocol, canonical name, socket address) as socket.getaddrinfo gives them
_Addresses = Sequence[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]]


def connected(
    host: str, port: int, options: Sequence[tuple[int, int, int | bytes]] | None, exchange: Exchange
) -> socket.socket:
    """Open a TCP connection to the first address that takes one; each has a fair share of time."""
    addresses = _resolve(host, port, exchange)
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            for option in options or ():
                sock.setsockopt(*option)
            sock.settimeout(exchange.connect_left_s() / (len(addresses) - index))
            sock.connect(address)
            sock.settimeout(exchange.connect_left_s())  # for the TLS handshake
        except OSError:
            sock.close()
            if index == len(addresses) - 1:
                raise
        else:
            return sock
    raise socket.gaierror(socket.EAI_NONAME, "the name has no address")


def _resolve(host: str, port: int, exchange: Exchange) -> _Addresses:
    """Find addresses of ``host``. A name is looked up aside, for getaddrinfo knows no timeout."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass  # a name, not an address
    answers: queue.SimpleQueue[_Addresses | Exception] = queue.SimpleQueue()
    threading.Thread(target=_look_up, args=(host, port, answers), daemon=True).start()
    try:
        answer = answers.get(timeout=exchange.connect_left_s())
    except queue.Empty:
        raise TimeoutError("the name was not resolved in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _look_up(host: str, port: int, answers: "queue.SimpleQueue[_Addresses | Exception]") -> None:
    try:
        answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        answers.put(error)
