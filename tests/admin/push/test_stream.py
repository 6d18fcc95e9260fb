"""The stream itself: what goes over the wire, what is refused, and how little it takes."""

import asyncio
import threading

import pytest
from django.db import OperationalError, connection

from orders.admin.push import notices
from orders.admin.push.limits import Limits
from tests.admin.push.test_who_is_told import recorded
from tests.helpers.authenticator import sign_in
from tests.helpers.followers import Desk, settled


def test_a_stream_starts_with_a_comment_and_is_sent_as_it_is(firm, run):
    async def body():
        async with Desk() as desk:
            page = await desk.open(sign_in(firm.operator), accept_encoding="gzip, br")
            assert page.status == 200
            assert page.sent.startswith(b": ")
            assert b"\nretry: 2000\n" in page.sent
            assert page.headers["content-encoding"] == "identity"
            assert page.headers["content-type"].startswith("text/event-stream")
            assert page.headers["cache-control"] == "no-store, no-transform"
            assert page.headers["x-accel-buffering"] == "no"

    run(body())


def test_a_quiet_stream_says_every_fifteen_seconds_that_it_stands(firm, run):
    async def body():
        async with Desk() as desk:
            page = await desk.open(sign_in(firm.operator))
            assert page.events
            desk.hands.passed_s += 14
            desk.service.hub.beat()
            await settled()
            assert page.sent == b""
            desk.hands.passed_s += 1
            desk.service.hub.beat()
            await settled()
            assert page.sent.startswith(b": ")
            assert page.events == [("beat", None, {})]

    run(body())


REFUSED = [
    (405, {"method": "POST"}),
    (405, {"method": "HEAD"}),
    (404, {"path": "/"}),
    (404, {"path": "/admin/"}),
    (404, {"path": "/events/"}),
    (400, {"host": "elsewhere.example"}),
    (403, {"origin": "https://elsewhere.example"}),
    (403, {"origin": "http://testserver:8000"}),
    (403, {"origin": "https://testserver"}),
    (403, {"origin": "null"}),
    (403, {"origin": "http://[::1"}),
    (403, {"sec_fetch_site": "cross-site"}),
]


@pytest.mark.parametrize(("status", "about"), REFUSED)
def test_only_the_sites_own_pages_may_ask_and_only_for_the_stream(firm, run, status, about):
    async def body():
        async with Desk() as desk:
            page = await desk.open(sign_in(firm.operator), **about)
            assert page.status == status
            assert page.is_over
            assert "access-control-allow-origin" not in page.headers
            assert not desk.service.hub.streams

    run(body())


def test_a_page_of_the_same_host_may_ask_from_another_port_where_one_is_set(firm, run, settings):
    settings.EVENTS_PORT = 8001

    async def body():
        async with Desk() as desk:
            client, host = sign_in(firm.operator), "testserver:8001"
            own = {"host": host, "origin": "http://testserver:8000", "sec_fetch_site": "same-site"}
            page = await desk.open(client, **own)
            assert page.status == 200
            assert page.headers["access-control-allow-origin"] == "http://testserver:8000"
            assert page.headers["access-control-allow-credentials"] == "true"
            for origin in ("http://elsewhere:8000", "http://testserver.elsewhere", "null"):
                assert (await desk.open(client, host=host, origin=origin)).status == 403

    run(body())


def test_where_https_is_demanded_plain_http_gets_no_stream(firm, run, settings):
    settings.HTTPS_ONLY = True
    settings.SECURE_PROXY_SSL_HEADER = None

    async def body():
        client = sign_in_over_http(firm.operator)
        async with Desk() as desk:
            told = {"x_forwarded_proto": "https"}
            assert (await desk.open(client, **told)).status == 403
            settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
            assert (await desk.open(client, **told)).status == 200
            assert (await desk.open(client)).status == 403

    run(body())


def sign_in_over_http(person):
    """A signed-in browser, whatever the redirect to HTTPS would have made of it."""
    return sign_in(person)


def test_three_hundred_open_streams_take_two_threads_and_two_connections(firm, run):
    async def body():
        clients = [sign_in(person) for person in (firm.operator, firm.head, firm.viewer)]
        before = threading.active_count(), connections()
        async with Desk(streams_of_person=100) as desk:
            pages = [await desk.open(clients[number % 3]) for number in range(300)]
            recorded(firm.account)
            await desk.look()
            assert all(page.told for page in pages)
            assert threading.active_count() - before[0] <= 2
            assert connections() - before[1] <= 2
            assert (await desk.open(clients[0])).status == 429

    run(body())


