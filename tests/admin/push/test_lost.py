"""A query that fails once costs a moment: what was found is told at a later look."""

import pytest
from django.db import OperationalError

from orders.admin.push import people, service, watch
from tests.admin.push.test_who_is_told import recorded
from tests.helpers.followers import Desk, settled
from tests.helpers.screens import signed_in

STEPS = {
    "rows": (service, "drawn"),
    "sessions": (people.Door, "admitted"),
    "state": (watch.StateWatch, "look"),
}


ALWAYS_DUE = {"state_every_s": 0, "check_every_s": 0}


def fails(*_, **__):
    raise OperationalError


async def fail_once(desk, firm, monkeypatch, step):
    """A change is recorded, and one query after the log's fails; the position of the change."""
    position = recorded(firm.account)
    with monkeypatch.context() as broken:
        broken.setattr(*STEPS[step], fails)
        await desk.service.attempt()
        await settled()
    return position


@pytest.mark.parametrize("step", STEPS)
def test_a_page_is_told_though_a_query_failed(firm, run, monkeypatch, step):
    async def body():
        async with Desk(**ALWAYS_DUE) as desk:
            page = await desk.open(signed_in(firm.operator))
            assert page.events
            await fail_once(desk, firm, monkeypatch, step)
            await desk.look(after_s=1)
            assert [data["accounts"] for data in page.told] == [[firm.account.pk]]
            await desk.look(after_s=1)
            assert (page.told, page.is_over) == ([], False)

    run(body())


def test_a_page_that_comes_meanwhile_is_told(firm, run, monkeypatch):
    async def body():
        before = recorded(firm.account)
        async with Desk(**ALWAYS_DUE) as desk:
            client = signed_in(firm.operator)
            await desk.open(client)
            await fail_once(desk, firm, monkeypatch, "rows")
            page = await desk.open(client, last_event_id=str(before))
            await desk.look(after_s=1)
            assert {name for name, _, _ in page.events} & {"change", "reload"}

    run(body())


def test_what_follows_beside_the_pages_is_told(firm, run, monkeypatch):
    async def body():
        async with Desk(**ALWAYS_DUE) as desk:
            heard = []
            desk.service.listeners.append(heard.extend)
            await desk.open(signed_in(firm.operator))
            position = await fail_once(desk, firm, monkeypatch, "rows")
            await desk.look(after_s=1)
            assert heard[-1].position == position

    run(body())


def test_what_is_told_to_nobody_does_not_pile_up(firm, run, monkeypatch):
    async def body():
        async with Desk(kept=3) as desk:
            page = await desk.open(signed_in(firm.operator))
            assert page.events
            with monkeypatch.context() as broken:
                broken.setattr(service, "drawn", fails)
                for _ in range(5):
                    recorded(firm.account)
                    await desk.service.attempt()
            await desk.look(after_s=1)
            assert [name for name, _, _ in page.events] == ["reload"]

    run(body())
