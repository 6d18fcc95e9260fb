"""Many posts at once in one thread: each its own answer, read as one that is waited for alone."""

import itertools
import select
import socket
import time
from contextlib import closing, suppress

import pytest

from orders.pacifica.client import Answer, Client, Unreachable
from orders.pacifica.connections import Watched
from orders.pacifica.side_by_side import SideBySide

from .scripted_server import ScriptedServer, answering, certificate_files, http

YES = b'{"success":true,"data":null}'


def door(server, **options):
    options = {"connect_timeout_s": 2, "read_timeout_s": 20, "deadline_s": 30} | options
    return Client(base_url=server.url(), **options)


def posted(client, bodies, at_once=32):
    """How each ended, by its body."""
    for _ in range(client.missing(min(at_once, len(bodies)))):
        client.open_one()
    left, told = list(bodies), {}
    with closing(client.side_by_side(at_once)) as beside:
        while left or beside.is_busy:
            while left and beside.has_room():
                body = left.pop(0)
                beside.begin(body, "/orders/batch", body, None)
            told |= dict(beside.wait(1))
    return told


def body_of(request):
    return request.partition(b"\r\n\r\n")[2]


def echo(connection, server):
    while request := server.read_request(connection):
        connection.sendall(http("200 OK", body_of(request)))


def test_each_gets_its_own_answer_over_the_connections_that_stand():
    bodies = [b"%d" % number for number in range(100)]
    with ScriptedServer(echo) as server, closing(door(server)) as client:
        told = posted(client, bodies, at_once=8)
        assert posted(client, bodies, at_once=8).keys() == told.keys()
    assert {body: answer.body for body, answer in told.items()} == {body: body for body in bodies}
    assert server.connections == 8


def test_one_that_drips_or_is_odd_holds_up_no_other():
    """Whether its head tells how long it is, or not."""

    def script(connection, server):
        request = body_of(server.read_request(connection))
        if request == b"drips":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
        elif request == b"odd":
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        elif request == b"chunked":
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            connection.sendall(head + b"3\r\nabc\r\n0\r\n\r\n")
        elif request != b"mute":
            connection.sendall(http("200 OK", request))
        server.over.wait(30)

    ends = {}
    with ScriptedServer(script) as server, closing(door(server, deadline_s=0.6)) as client:
        for _ in range(5):
            client.open_one()
        with closing(client.side_by_side(8)) as beside:
            for body in (b"drips", b"odd", b"mute", b"chunked", b"quick"):
                assert beside.has_room()
                beside.begin(body, "/orders/batch", body, None)
            while beside.is_busy:
                for body, result in beside.wait(1):
                    ends[body] = result, time.monotonic()
    assert ends[b"quick"][0].body == b"quick"
    assert ends[b"chunked"][0].body == b"abc"
    late = [ends[body] for body in (b"drips", b"odd", b"mute")]
    assert all("deadline" in result.reason for result, _ in late), late
    assert [r.partial and r.partial.body for r, _ in late] == [b"x", b"abc", None]
    soon = max(ends[b"quick"][1], ends[b"chunked"][1])
    assert all(at > soon for _, at in late)


def test_nothing_is_begun_without_a_connection_that_stands():
    with (
        ScriptedServer(echo) as server,
        closing(door(server)) as client,
        closing(client.side_by_side(8)) as beside,
    ):
        assert not beside.has_room()
        client.open_one()
        assert beside.has_room()
        beside.begin(1, "/orders/batch", b"1", None)
        assert not beside.has_room()
        while not beside.wait(1):
            pass
        assert beside.has_room()


def test_connections_are_given_back_when_it_ends():
    with ScriptedServer(echo) as server, closing(door(server)) as client:
        posted(client, [b"1", b"2"])
        assert client.missing(2) == 0
        assert client.post("/orders/cancel", b"3").body == b"3"
    assert server.connections == 2


@pytest.mark.parametrize(
    ("said", "connections"), [("keep-alive", 1), ("Keep-Alive", 1), ("close", 3), ("Close, x", 3)]
)
def test_a_connection_is_used_again_unless_the_peer_closes_it(said, connections):
    """CloudFront says keep-alive with each answer."""

    def script(connection, server):
        while server.read_request(connection):
            connection.sendall(http("200 OK", YES, f"Connection: {said}"))

    with ScriptedServer(script) as server, closing(door(server)) as client:
        for _ in range(3):
            posted(client, [b"1"])
    assert server.connections == connections