def connections():
    """How many connections the server has to this test's database; 0 where nobody counts them."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return cursor.fetchone()[0]


def test_one_person_cannot_take_all_the_room_nor_all_people_more_than_there_is(firm, run):
    async def body():
        async with Desk(streams_of_person=2, streams=3) as desk:
            mine, other = sign_in(firm.operator), sign_in(firm.head)
            pages = [await desk.open(mine) for _ in range(3)]
            assert [page.status for page in pages] == [200, 200, 429]
            others = [await desk.open(other) for _ in range(2)]
            assert [page.status for page in others] == [200, 503]
            assert pages[2].headers["retry-after"] == "60"
            pages[0].leave()
            await settled()
            assert (await desk.open(mine)).status == 200

    run(body())


def test_a_client_that_takes_nothing_is_dropped_and_keeps_nobody_waiting(firm, run):
    async def body():
        async with Desk(waiting=5) as desk:
            slow = await desk.open(sign_in(firm.operator))
            other = await desk.open(sign_in(firm.head))
            slow.is_slow = True
            for number in range(1, 9):
                recorded(firm.account, number)
                await desk.look()
            assert slow.is_over
            assert len(desk.service.hub.streams) == 1
            assert len(other.told) == 8

    run(body())


def test_a_client_that_takes_nothing_of_a_quiet_stream_is_dropped_after_a_while(firm, run):
    async def body():
        async with Desk() as desk:
            page = await desk.open(sign_in(firm.operator))
            page.is_slow = True
            recorded(firm.account)
            await desk.look()  # taken up, and never let go
            recorded(firm.account)
            await desk.look()
            desk.hands.passed_s += desk.service.limits.stuck_s + 1
            desk.service.hub.beat()
            await settled()
            assert page.is_over
            assert not desk.service.hub.streams

    run(body())


def test_a_client_that_leaves_is_forgotten(firm, run):
    async def body():
        async with Desk() as desk:
            page = await desk.open(sign_in(firm.operator))
            page.leave()
            await settled()
            assert page.is_over
            assert not desk.service.hub.streams

    run(body())


def test_pages_are_sent_to_poll_once_the_database_cannot_be_looked_at(firm, run, monkeypatch):
    async def body():
        async with Desk() as desk:
            client = sign_in(firm.operator)
            page = await desk.open(client)
            assert page.events
            with monkeypatch.context() as broken:
                broken.setattr("orders.admin.push.watch.LogWatch.look", gone)
                await failing(desk, after_s=1)
                assert not page.is_over
                await failing(desk, after_s=10)
                assert page.events == [("end", None, {})]
                assert (await desk.open(client)).status == 503
            await desk.look()
            assert (await desk.open(client)).status == 200

    run(body())


def gone(*_):
    raise OperationalError("gone")


async def failing(desk, *, after_s):
    desk.hands.passed_s += after_s
    await desk.service.attempt()
    await settled()


def test_a_change_that_one_look_failed_to_read_is_told_at_the_next(firm, run, monkeypatch):
    async def body():
        async with Desk() as desk:
            page = await desk.open(sign_in(firm.operator))
            assert page.events
            await desk.look()
            recorded(firm.account)
            with monkeypatch.context() as broken:
                broken.setattr("orders.admin.push.changes.since", gone)
                await failing(desk, after_s=0.1)
            await desk.look()
            assert len(page.told) == 1

    run(body())


def test_the_loop_looks_by_itself_until_it_is_stopped(firm, run):
    async def body():
        async with Desk(look_every_s=0.01) as desk:
            page = await desk.open(sign_in(firm.operator))
            assert page.events
            looking = asyncio.create_task(desk.service.run())
            recorded(firm.account)
            while not page.sent:
                await asyncio.sleep(0.01)
            assert page.told
            looking.cancel()

    run(body())


def test_while_nobody_follows_it_looks_seldom(firm, run):
    async def body():
        async with Desk(look_every_s=0.1, idle_every_s=0.5) as desk:
            assert desk.service._rest_s() == 0.5
            page = await desk.open(sign_in(firm.operator))
            assert desk.service._rest_s() == 0.1
            desk.service.hub.leave(next(iter(desk.service.hub.streams)))
            assert page.events
            assert desk.service._rest_s() == 0.5
            desk.service.followers.append(lambda: True)
            assert desk.service._rest_s() == 0.1

    run(body())


def test_a_notice_of_nothing_is_no_notice():
    assert notices.notice([], notices.Sight(None, frozenset()), Limits()) == b""
