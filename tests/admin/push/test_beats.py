"""Beats that a proxy passes to the process beside the web: heard and answered as the web does."""

import asyncio
import json
import threading

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from orders.access import api_tokens
from orders.admin.push import asgi
from orders.api import beats
from orders.api.job_stream import JobStreams
from orders.audit import log
from orders.models import ApiToken, AuditRecord, Event, Guard
from orders.panic.guard import arming, firing
from tests.api.programs import Program
from tests.helpers.followers import Desk, Page, beside, scope_of
from tests.helpers.guards import dated_back, new_guard
from tests.helpers.tokens import new_token


class Lane:
    """The process that pages follow, which takes beats beside."""

    def __init__(self, **limits):
        given = beats.Limits(**{"gathered_s": 0.01} | limits)
        self.desk, self.beats, self.streams = Desk(), beats.Beats(given), JobStreams()
        self.desk.app = asgi.application(self.desk.service, self.beats, self.streams)

    async def __aenter__(self):
        await self.desk.__aenter__()
        return self

    async def __aexit__(self, *exc):
        await self.desk.__aexit__(*exc)
        self.beats.stop(wait=True)
        self.streams.stop(wait=True)

    async def beat(self, secret, guard_id, *, method="POST", **about):
        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        path = f"/api/v1/guards/{guard_id}/beat"
        page = Page(self.desk.app, scope_of(path=path, method=method, **headers, **about))
        self.desk.pages.append(page)
        await page.is_answered.wait()
        return page.status, json.loads(page.sent)


def heard(run, secret, *guard_ids, **about):
    """What beats that come at once are answered."""

    async def body():
        async with Lane() as lane:
            return await asyncio.gather(*(lane.beat(secret, pk, **about) for pk in guard_ids))

    return run(body())


def quiet_guard(firm, **about):
    """An armed guard whose last beat is old enough for the next one to be written."""
    guard = new_guard(firm, **about)
    dated_back(guard, 5)
    return guard


def fire(guard):
    guard.refresh_from_db()
    firing.fire(guard_id=guard.pk, number=1, beat_no=guard.beat_no, silence_s=11)


def of_farida(firm):
    return new_token(firm, desk=firm.basis, user=firm.person("farida", firm.basis, "head"))[1]


CALLERS = {
    "may beat": (200, lambda firm, guard: new_token(firm, "guard")[1]),
    "without a token": (401, lambda firm, guard: ""),
    "with no token of ours": (401, lambda firm, guard: "pacifica_desk_" + "0" * 64),
    "without the right": (403, lambda firm, guard: new_token(firm, "read", "panic")[1]),
    "of another desk": (404, lambda firm, guard: of_farida(firm)),
    "from elsewhere": (401, lambda firm, guard: new_token(firm, networks="192.0.2.0/24")[1]),
}
GUARDS = {
    "fired": (409, fire),
    "disarmed": (409, lambda guard: Guard.objects.update(status="disarmed")),
    "asking": (409, lambda guard: Guard.objects.update(status="asking")),
}


@pytest.mark.parametrize(("status", "of"), CALLERS.values(), ids=CALLERS)
def test_who_calls_is_answered_as_by_the_web(firm, run, status, of):
    guard = new_guard(firm)
    secret = of(firm, guard)
    web = Program(secret).post(f"/guards/{guard.pk}/beat")
    assert heard(run, secret, guard.pk) == [(web.status_code, web.json())]
    assert web.status_code == status


@pytest.mark.parametrize(("status", "spoil"), GUARDS.values(), ids=GUARDS)
def test_what_a_guard_answers_is_what_it_answers_by_the_web(firm, run, status, spoil):
    guard, (_, secret) = new_guard(firm), new_token(firm, "guard")
    pk = guard.pk
    spoil(guard)
    web = Program(secret).post(f"/guards/{pk}/beat")
    assert heard(run, secret, pk) == [(web.status_code, web.json())]
    assert web.status_code == status


def test_beats_that_come_at_once_are_one_transaction_and_a_row_each(firm, run):
    guards = [quiet_guard(firm, name=f"bot-{n}") for n in range(3)]
    token, secret = new_token(firm, "guard")
    told = heard(run, secret, *(guard.pk for guard in guards))
    assert [status for status, _ in told] == [200] * 3
    assert list(Guard.objects.values_list("beat_no", flat=True)) == [2] * 3
    assert ApiToken.objects.get(pk=token.pk).last_used_at


