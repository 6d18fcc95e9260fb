"""The stream's door: TLS, proxies, words for failures. Redirects, keys: tests/reconcile/stream."""

import asyncio
import socket
import threading

import pytest
from websockets.sync.server import serve

from orders.pacifica import stream_client
from orders.pacifica.stream_client import Door, StreamLost
from tests.pacifica.scripted_server import ScriptedServer, answering, certificate_files, http

WITHIN_S = 10


def echo(connection):
    for message in connection:
        connection.send(message)


@pytest.fixture
def served():
    """Serves an echo; gives a function that starts it, with TLS where a context is given."""
    servers = []

    def start(tls=None):
        servers.append(serve(echo, "127.0.0.1", 0, ssl=tls, close_timeout=0.2))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1].socket.getsockname()[1]

    yield start
    for server in servers:
        server.shutdown()


def asked(door, message=b"hello"):
    """What an echo answers through this door."""

    async def ask():
        stream = await stream_client.opened(door, within_s=WITHIN_S)
        try:
            await stream.send(message)
            return await stream.receive()
        finally:
            await stream.close()

    return asyncio.run(ask())


def refused(**door):
    with pytest.raises(StreamLost) as lost:
        asked(Door(**door))
    return lost.value.reason


def test_the_authorities_of_ca_file_are_trusted_and_no_others(served, tmp_path):
    ca_file, tls = certificate_files(tmp_path)
    port = served(tls)
    assert asked(Door(url=f"wss://127.0.0.1:{port}/ws", ca_file=ca_file)) == b"hello"
    assert "not trusted" in refused(url=f"wss://127.0.0.1:{port}/ws")


def test_a_certificate_of_another_name_is_not_trusted(served, tmp_path):
    ca_file, tls = certificate_files(tmp_path, ip="127.0.0.2")
    port = served(tls)
    assert "not trusted" in refused(url=f"wss://127.0.0.1:{port}/ws", ca_file=ca_file)


@pytest.mark.parametrize("has_tls", [False, True])
def test_the_proxy_is_used_where_one_is_set(served, tmp_path, has_tls):
    ca_file, tls = certificate_files(tmp_path)
    port = served(tls if has_tls else None)
    with tunnel() as proxy:
        door = Door(
            url=f"{'wss' if has_tls else 'ws'}://127.0.0.1:{port}/ws",
            proxy=f"http://desk:secret@127.0.0.1:{proxy.port}",
            ca_file=ca_file,
        )
        assert asked(door) == b"hello"
    assert proxy.asked.startswith(f"CONNECT 127.0.0.1:{port} ".encode())
    assert b"Proxy-Authorization: Basic " in proxy.asked
    assert "secret" not in repr(door)


def test_a_proxy_that_refuses_is_said():
    with ScriptedServer(answering(http("407 No", b""))) as proxy:
        reason = refused(url="wss://exchange.invalid/ws", proxy=f"http://127.0.0.1:{proxy.port}")
    assert reason == "the proxy did not let the stream through"


@pytest.mark.parametrize(("status", "words"), [("403 No", "HTTP 403"), ("503 Later", "HTTP 503")])
def test_a_refused_handshake_is_said_with_its_status(status, words):
    with ScriptedServer(answering(http(status, b"html"))) as server:
        assert words in refused(url=f"ws://127.0.0.1:{server.port}/ws")


@pytest.mark.parametrize("answer", [b"", b"\x00\xff\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_what_is_no_handshake_is_said(answer):
    with ScriptedServer(answering(answer)) as server:
        assert refused(url=f"ws://127.0.0.1:{server.port}/ws").startswith("the exchange ")


def test_a_peer_that_never_answers_is_left_in_time():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        door = Door(url=f"ws://127.0.0.1:{mute.getsockname()[1]}/ws")
        with pytest.raises(StreamLost, match="too long"):
            asyncio.run(stream_client.opened(door, within_s=0.1))


class tunnel:
    """An HTTP proxy that opens one tunnel. ``asked``: the request that it was sent."""

    def __enter__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port, self.asked, self.ends = self.server.getsockname()[1], b"", []
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *exc):
        for each in [self.server, *self.ends]:
            each.close()

    def _serve(self):
        client, _ = self.server.accept()
        while b"\r\n\r\n" not in self.asked:
            self.asked += client.recv(4096)
        host, _, port = self.asked.split()[1].decode().partition(":")
        peer = socket.create_connection((host, int(port)))
        self.ends += [client, peer]
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        threading.Thread(target=_pass_on, args=(client, peer), daemon=True).start()
        _pass_on(peer, client)


def _pass_on(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of the two has gone
