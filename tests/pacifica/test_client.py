"""The HTTP door: what counts as an answer, as nothing sent, as an answer lost."""

import datetime
import gzip
import hashlib
import multiprocessing
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from orders.pacifica import client as client_module
from orders.pacifica import deadlines, sockets
from orders.pacifica.client import AnswerLost, Client, NothingSent, Unreachable

from .scripted_server import (
    ScriptedServer,
    answering,
    certificate_files,
    dripping,
    http,
    keeping_alive,
)

YES = b'{"success":true,"data":null}'


class Beside(Client):
    """A client that posts as bulk does: over connections that stand, many in one thread."""

    def post(self, path, body, *, api_config_key=None, within_s=None):
        for _ in range(self.missing(1)):
            self.open_one()
        beside = self.side_by_side(1)
        if beside is None or not beside.has_room():
            return super().post(path, body, api_config_key=api_config_key, within_s=within_s)
        with closing(beside):
            beside.begin("one", path, body, api_config_key)
            while not (told := beside.wait(1)):
                pass
        ((_, result),) = told
        if isinstance(result, Exception):
            raise result
        return result


@pytest.fixture(params=[Client, Beside], autouse=True)
def kind(request, monkeypatch):
    """Both ways to post prove the same."""
    monkeypatch.setattr(door, "kind", request.param)
    return request.param


def door(server, **options):
    options = {"connect_timeout_s": 2, "read_timeout_s": 2, "deadline_s": 3} | options
    return door.kind(base_url=options.pop("base_url", None) or server.url(), **options)


door.kind = Client


def lost(script, tls=None, **options):
    """The error of a POST to a peer with this script, and the seconds it took."""
    with ScriptedServer(script, tls=tls) as server:
        began = time.monotonic()
        with pytest.raises(AnswerLost) as caught:
            door(server, **options).post("/orders/cancel", b"{}")
        return caught.value, time.monotonic() - began


def answered(*pieces, **options):
    with ScriptedServer(answering(*pieces)) as server:
        return door(server, **options).post("/orders/cancel", b"{}"), server


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


# What is sent


def test_a_post_sends_exactly_the_given_bytes():
    body = b'{"account":"A","order_id":28000000001}'
    with ScriptedServer(answering(http())) as server:
        door(server).post("/orders/cancel", body, api_config_key="abcdefgh_9")
    head, _, sent = server.requests[0].partition(b"\r\n\r\n")
    assert sent == body
    assert head.startswith(b"POST /api/v1/orders/cancel HTTP/1.1\r\n")
    lines = head.lower().split(b"\r\n")
    assert b"content-type: application/json" in lines
    assert b"accept-encoding: identity" in lines
    assert b"user-agent: pacifica-desk/0.1.0" in lines
    assert b"pf-api-key: abcdefgh_9" in lines
    assert len([line for line in lines if line.startswith(b"accept-encoding")]) == 1


def test_head_and_body_leave_together_on_a_kept_connection_too():
    """In two packets the peer would be woken twice; it is the exchange that keeps us waiting."""
    pieces = []

    def script(connection, server):
        for _ in range(2):
            pieces.append(connection.recv(65536))
            connection.sendall(http("200 OK", YES))

    with ScriptedServer(script) as server:
        opened = door(server)
        for body in (b'{"first":1}', b'{"second":2}'):
            opened.post("/orders/cancel", body)
    assert [piece.partition(b"\r\n\r\n")[2] for piece in pieces] == [
        b'{"first":1}',
        b'{"second":2}',
    ]


def test_a_get_has_no_body_and_a_quoted_query():
    with ScriptedServer(answering(http())) as server:
        door(server).get("/orders", {"account": "A b&é", "cursor": None, "limit": 5})
    request = server.requests[0].lower()
    assert request.startswith(b"get /api/v1/orders?account=a+b%26%c3%a9&limit=5 http/1.1")
    assert request.endswith(b"\r\n\r\n")
    assert b"content-length" not in request
    assert b"transfer-encoding" not in request
    assert b"pf-api-key" not in request