def test_an_unreadable_key_is_the_fault_of_its_own_post():
    with ScriptedServer(echo) as server, closing(door(server)) as client:
        client.open_one()
        with closing(client.side_by_side(8)) as beside:
            assert beside.has_room()
            beside.begin(1, "/orders/batch", b"1", "sec\r\nret")
            ((_, error),) = beside.wait(1)
            assert isinstance(error, ValueError)
            assert beside.has_room()


@pytest.mark.parametrize("key", [None, "abcdefgh_9"])
def test_it_sends_what_is_sent_alone_byte_for_byte(key):
    with ScriptedServer(echo) as server, closing(door(server)) as client:
        client.post("/orders/batch", b"{}", api_config_key=key)
        assert client.missing(1) == 0
        with closing(client.side_by_side(1)) as beside:
            assert beside.has_room()
            beside.begin(1, "/orders/batch", b"{}", key)
            while not beside.wait(1):
                pass
    alone, together = server.requests
    assert alone == together


def test_what_tls_says_of_itself_leaves_a_connection_fit_for_use(tmp_path):
    """A server sends session tickets once the handshake is over."""
    ca_file, tls = certificate_files(tmp_path)
    with (
        ScriptedServer(echo, tls=tls) as server,
        closing(door(server, ca_file=ca_file)) as client,
        closing(client.side_by_side(1)) as beside,
    ):
        client.open_one()
        (connection,) = client._pool().pool.queue
        assert select.select([connection.sock], [], [], 5)[0]  # they are there
        assert beside.has_room()
        beside.begin(1, "/orders/batch", b"1", None)
        while not (ended := beside.wait(1)):
            pass
    assert ended[0][1].body == b"1"
    assert server.connections == 1


def test_a_connection_whose_certificate_is_not_trusted_is_not_opened_ahead(tmp_path):
    _, tls = certificate_files(tmp_path)
    with ScriptedServer(echo, tls=tls) as server, closing(door(server)) as client:
        client.open_one()
        assert client.missing(1) == 1


def test_places_that_urllib3_keeps_for_broken_connections_are_passed_over():
    def script(connection, server):
        if body_of(server.read_request(connection)) != b"break off":
            echo(connection, server)

    with ScriptedServer(script) as server, closing(door(server)) as client:
        client.open_one()
        with pytest.raises(Unreachable):
            client.post("/orders/batch", b"break off")
        assert client.missing(1) == 1


def test_connections_that_are_idle_for_long_do_not_count_as_standing(monkeypatch):
    with ScriptedServer(echo) as server, closing(door(server)) as client:
        for _ in range(3):
            client.open_one()
        assert (client.missing(2), client.missing(5)) == (0, 2)
        monkeypatch.setattr("orders.pacifica.connections.IDLE_LIMIT_S", 0)
        assert client.missing(5) == 5


def test_an_error_of_ours_ends_its_own_post_alone(monkeypatch):
    real = Watched.post

    def post(connection, target, headers, body):
        if body == b"1":
            raise MemoryError
        real(connection, target, headers, body)

    monkeypatch.setattr(Watched, "post", post)
    with ScriptedServer(echo) as server, closing(door(server)) as client:
        told = posted(client, [b"1", b"2", b"3"])
    assert isinstance(told[b"1"], MemoryError)
    assert (told[b"2"].body, told[b"3"].body) == (b"2", b"3")


def test_an_odd_answer_for_which_no_thread_can_be_had_ends_its_own_post_alone(monkeypatch):
    def script(connection, server):
        request = body_of(server.read_request(connection))
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head if request == b"odd" else http("200 OK", request))
        server.over.wait(30)

    def refuse(*_):
        raise RuntimeError("can't start new thread")

    with ScriptedServer(script) as server, closing(door(server)) as client:
        for _ in range(3):
            client.open_one()
        monkeypatch.setattr("orders.pacifica.side_by_side.ThreadPoolExecutor.submit", refuse)
        told = posted(client, [b"1", b"odd", b"2"])
    assert isinstance(told[b"odd"], RuntimeError)
    assert (told[b"1"].body, told[b"2"].body) == (b"1", b"2")


def test_a_long_answer_that_had_come_before_the_deadline_is_read():
    long = b"x" * 120_000  # as much as the system keeps for a socket

    def script(connection, server):
        server.read_request(connection)
        connection.sendall(http("200 OK", long))
        server.over.wait(30)

    with ScriptedServer(script) as server, closing(door(server, deadline_s=0.3)) as client:
        client.open_one()
        with closing(client.side_by_side(1)) as beside:
            assert beside.has_room()
            beside.begin(1, "/orders/batch", b"{}", None)
            time.sleep(0.5)  # as a look into the database that takes long
            while not (ended := beside.wait(1)):
                pass
    assert ended[0][1].body == long


