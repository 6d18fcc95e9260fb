"""A job's events: each change once, to who may read the job, until the job or the token ends."""

import asyncio
from datetime import timedelta

import pytest
from django.utils.timezone import now

from orders.access import api_tokens
from orders.admin.push import asgi
from orders.api.job_stream import JobStreams, Limits
from orders.cancels import requests
from orders.delivery import worker
from orders.models import ApiToken
from tests.helpers.followers import Desk, Page, beside, scope_of, settled
from tests.helpers.screens import known_order
from tests.helpers.tokens import new_token

PATIENCE_S = 60


class Streams:
    """The process that pages follow, with the API's streams beside; the tests look for it."""

    def __init__(self, **limits):
        limits = {"pause_s": 0.01, "check_every_s": 0.05} | limits
        self.desk, self.streams = Desk(), JobStreams(Limits(**limits))
        self.desk.app = asgi.application(self.desk.service, self.streams)

    async def __aenter__(self):
        await self.desk.__aenter__()
        return self

    async def __aexit__(self, *exc):
        self.streams.close()
        await until(lambda: all(page.is_over for page in self.desk.pages))
        await self.desk.__aexit__(*exc)
        self.streams.stop(wait=True)

    async def open(self, secret, job_id, **about):
        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        path = about.pop("path", f"/api/v1/jobs/{job_id}/events")
        page = Page(self.desk.app, scope_of(path=path, **headers, **about))
        self.desk.pages.append(page)
        await page.is_answered.wait()
        await settled()
        return page


async def until(found):
    async with asyncio.timeout(PATIENCE_S):
        while not (value := found()):
            await asyncio.sleep(0.005)
    return value


def asked(firm, order=None):
    order = order or known_order(firm.account, 71_000_000_000)
    about = {"user": firm.operator, "actor": firm.actor(firm.operator), "reason": "requote"}
    return requests.cancel_orders(order_ids=[order.pk], **about).jobs[0]


def test_a_job_is_told_as_it_goes_on_and_its_end_ends_the_stream(firm, run):
    job = asked(firm, firm.order())
    _, secret = new_token(firm, "read")

    async def body():
        async with Streams(check_every_s=PATIENCE_S) as streams:
            assert streams.desk.service._rest_s() == 0.5
            page = await streams.open(secret, job.pk)
            assert streams.desk.service._rest_s() == 0.1
            assert page.status == 200
            assert page.headers["content-type"].startswith("text/event-stream")
            ((name, _, first),) = page.events
            assert (name, first["id"], first["counts"]) == ("job", job.pk, {"queued": 1})
            await beside(lambda: worker.deliver_account(account_id=firm.account.pk))
            await streams.desk.look()
            await until(lambda: page.is_over)
            *_, last, end = page.events
            assert last[2]["counts"] == {"cancelled": 1}
            assert end == ("end", None, {})

    run(body())


def test_it_says_the_same_as_the_job_itself(firm, run):
    from tests.api.programs import Program

    job = asked(firm)
    _, secret = new_token(firm, "read")
    told = Program(secret).get(f"/jobs/{job.pk}").json()

    async def body():
        async with Streams() as streams:
            page = await streams.open(secret, job.pk)
            assert page.events == [("job", None, told)]

    run(body())


def test_what_did_not_change_is_told_once_and_a_quiet_stream_shows_that_it_stands(firm, run):
    job = asked(firm)
    _, secret = new_token(firm, "read")

    async def body():
        async with Streams(beat_every_s=0) as streams:
            page = await streams.open(secret, job.pk)
            assert len(page.events) == 1
            await until(lambda: b": still here" in page.sent)
            assert page.events == []

    run(body())


REFUSED = [
    (401, lambda firm, job: (None, job.pk)),
    (401, lambda firm, job: ("pacifica_desk_" + "0" * 64, job.pk)),
    (403, lambda firm, job: (new_token(firm, "cancel", "bulk", "panic")[1], job.pk)),
    (404, lambda firm, job: (new_token(firm, "read")[1], job.pk + 1)),
    (404, lambda firm, job: (new_token(firm, "read")[1], 2**63)),
]


