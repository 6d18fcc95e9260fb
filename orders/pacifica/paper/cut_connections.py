"""Cut a TCP connection in the middle, as a fault wants it: by its end or by a reset."""

import asyncio
import socket
import struct

# A reset instead of an orderly close: linger on, zero seconds.
NO_LINGER = struct.pack("ii", 1, 0)


def cut(transport: asyncio.Transport | None, *, reset: bool) -> None:
    """End the connection without a word more; nothing where it has ended already."""
    if transport is None or transport.is_closing():
        return
    if reset:
        peer = transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()