def test_only_bytes_are_taken_as_a_body():
    with pytest.raises(TypeError):
        Client(base_url="http://127.0.0.1:1").post("/x", "text")


def test_a_key_that_cannot_be_a_header_is_refused_without_repeating_it():
    with pytest.raises(ValueError) as caught:
        Client(base_url="http://127.0.0.1:1").post("/x", b"", api_config_key="sec\r\nret")
    assert "ret" not in str(caught.value)
    assert "sec" not in str(caught.value)


def test_a_proxy_in_the_environment_is_ignored(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("NO_PROXY", "")
    answer, _ = answered(http())
    assert answer.status == 200


# What comes back


def test_an_answer_carries_status_headers_body_hash_and_times():
    answer, _ = answered(
        http(
            "422 Unprocessable Entity", YES, "X-Request-ID: r1", "Set-Cookie: a=b", "CF-Ray: é\x7f"
        )
    )
    assert (answer.status, answer.body, answer.is_whole) == (422, YES, True)
    assert answer.headers["x-request-id"] == "r1"
    assert answer.headers["cf-ray"].isascii()
    assert answer.headers["cf-ray"].isprintable()
    assert "set-cookie" not in answer.headers
    assert answer.body_sha256 == hashlib.sha256(YES).hexdigest()
    assert answer.body_length == len(YES)
    assert answer.sent_at <= answer.first_byte_at <= answer.answered_at
    assert answer.sent_at.tzinfo is not None
    assert answer.url.endswith("/api/v1/orders/cancel")
    assert "success" not in repr(answer)


def test_no_time_of_an_answer_is_guessed(monkeypatch):
    class Blind(deadlines.Exchange):
        first_byte = property(lambda self: None, lambda self, moment: None)

    monkeypatch.setattr(client_module, "Exchange", Blind)
    with pytest.raises(RuntimeError, match="whose bytes nobody saw come"):
        answered(http("200 OK", YES))


def test_the_clock_offset_comes_from_the_date_header():
    ahead = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=100)
    date = ahead.strftime("Date: %a, %d %b %Y %H:%M:%S GMT")
    answer, _ = answered(http("200 OK", YES, date))
    assert answer.date_at == ahead.replace(microsecond=0)
    assert 99_000 < answer.clock_offset_ms < 101_000


@pytest.mark.parametrize("date", ["yesterday", "", "Mon, 99 Nov 2026 00:00:00 GMT", "1" * 400])
def test_an_unreadable_date_is_no_date(date):
    answer, _ = answered(http("200 OK", YES, f"Date: {date}"))
    assert answer.date_at is None
    assert answer.clock_offset_ms is None


def test_redirects_are_answers_and_are_not_followed():
    answer, server = answered(http("307 Temporary Redirect", b"", "Location: /api/v1/elsewhere"))
    assert answer.status == 307
    assert len(server.requests) == 1


def test_a_compressed_answer_is_not_decoded():
    packed = gzip.compress(YES)
    answer, _ = answered(http("200 OK", packed, "Content-Encoding: gzip"))
    assert answer.body == packed
    assert answer.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("status", ["204 No Content", "500 Oops", "429 Too Many Requests"])
def test_an_empty_answer_is_an_answer(status):
    answer, _ = answered(http(status, b""))
    assert (answer.body, answer.is_whole) == (b"", True)


def test_chunks_are_joined():
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer, _ = answered(head, b"3\r\nabc\r\n", b"2\r\nde\r\n", b"0\r\n\r\n")
    assert (answer.body, answer.is_whole) == (b"abcde", True)


