"""Who is told what: each person of their own desks alone, and nothing twice or too late."""

from orders.admin.push import changes, watch
from orders.audit import log, reader
from orders.models import AuditRecord, CancelJob, Event
from tests.helpers.firm import Role
from tests.helpers.followers import Desk
from tests.helpers.screens import click, known_order, signed_in


def recorded(account, order_id=71_000_000_001, event=Event.SYNC):
    """A record of an account that names one order; its position."""
    line = log.OrderLine(account_id=account.pk, symbol="BTC", order_id=order_id)
    return log.record(log.Fact(event=event, account=account, lines=(line,)))[0]


def name_of(account, order_id=71_000_000_001):
    return f"{account.pk}-{order_id}"


def test_people_are_told_of_their_own_desks_and_administrators_of_all(firm, run):
    async def body():
        async with Desk() as desk:
            own = [await desk.open(signed_in(who)) for who in (firm.operator, firm.viewer)]
            foreign = await desk.open(signed_in(firm.stranger))
            everything = await desk.open(signed_in(firm.administrator))
            for page in desk.pages:
                assert page.events
            position = recorded(firm.account)
            await desk.look()
            data = {"accounts": [firm.account.pk], "orders": [name_of(firm.account)]}
            for page in (*own, everything):
                assert page.events == [("change", position, data)]
            assert foreign.sent == b""

    run(body())


def test_a_stranger_learns_nothing_by_coming_back(firm, run):
    async def body():
        before = recorded(firm.foreign_account)
        async with Desk() as desk:
            recorded(firm.account)
            await desk.look()
            again = await desk.open(signed_in(firm.stranger), last_event_id=str(before))
            assert again.told == []
            assert (await desk.open(signed_in(firm.operator), query=f"after={before}")).told

    run(body())


def test_a_click_names_its_job_and_its_order(firm, run):
    async def body():
        order = known_order(firm.account, 71_000_000_009)
        client = signed_in(firm.operator)
        async with Desk() as desk:
            page = await desk.open(signed_in(firm.viewer))
            assert page.events
            click(client, order)
            await desk.look()
            (data,) = page.told
            assert data["jobs"] == [CancelJob.objects.get().pk]
            assert list(data["rows"]) == [name_of(firm.account, order.order_id)]
            assert "frame" not in data  # one click is no news for the frame of every page

    run(body())


def test_a_row_is_told_as_the_persons_page_has_it(firm, run):
    async def body():
        order = known_order(firm.account, 71_000_000_009)
        name = name_of(firm.account, order.order_id)
        async with Desk() as desk:
            people = (firm.operator, firm.viewer, firm.administrator, firm.stranger)
            acting, *looking, foreign = [await desk.open(signed_in(who)) for who in people]
            assert all(page.events for page in desk.pages)
            recorded(firm.account, order.order_id)
            await desk.look()
            assert "orders_order_cancel" not in (html := acting.told[0]["rows"][name])
            assert f'hx-post="/admin/orders/order/{order.pk}/cancel/"' in html
            for page in looking:
                (data,) = page.told
                assert "view only" in data["rows"][name]
                assert "hx-post" not in data["rows"][name]
            assert foreign.sent == b""

    run(body())


def test_a_row_goes_by_the_desk_that_has_the_account_now(firm, run):
    async def body():
        order = known_order(firm.account, 71_000_000_009)
        async with Desk() as desk:
            before, now = [await desk.open(signed_in(p)) for p in (firm.operator, firm.stranger)]
            assert before.events and now.events
            recorded(firm.account, order.order_id)
            firm.account.desk = firm.basis
            firm.account.save()
            await desk.look()
            assert "rows" not in before.told[0]
            assert now.sent == b""

    run(body())


def test_an_order_known_by_its_client_order_id_alone_is_told_by_its_account(firm, run):
    async def body():
        async with Desk() as desk:
            page = await desk.open(signed_in(firm.operator))
            assert page.events
            recorded(firm.account, order_id=None)
            await desk.look()
            assert page.told[0]["orders"] == [f"{firm.account.pk}-"]

    run(body())


def test_many_orders_at_once_are_told_by_name_for_pages_to_ask(firm, run):
    async def body():
        orders = [known_order(firm.account, 71_000_000_000 + n) for n in range(3)]
        async with Desk(rows=2) as desk:
            page = await desk.open(signed_in(firm.operator))
            assert page.events
            for order in orders:
                recorded(firm.account, order.order_id)
            await desk.look()
            (data,) = page.told
            assert "rows" not in data
            assert data["orders"] == [name_of(firm.account, order.order_id) for order in orders]

    run(body())


def test_records_of_one_look_are_told_at_once(firm, run):
    async def body():
        async with Desk() as desk:
            page = await desk.open(signed_in(firm.operator))
            assert page.events
            positions = [recorded(firm.account, n) for n in (1, 2, 1)]
            await desk.look()
            ((_, position, data),) = page.events
            assert position == positions[-1]
            assert data["orders"] == [name_of(firm.account, 1), name_of(firm.account, 2)]

    run(body())


def test_more_orders_than_are_worth_naming_are_told_as_all(firm, run):
    async def body():
        async with Desk(ids=3) as desk:
            page = await desk.open(signed_in(firm.operator))
            assert page.events
            for number in range(1, 5):
                recorded(firm.account, number)
            await desk.look()
            assert page.told[0]["orders"] == "all"

    run(body())