@pytest.mark.parametrize(("status", "whose"), REFUSED)
def test_who_may_not_read_the_job_gets_a_problem(firm, run, status, whose):
    job = asked(firm)
    secret, job_id = whose(firm, job)

    async def body():
        async with Streams() as streams:
            page = await streams.open(secret, job_id)
            assert page.status == status
            assert page.headers["content-type"] == "application/problem+json"
            assert str(firm.account.pk) not in page.sent.decode() or status != 404
            assert page.is_over

    run(body())


def test_another_desks_job_is_not_there(firm, run):
    job = asked(firm)
    farida = firm.person("farida", firm.basis, "head")
    _, secret = new_token(firm, "read", desk=firm.basis, user=farida)

    async def body():
        async with Streams() as streams:
            assert (await streams.open(secret, job.pk)).status == 404

    run(body())


ODD = [
    (404, {"path": "/api/v1/jobs/1/cancels"}),
    (404, {"path": "/api/v1/jobs/x/events"}),
    (405, {"method": "POST"}),
    (400, {"host": "elsewhere.example"}),
]


@pytest.mark.parametrize(("status", "about"), ODD)
def test_what_is_no_stream_gets_a_problem(firm, run, status, about):
    job = asked(firm)
    _, secret = new_token(firm, "read")

    async def body():
        async with Streams() as streams:
            page = await streams.open(secret, job.pk, **about)
            assert page.status == status
            assert page.headers["content-type"] == "application/problem+json"

    run(body())


def test_where_https_is_demanded_no_token_is_taken_over_plain_http(firm, run, settings):
    settings.HTTPS_ONLY, settings.SECURE_PROXY_SSL_HEADER = True, None
    job = asked(firm)
    _, secret = new_token(firm, "read")

    async def body():
        async with Streams() as streams:
            assert (await streams.open(secret, job.pk)).status == 403

    run(body())


def test_a_token_that_ends_ends_its_streams(firm, run):
    job = asked(firm)
    token, secret = new_token(firm, "read")
    about = {"user": firm.head, "actor": firm.actor(firm.head), "token_id": token.pk}

    async def body():
        async with Streams() as streams:
            page = await streams.open(secret, job.pk)
            await beside(lambda: api_tokens.end(reason="leaked", **about))
            await until(lambda: page.is_over)
            assert [name for name, *_ in page.events] == ["job"]  # no end: the job goes on
            assert (await streams.open(secret, job.pk)).status == 401

    run(body())


def test_a_token_follows_so_many_jobs_and_all_of_them_so_many(firm, run):
    job = asked(firm)
    secrets = [new_token(firm, "read", name=f"quoter-{n}")[1] for n in range(3)]

    async def body():
        async with Streams(streams=3, streams_of_token=2) as streams:
            pages = [await streams.open(secrets[0], job.pk) for _ in range(3)]
            assert [page.status for page in pages] == [200, 200, 429]
            assert pages[2].headers["retry-after"] == "15"
            others = [await streams.open(secret, job.pk) for secret in secrets[1:]]
            assert [page.status for page in others] == [200, 429]
            pages[0].leave()
            await until(lambda: pages[0].is_over)
            assert (await streams.open(secrets[2], job.pk)).status == 200

    run(body())


def test_a_stream_counts_as_one_request_of_the_tokens_pace(firm, run, settings):
    settings.API_REQUESTS_PER_S = 1
    job = asked(firm)
    token, secret = new_token(firm, "read")

    async def body():
        async with Streams() as streams:
            assert [(await streams.open(secret, job.pk)).status for _ in range(3)][:2] == [200, 200]
            ahead = int((now() + timedelta(minutes=1)).timestamp() * 1_000_000)
            sets = ApiToken.objects.filter(pk=token.pk)
            await beside(lambda: sets.update(requests_until=ahead))
            page = await streams.open(secret, job.pk)
            assert (page.status, int(page.headers["retry-after"]) > 50) == (429, True)

    run(body())


def test_a_stop_of_the_process_ends_every_stream(firm, run):
    job = asked(firm)
    _, secret = new_token(firm, "read")

    async def body():
        async with Streams(check_every_s=PATIENCE_S) as streams:
            page = await streams.open(secret, job.pk)
            streams.streams.close()
            await until(lambda: page.is_over)

    run(body())


@pytest.mark.django_db
def test_the_web_says_who_tells_them(firm):
    from tests.api.programs import problem, program

    job = asked(firm)
    told = problem(program(firm, "read").get(f"/jobs/{job.pk}/events"), 421)
    assert "manage.py push" in told["what_to_do"]