def test_what_is_written_is_the_guards_rows_alone_and_at_once(firm, rf):
    guards = [quiet_guard(firm, name=f"bot-{n}") for n in range(3)]
    _, secret = new_token(firm, "guard")

    async def gathered():
        request = rf.post("/", headers={"authorization": f"Bearer {secret}"})
        return [beats.Call(request, guard.pk) for guard in guards]

    calls = asyncio.run(gathered())
    beats.hear(calls)  # notes the token's use
    Guard.objects.update(beat_no=1)
    for guard in guards:
        dated_back(guard, 5)
    Guard.objects.update(beat_boot="another host")
    with CaptureQueriesContext(connection) as queries:
        beats.hear(calls)
    sql = [query["sql"] for query in queries]
    written = [each for each in sql if each.startswith(("UPDATE", "INSERT"))]
    assert [each.startswith('UPDATE "orders_guard"') for each in written] == [True]
    assert set(Guard.objects.values_list("beat_no", flat=True)) == {2}
    tokens = [each for each in sql if 'FROM "orders_apitoken"' in each]
    assert len(tokens) == 1  # let in once for all


def test_a_refused_beat_takes_no_other_with_it(firm, run):
    good, gone = quiet_guard(firm), 2**40
    _, secret = new_token(firm, "guard")

    async def body():
        async with Lane() as lane:
            calls = [lane.beat(secret, gone), lane.beat("", good.pk), lane.beat(secret, good.pk)]
            return await asyncio.gather(*calls)

    assert [status for status, _ in run(body())] == [404, 401, 200]
    good.refresh_from_db()
    assert good.beat_no == 2


def test_a_beat_that_could_not_be_written_is_told_so_and_the_next_is_heard(firm, run, monkeypatch):
    guard, (_, secret) = quiet_guard(firm), new_token(firm, "guard")
    real = arming.beats

    def broken(**which):
        monkeypatch.setattr(arming, "beats", real)
        real(**which)
        raise DatabaseError("disk full")

    monkeypatch.setattr(arming, "beats", broken)

    async def body():
        async with Lane() as lane:
            first = await lane.beat(secret, guard.pk)
            return first, await lane.beat(secret, guard.pk)

    (status, told), second = run(body())
    assert (status, told["detail"]) == (503, beats.UNHEARD)
    assert second[0] == 200
    guard.refresh_from_db()
    assert guard.beat_no == 2  # what was told as unheard was not kept either


def test_whoever_is_refused_and_cannot_be_recorded_spoils_no_others_beat(firm, run, monkeypatch):
    guard, (_, secret) = quiet_guard(firm), new_token(firm, "guard")

    def broken(*facts):
        raise DatabaseError("the log is full")

    monkeypatch.setattr(log, "record", broken)

    async def body():
        async with Lane() as lane:
            unknown = "pacifica_desk_" + "0" * 64
            return await asyncio.gather(*(lane.beat(one, guard.pk) for one in (unknown, secret)))

    assert [status for status, _ in run(body())] == [401, 200]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite locks no rows")
@pytest.mark.parametrize("is_freed", [True, False])
def test_who_holds_one_guard_keeps_no_others_beat_waiting(firm, run, is_freed):
    held, free = quiet_guard(firm, name="held"), quiet_guard(firm, name="free")
    _, secret = new_token(firm, "guard")
    holds, goes = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Guard.objects.select_for_update().get(pk=held.pk)
            holds.set()
            goes.wait(60)

    async def body():
        async with Lane(held_s=60 if is_freed else 0) as lane:
            holding = asyncio.create_task(beside(hold))
            await asyncio.to_thread(holds.wait, 60)
            waiting = asyncio.create_task(lane.beat(secret, held.pk))
            assert (await lane.beat(secret, free.pk))[0] == 200
            if is_freed:
                assert not waiting.done()
                goes.set()
            told, _ = await waiting
            goes.set()
            await holding
            return told

    assert run(body()) == (200 if is_freed else 503)


def test_a_refusal_is_recorded_once_as_the_web_does(firm, run):
    guard, (_, secret) = new_guard(firm), new_token(firm, "read")
    heard(run, secret, guard.pk, guard.pk, guard.pk)
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 1


def test_a_token_that_was_ended_is_refused_by_the_next_beat(firm, run):
    guard, (token, secret) = new_guard(firm), new_token(firm, "guard")

    async def body():
        async with Lane() as lane:
            first, _ = await lane.beat(secret, guard.pk)
            about = {"user": firm.head, "actor": firm.actor(firm.head), "token_id": token.pk}
            await beside(lambda: api_tokens.end(reason="leaked", **about))
            return first, (await lane.beat(secret, guard.pk))[0]

    assert run(body()) == (200, 401)


def test_a_cookie_and_a_get_count_for_nothing(firm, run):
    guard, (_, secret) = new_guard(firm), new_token(firm, "guard")
    ((status, told),) = heard(run, secret, guard.pk, method="GET")
    assert (status, told["status"]) == (405, 405)
    ((status, _),) = heard(run, secret, guard.pk, host="elsewhere.example")
    assert status == 400


def test_where_https_is_demanded_no_token_is_taken_over_plain_http(firm, run, settings):
    settings.HTTPS_ONLY, settings.SECURE_PROXY_SSL_HEADER = True, None
    guard, (_, secret) = new_guard(firm), new_token(firm, "guard")
    assert heard(run, secret, guard.pk)[0][0] == 403