def test_more_order_rows_than_one_look_reads_are_told_as_all(firm, run):
    async def body():
        async with Desk(order_rows=2) as desk:
            page = await desk.open(signed_in(firm.operator))
            assert page.events
            for number in range(1, 4):
                recorded(firm.account, number)
            await desk.look()
            assert page.told[0]["orders"] == "all"

    run(body())


def test_a_desk_that_is_closed_is_out_of_sight_at_the_look_that_sees_it(firm, run):
    async def body():
        async with Desk() as desk:
            page = await desk.open(signed_in(firm.operator))
            assert page.events
            firm.momentum.is_active = False
            firm.momentum.save()
            log.record(log.Fact(event=Event.DESK_CHANGED, desk=firm.momentum))
            recorded(firm.account)
            await desk.look()
            assert page.events == []
            assert not page.is_over

    run(body())


def test_a_page_goes_on_after_the_last_event_it_had(firm, run):
    async def body():
        async with Desk() as desk:
            first = recorded(firm.account, 1)
            second = recorded(firm.account, 2)
            await desk.look()
            client = signed_in(firm.operator)
            back = await desk.open(client, last_event_id=str(first), query="after=1")
            hello, missed = back.events
            assert (hello[0], hello[1]) == ("hello", second)
            assert missed[:2] == ("change", second)
            assert missed[2]["orders"] == [name_of(firm.account, 2)]
            assert (await desk.open(client, last_event_id=str(second))).told == []

    run(body())


def test_a_restart_of_the_process_is_no_gap(firm, run):
    async def body():
        first = recorded(firm.account, 1)
        recorded(firm.account, 2)
        async with Desk() as desk:
            page = await desk.open(signed_in(firm.operator), query=f"after={first}")
            assert page.told[0]["orders"] == [name_of(firm.account, 2)]

    run(body())


def test_a_gap_too_long_or_a_position_to_come_says_reload(firm, run):
    async def body():
        first = recorded(firm.account, 1)
        async with Desk(kept=2) as desk:
            for number in range(2, 6):
                recorded(firm.account, number)
                await desk.look()
            client, tip = signed_in(firm.operator), AuditRecord.objects.first().position
            for after in (first, tip + 1000):
                page = await desk.open(client, last_event_id=str(after))
                assert [name for name, _, _ in page.events] == ["hello", "reload"]
            page = await desk.open(client, last_event_id=str(tip - 2))
            assert len(page.told) == 1

    run(body())


def test_a_position_that_is_none_is_no_position(firm, run):
    async def body():
        async with Desk() as desk:
            for said in ("x", "-1", "9" * 40, "١"):
                page = await desk.open(signed_in(firm.operator), query=f"after={said}")
                assert [name for name, _, _ in page.events] == ["hello"]

    run(body())


def test_a_new_person_of_a_desk_follows_it(firm, run):
    async def body():
        async with Desk() as desk:
            newcomer = firm.person("nora", firm.basis, Role.VIEWER)
            page = await desk.open(signed_in(newcomer))
            assert page.events
            recorded(firm.foreign_account)
            await desk.look()
            assert len(page.told) == 1

    run(body())


def test_more_records_than_one_look_keeps_say_reload_to_pages_that_are_open(firm, run):
    async def body():
        before = recorded(firm.account)
        async with Desk(kept=2) as desk:
            page = await desk.open(signed_in(firm.operator))
            assert page.events
            newest = [recorded(firm.account) for _ in range(4)][-1]
            await desk.look()
            assert page.events == [("reload", newest, {})]
            for after, is_told in ((before, "reload"), (newest - 1, "change")):
                again = await desk.open(signed_in(firm.operator), last_event_id=str(after))
                assert [name for name, *_ in again.events][1:] == [is_told]

    run(body())


def test_an_older_copy_that_is_put_back_under_open_pages_says_reload(firm, run, monkeypatch):
    async def body():
        older = recorded(firm.account)
        async with Desk() as desk:
            page = await desk.open(signed_in(firm.operator))
            assert page.events
            recorded(firm.account)
            await desk.look()
            assert page.told
            put_back = changes.since

            def of_copy(position, limits):
                return [each for each in put_back(position, limits) if each.position <= older]

            with monkeypatch.context() as copy:
                copy.setattr(reader, "tip", lambda: older)
                copy.setattr(changes, "since", of_copy)
                copy.setattr(watch, "database_version", lambda: None)
                await desk.look()
                assert page.events == [("reload", older, {})]
                await desk.look()
                assert page.events == []

    run(body())


def test_that_orders_are_new_is_told_to_those_who_see_their_desk(firm, run):
    async def body():
        async with Desk() as desk:
            people = (firm.operator, firm.viewer, firm.stranger)
            pages = [await desk.open(signed_in(who)) for who in people]
            assert all(page.events for page in pages)
            line = log.OrderLine(account_id=firm.account.pk, order_id=7, symbol="", outcome="new")
            log.record(log.Fact(event=Event.SYNC, account=firm.account, lines=(line,)))
            await desk.look()
            *theirs, foreign = pages
            assert [page.told[0].get("new") for page in theirs] == [True, True]
            assert foreign.sent == b""

    run(body())