def test_through_a_proxy_there_is_none():
    assert Client(base_url="http://127.0.0.1:1", proxy="http://127.0.0.1:2").side_by_side(8) is None


# What proves what: held against one that is waited for alone, however the bytes are cut

ANSWERS = [
    http(),
    http("422 Unprocessable Entity", YES, "RateLimit: 1", "X-Request-ID: r"),
    http("200 OK", YES, "Connection: close"),
    http("200 OK", YES, "Content-Length: 28"),
    http("200 OK", YES, "Content-Length: 5"),
    http("200 OK", YES, "X-Folded: a\r\n content-length: 3"),
    http("200 OK", YES, "Transfer-Encoding: chunked"),
    http("200 OK", YES, "Transfer-Encoding: identity"),
    http("204 No Content", b""),
    http("204 No Content", YES),
    http("304 Not Modified", YES),
    http("100 Continue", b"") + http(),
    http("103 Early Hints", b""),
    http("200 OK", YES, "No colon"),
    http("200 OK", YES, "Space : before"),
    http("200 OK", YES, "Odd: \x7f\xe9"),
    http("200 OK", YES, ": no name"),
    http("200 OK", b"x" * 2000),
    http("200 OK", YES) + b"more",
    http("200 OK", YES).replace(b"\r\n", b"\n"),
    http("200 OK", YES).replace(b"HTTP/1.1", b"HTTP/1.0"),
    http("200 OK", YES).replace(b"HTTP/1.1", b"HTTP/2"),
    http("200 OK", YES).replace(b" OK", b""),
    http("200 OK", YES).replace(b"28", b"+28"),
    http("200 OK", YES).replace(b"28", b"0x1c"),
    http("200 OK", YES).replace(b"28", b"028"),
    http("200 OK", YES).replace(b"28", b"28 "),
    http("200 OK", YES).replace(b"28", b"29"),
    http("200 OK", YES).replace(b"28", b"-1"),
    http("200 OK", YES).replace(b"28", b""),
    http("200 OK", YES).replace(b"Content-Length", b"content-LENGTH"),
    b"HTTP/1.1 200 OK\r\n\r\n" + YES,
    b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc\r\n\r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 999 Odd\r\nContent-Length: 3\r\n\r\nabc",
    b"",
    b"\r\n\r\n",
    b"SSH-2.0\r\n",
]


def told(result):
    """What is kept of how it ended, but for times."""
    if isinstance(result, Answer):
        return result.status, result.headers, result.body, result.is_whole
    assert isinstance(result, Unreachable), result
    return type(result), result.reason, result.partial and told(result.partial)


def alone(answer):
    with ScriptedServer(answering(answer)) as server, closing(door(server)) as client:
        try:
            return told(client.post("/orders/cancel", b"{}"))
        except Unreachable as error:
            return told(error)


class OneConnection:
    """A pool with one connection, whose other end the test holds."""

    def __init__(self):
        self.ours, self.theirs = socket.socketpair()
        self.connection = Watched("exchange.example")
        self.connection.sock = self.ours
        self.connection._last_used = time.monotonic()

    def take_standing(self):
        connection, self.connection = self.connection, None
        return connection

    def keep(self, connection):
        self.connection = connection


def beside(answer, cuts):
    """How a post ends whose answer comes in the pieces between these places."""
    pool = OneConnection()
    client = Client(base_url="http://exchange.example", read_timeout_s=20, deadline_s=30)
    door = SideBySide(pool, at_most=1, cap=2**20, prepare=client._prepared)
    with pool.ours, pool.theirs, closing(door):
        assert door.has_room()
        door.begin(1, "/orders/cancel", b"{}", None)
        for begin, end in itertools.pairwise([0, *cuts, len(answer)]):
            with suppress(BrokenPipeError):  # it was read aside, and had enough
                pool.theirs.sendall(answer[begin:end])
            if ended := door.wait(0):
                return told(ended[0][1])
        with suppress(OSError):
            pool.theirs.shutdown(socket.SHUT_WR)
        while not (ended := door.wait(1)):
            pass
        return told(ended[0][1])


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
def test_an_answer_proves_the_same_however_it_comes(answer):
    expected = alone(answer)
    places = [0, 1, 9, 17, *range(len(answer) - 40, len(answer))]
    cuts = sorted({place for place in places if 0 < place < len(answer)})
    for each in [[], *([cut] for cut in cuts), cuts]:
        assert beside(answer, each) == expected, each
