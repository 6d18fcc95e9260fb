"""Who may follow and for how long: as long as the session holds, which following never prolongs."""

import pytest
from django.contrib.sessions.models import Session

from orders.access import sessions
from orders.admin.push import people
from orders.admin.push.limits import Limits
from orders.audit import log
from orders.models import Event
from tests.access.test_sessions import CHANGES
from tests.admin.push.test_who_is_told import recorded
from tests.admin.test_people import memberships
from tests.helpers.authenticator import enrolled, sign_in
from tests.helpers.firm import PASSWORD
from tests.helpers.followers import Desk
from tests.helpers.screens import signed_in, url

END = ("end", None, {})


def ended(page):
    """Whether the stream said its end and is over."""
    return page.is_over and page.events[-1] == END


def test_sign_out_ends_the_stream_within_a_look(firm, run):
    async def body():
        client, other = sign_in(firm.operator), sign_in(firm.head)
        async with Desk() as desk:
            page, stays = await desk.open(client), await desk.open(other)
            client.post(url("logout"))
            await desk.look(after_s=0.1)
            assert ended(page)
            assert not stays.is_over

    run(body())


def test_a_session_that_goes_after_its_record_of_the_sign_out_ends_the_stream_too(firm, run):
    async def body():
        client = sign_in(firm.operator)
        async with Desk() as desk:
            page = await desk.open(client)
            await desk.look(after_s=20)
            log.record(log.Fact(Event.LOGOUT, actor=firm.actor()))
            await desk.look(after_s=0.1)
            assert not page.is_over
            client.session.delete()
            await desk.look(after_s=0.1)
            assert ended(page)

    run(body())


def test_nothing_more_is_told_at_the_look_that_ends_the_stream(firm, run):
    async def body():
        client = sign_in(firm.operator)
        async with Desk() as desk:
            page = await desk.open(client)
            assert page.events
            client.post(url("logout"))
            recorded(firm.account)
            await desk.look()
            assert page.events == [END]

    run(body())


def form_of(firm, act):
    """The administrator's form of olivia after this change."""
    row = firm.operator.memberships.get()
    desk = {"id": row.pk, "user": firm.operator.pk, "desk": row.desk_id, "role": row.role}
    desk |= {"new role": {"role": "viewer"}, "no role": {"DELETE": "on"}}.get(act, {})
    is_active = {} if act == "deactivated" else {"is_active": "on"}
    return {"username": "olivia"} | is_active | memberships(desk, initial=1)


@pytest.mark.parametrize("act", ["new role", "no role", "deactivated"])
def test_what_an_administrator_changes_of_a_person_ends_the_stream_within_a_look(firm, run, act):
    async def body():
        async with Desk() as desk:
            page = await desk.open(sign_in(firm.operator))
            stays = await desk.open(sign_in(firm.head))
            await desk.look(after_s=20)
            await desk.look(after_s=3)  # the doubt after the sign-ins is over
            form = form_of(firm, act)
            answer = signed_in(firm.administrator).post(
                url("auth_user_change", firm.operator.pk), form
            )
            assert answer.status_code == 302
            await desk.look(after_s=0.1)
            assert ended(page)
            assert not stays.is_over

    run(body())


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_that_nobody_recorded_ends_the_stream_within_seconds(firm, run, change):
    async def body():
        async with Desk() as desk:
            mine = await desk.open(sign_in(firm.operator))
            other = await desk.open(sign_in(firm.head))
            await desk.look(after_s=20)
            change(firm)
            await desk.look(after_s=Limits().check_every_s)
            assert ended(mine)
            assert not other.is_over

    run(body())


def test_the_idle_limit_ends_the_stream_unless_the_person_did_something(firm, run, settings):
    async def body():
        idle, busy = sign_in(firm.operator), sign_in(firm.head)
        async with Desk(check_every_s=10**6) as desk:
            pages = await desk.open(idle), await desk.open(busy)
            await desk.look(after_s=settings.SESSION_IDLE_MINUTES * 60 - 60)
            assert not any(page.is_over for page in pages)
            session = busy.session
            session[sessions.SEEN] += settings.SESSION_IDLE_MINUTES * 60 - 60
            session.save()
            await desk.look(after_s=62)
            assert [page.is_over for page in pages] == [True, False]

    run(body())


def test_the_longest_session_ends_the_stream_however_busy(firm, run, settings):
    async def body():
        settings.SESSION_IDLE_MINUTES = 100_000
        async with Desk(check_every_s=10**6) as desk:
            page = await desk.open(sign_in(firm.operator))
            await desk.look(after_s=settings.SESSION_MAX_HOURS * 3600 - 60)
            assert not page.is_over
            await desk.look(after_s=62)
            assert ended(page)

    run(body())


def test_to_follow_is_no_activity_of_the_session(firm, run):
    async def body():
        client = sign_in(firm.operator)
        session = client.session
        session[sessions.SEEN] -= 600
        session.save()
        before = list(Session.objects.values_list())
        async with Desk() as desk:
            page = await desk.open(client)
            for _ in range(3):
                recorded(firm.account)
                await desk.look(after_s=30)
            assert len(page.told) == 3
        assert list(Session.objects.values_list()) == before

    run(body())


def test_who_owes_a_second_factor_follows_nothing_until_it_is_given(firm, run):
    device, _ = enrolled(firm.operator)

    async def body():
        client = sign_in(firm.operator)
        async with Desk() as desk:
            assert (await desk.open(client)).status == 401
            client.post(url("second_factor"), {"code": device.code()})
            assert (await desk.open(client)).status == 200

    run(body())


def test_a_role_that_acts_owes_a_second_factor_where_it_is_required(firm, run, settings):
    settings.SECOND_FACTOR_REQUIRED = True

    async def body():
        async with Desk() as desk:
            assert (await desk.open(sign_in(firm.operator))).status == 401
            assert (await desk.open(sign_in(firm.viewer))).status == 200

    run(body())


def test_without_a_session_that_holds_there_is_no_stream(firm, run):
    async def body():
        client, left = sign_in(firm.operator), sign_in(firm.operator)
        key = client.cookies["sessionid"].value
        left.post(url("logout"))
        left.cookies["sessionid"] = key[::-1]
        async with Desk() as desk:
            assert (await desk.open()).status == 401
            assert (await desk.open(left)).status == 401
            for said in ("", "x" * 5000, "../../etc", "'; --", "é" * 32):
                cookie = f"sessionid={said}"
                assert (await desk.open(cookie=cookie)).status == 401
            assert (await desk.open(client)).status == 200

    run(body())


def test_sessions_that_are_asked_for_at_once_are_looked_up_at_once(
    firm, run, django_assert_max_num_queries
):
    clients = [sign_in(person) for person in (firm.operator, firm.head, firm.viewer) * 10]
    keys = [client.cookies["sessionid"].value for client in clients]
    door = people.Door()
    now = Desk().hands.now()
    assert len(door.admitted(keys, now)) == 30
    with django_assert_max_num_queries(4):
        assert len(door.admitted(keys, now)) == 30


def test_a_password_alone_opens_no_stream_without_its_session(firm, run):
    async def body():
        async with Desk() as desk:
            page = await desk.open(authorization=f"Basic olivia:{PASSWORD}")
            assert page.status == 401

    run(body())