@pytest.mark.parametrize(("body", "is_whole"), [(b"x" * 1000, True), (b"x" * 1001, False)])
def test_a_signed_answer_past_its_cap_is_cut_and_not_whole(monkeypatch, body, is_whole):
    monkeypatch.setattr(client_module, "MAX_SIGNED_ANSWER_BYTES", 1000)
    answer, _ = answered(http("200 OK", body))
    assert (answer.is_whole, answer.body_length) == (is_whole, 1000)
    assert answer.body_sha256 == hashlib.sha256(body[:1000]).hexdigest()


def test_the_caps_are_one_mebibyte_signed_and_thirty_two_read():
    assert client_module.MAX_SIGNED_ANSWER_BYTES == 2**20
    assert client_module.MAX_READ_ANSWER_BYTES == 32 * 2**20


def test_a_stated_length_that_is_no_number_leaves_the_answer_not_whole():
    answer, _ = answered(b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n" + YES)
    assert answer.is_whole is False


# Nothing was sent


def refused(base_url, **options):
    with pytest.raises(NothingSent) as caught:
        door(None, base_url=base_url, **options).post("/orders/cancel", b"{}")
    assert caught.value.may_have_been_sent is False
    assert caught.value.sent_at is None
    assert caught.value.partial is None
    return caught.value


def test_a_refused_connection_means_nothing_was_sent():
    assert refused(f"http://127.0.0.1:{free_port()}").reason == "the connection was refused"


def test_an_unknown_name_means_nothing_was_sent():
    error = refused("http://nowhere.invalid", connect_timeout_s=1)
    assert "name" in error.reason or "too long" in error.reason


def test_a_hanging_name_lookup_is_given_up_in_time(monkeypatch):
    looked_up, over = socket.getaddrinfo, threading.Event()

    def hang(host, *args, **kwargs):
        if host == "slow.example" and not kwargs.get("flags"):
            over.wait(60)
        return looked_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    began = time.monotonic()
    assert refused("http://slow.example", connect_timeout_s=0.2).reason == "it took too long"
    assert time.monotonic() - began < 30
    over.set()


def test_a_connection_not_taken_in_time_means_nothing_was_sent():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:  # fill the queue, so that the kernel drops further ones
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        error = refused(
            f"http://127.0.0.1:{full.getsockname()[1]}", connect_timeout_s=0.3, deadline_s=60
        )
        assert error.reason == "it took too long"
        assert error.elapsed_ms < 30_000
        for each in waiting:
            each.close()


def test_a_handshake_not_finished_in_time_means_nothing_was_sent():
    with ScriptedServer(lambda connection, server: server.over.wait(60)) as server:
        base_url = server.url().replace("http:", "https:")
        error = refused(base_url, connect_timeout_s=0.3, deadline_s=60)
        assert error.elapsed_ms < 30_000


def test_a_peer_that_speaks_no_tls_means_nothing_was_sent():
    def script(connection, server):
        connection.recv(100)
        connection.sendall(http("400 Bad Request"))

    with ScriptedServer(script) as server:
        refused(server.url().replace("http:", "https:"))


def test_an_untrusted_certificate_means_nothing_was_sent(tmp_path):
    _, tls = certificate_files(tmp_path)
    with ScriptedServer(answering(http()), tls=tls) as server:
        assert "not trusted" in refused(server.url()).reason
    assert server.requests == []


def test_a_certificate_for_another_host_means_nothing_was_sent(tmp_path):
    ca_file, tls = certificate_files(tmp_path, ip="127.0.0.2")
    with ScriptedServer(answering(http()), tls=tls) as server:
        assert "not trusted" in refused(server.url(), ca_file=ca_file).reason
    assert server.requests == []


def test_a_certificate_of_our_own_authority_is_accepted(tmp_path):
    ca_file, tls = certificate_files(tmp_path)
    with ScriptedServer(keeping_alive(http(), http()), tls=tls) as server:
        client = door(server, ca_file=ca_file)
        assert client.post("/orders/cancel", b"{}").body == YES
        assert client.post("/orders/cancel", b"{}").body == YES
    assert server.connections == 1


def test_a_proxy_that_refuses_the_tunnel_means_nothing_was_sent():
    with ScriptedServer(answering(http("407 No", b""))) as proxy:
        error = refused("https://exchange.invalid", proxy=f"http://127.0.0.1:{proxy.port}")
    assert proxy.requests[0].startswith(b"CONNECT exchange.invalid:443")
    assert error.reason == "the proxy did not let the request through"


# An answer lost


def test_a_close_before_the_answer_means_the_answer_is_lost():
    error, _ = lost(answering())
    assert error.may_have_been_sent is True
    assert error.sent_at is not None
    assert error.partial is None


def test_silence_means_the_answer_is_lost():
    def script(connection, server):
        server.read_request(connection)
        server.over.wait(60)

    error, took = lost(script, read_timeout_s=0.2, deadline_s=60)
    assert error.reason == "it took too long"
    assert took < 30


def test_a_body_that_breaks_off_keeps_what_came():
    error, _ = lost(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n" + YES))
    assert error.reason == "the answer broke off"
    assert (error.partial.status, error.partial.body, error.partial.is_whole) == (200, YES, False)


@pytest.mark.parametrize("rest", [b"", b"5\r\nab", b"zz\r\nab\r\n", b"-5\r\nab\r\n"])
def test_broken_chunks_mean_the_answer_is_lost(rest):
    error, _ = lost(
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" + rest)
    )
    assert error.partial.status == 200
    assert error.partial.body.startswith(b"abc")


@pytest.mark.parametrize(
    "ugly",
    [
        b"\x00\xff\xfe\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 two OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nabcde",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
)
def test_what_is_not_http_means_the_answer_is_lost_and_leaves_no_socket_open(ugly, monkeypatch):
    opened, really_connect = [], sockets.connected

    def connect(*given):
        opened.append(really_connect(*given))
        return opened[-1]

    monkeypatch.setattr(sockets, "connected", connect)
    error = lost(answering(ugly))  # held, with all that it refers to
    assert [sock.fileno() for sock in opened] == [-1], error


@pytest.mark.parametrize(
    ("prefix", "endless"),
    [
        (b"", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Slow: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    ],
)
def test_a_dripping_peer_is_left_at_the_deadline(prefix, endless):
    error, took = lost(dripping(prefix, endless), deadline_s=0.3)
    assert error.reason == "no whole answer before the deadline"
    assert 0.25 < took < 30


def test_one_request_may_have_a_nearer_deadline_and_never_a_farther_one():
    with ScriptedServer(dripping(b"", b"x")) as server:
        client = door(server, deadline_s=0.2)
        for within_s in (0.05, 60):
            with pytest.raises(AnswerLost, match="deadline") as caught:
                client.get("/order_strategies", within_s=within_s)
            assert caught.value.elapsed_ms >= 1000 * min(within_s, 0.2)


@pytest.mark.parametrize(
    ("prefix", "endless"),
    [(b"", b"x"), (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x")],
)
def test_a_dripping_peer_behind_tls_is_left_at_the_deadline(tmp_path, prefix, endless):
    ca_file, tls = certificate_files(tmp_path)
    error, took = lost(dripping(prefix, endless), tls=tls, ca_file=ca_file, deadline_s=0.4)
    assert error.reason == "no whole answer before the deadline"
    assert 0.3 < took < 30


def test_the_dripped_part_of_an_answer_is_kept():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"
    error, _ = lost(dripping(head, b"x"), deadline_s=0.3)
    assert error.partial.status == 200
    assert error.partial.body.strip(b"x") == b""
    assert error.partial.body_length > 0


@pytest.mark.parametrize("status", ["101 Switching Protocols", "102 Processing", "103 Early Hints"])
def test_an_interim_answer_is_never_taken_for_the_final_one(status):
    """Else the true answer would be read as the answer to the next request."""

    def script(connection, server):
        server.read_request(connection)
        connection.sendall(f"HTTP/1.1 {status}\r\n\r\n".encode())
        if server.read_request(connection):
            connection.sendall(http("200 OK", b"the first request's answer"))

    with ScriptedServer(script) as server:
        client = door(server)
        for _ in range(2):
            with pytest.raises(AnswerLost):
                client.post("/orders/cancel", b"{}")
    assert server.connections == 2


# Keeping connections


def test_a_connection_is_kept_for_the_next_request():
    with ScriptedServer(keeping_alive(http(), http(), http())) as server:
        client = door(server)
        for _ in range(3):
            assert client.post("/orders/cancel", b"{}").body == YES
    assert server.connections == 1


@pytest.mark.parametrize("send", [lambda door: door.post("/x", b"{}"), lambda door: door.get("/x")])
def test_a_kept_connection_that_closes_under_a_request_loses_the_answer_without_retry(send):
    def script(connection, server):
        server.read_request(connection)
        connection.sendall(http())
        server.read_request(connection)

    with ScriptedServer(script) as server:
        client = door(server)
        send(client)
        with pytest.raises(AnswerLost):
            send(client)
    assert len(server.requests) == 2
    assert server.connections == 1


def test_a_connection_with_an_unread_rest_is_not_used_again(monkeypatch):
    monkeypatch.setattr(client_module, "MAX_SIGNED_ANSWER_BYTES", 10)
    with ScriptedServer(keeping_alive(http(), http())) as server:
        client = door(server)
        assert client.post("/orders/cancel", b"{}").is_whole is False
        assert client.post("/orders/cancel", b"{}").status == 200
    assert server.connections == 2


def test_a_connection_unused_for_long_is_not_used_again(monkeypatch):
    with ScriptedServer(keeping_alive(http(), http())) as server:
        client = door(server)
        client.post("/orders/cancel", b"{}")
        monkeypatch.setattr("orders.pacifica.connections.IDLE_LIMIT_S", 0)
        client.post("/orders/cancel", b"{}")
    assert server.connections > 1


def test_bytes_waiting_inside_tls_are_not_read_as_the_next_answer(tmp_path):
    ca_file, tls = certificate_files(tmp_path)
    padding = b"HTTP/1.1 200 OK\r\nContent-Length: 8192\r\n\r\n" + b"x" * 8192
    forged = http("200 OK", b"not asked for")
    with ScriptedServer(keeping_alive(padding + forged, http()), tls=tls) as server:
        client = door(server, ca_file=ca_file)
        client.post("/orders/cancel", b"{}")
        assert client.post("/orders/cancel", b"{}").body != b"not asked for"


def _post_in_child(client, queue):
    queue.put(client.post("/orders/cancel", b"{}").status)


def test_a_forked_child_opens_connections_of_its_own():
    with ScriptedServer(keeping_alive(http(), http())) as server:
        client = door(server)
        client.post("/orders/cancel", b"{}")
        forking = multiprocessing.get_context("fork")
        queue = forking.SimpleQueue()
        child = forking.Process(target=_post_in_child, args=(client, queue))
        child.start()
        child.join(10)
        assert child.exitcode == 0
        assert queue.get() == 200
        assert client._made_in == os.getpid()
    assert server.connections == 2


def test_threads_share_the_door_and_each_gets_its_own_answer():
    def script(connection, server):
        while request := server.read_request(connection):
            connection.sendall(http("200 OK", request.partition(b"\r\n\r\n")[2]))

    with ScriptedServer(script) as server:
        client = door(server, pool_size=16)
        bodies = [b"%d" % number for number in range(200)]
        with ThreadPoolExecutor(16) as pool:
            answers = pool.map(lambda body: client.post("/orders/cancel", body).body, bodies)
            assert list(answers) == bodies
        client.close()
    assert server.connections <= 16


def test_every_error_of_the_door_is_an_unreachable():
    assert issubclass(NothingSent, Unreachable)
    assert issubclass(AnswerLost, Unreachable)
