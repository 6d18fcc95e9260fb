"""Lists that grow without end: their newest rows, page by page, by an index and without a total."""

import re
import uuid
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils.timezone import now

from orders.audit import log
from orders.models import Account, CancelJob, Desk, Event, Membership, Order
from tests.admin.test_lists import A_PAGE, ids_in, many_orders
from tests.helpers import counted
from tests.helpers.screens import known_order, page, signed_in, url

ORDERS, JOBS = "orders_order_changelist", "orders_canceljob_changelist"
STATES = {"closed": {"state": "closed"}, "every": {"state": "every"}}
PAGES = {
    "closed": (ORDERS, "?state=closed"),
    "every": (ORDERS, "?state=every"),
    "by order id": (ORDERS, "?q=29000000002"),
    "by its beginning": (ORDERS, "?q=290000000"),
    "jobs": (JOBS, ""),
    "jobs that run": (JOBS, "?status=running"),
    "jobs that are done": (JOBS, "?status=done"),
    "jobs of a person": (JOBS, "?operator=olivia"),
    "overview": ("index", ""),
    "pictures": ("pictures", ""),
}


@pytest.fixture
def few_counted(monkeypatch):
    """As many rows as two pages of orders and a half are counted."""
    most = A_PAGE * 5 // 2
    monkeypatch.setattr("orders.admin.shared.pages.MAX_COUNTED", most)
    return most


def closed_orders(firm, count):
    """Closed ones on two accounts of a desk and on a foreign one, each of its own moment."""
    began = now() - timedelta(days=1)
    second = Account.objects.filter(name="Beta").first() or firm.new_account("Beta", firm.momentum)
    accounts = firm.account, second, firm.foreign_account
    usual = {"price": "1", "price_number": 1, "initial_amount": "1", "state": "closed"}
    Order.objects.bulk_create(
        Order(
            account=accounts[number % 3],
            order_id=count * 10**6 + number,
            created_at=began - timedelta(seconds=number * 37 % count),
            **usual | dict.fromkeys(("closed_at", "first_seen_at", "last_seen_at"), began),
        )
        for number in range(count)
    )
    return [row.order_id for row in Order.objects.visible_to(firm.head).order_by("-created_at")]


def many_jobs(firm, count, **fields):
    """As many jobs of days ago as that, the desks in turns, the newest first."""
    began, desks = now() - timedelta(days=2), (firm.momentum, firm.basis)
    usual = {"operator": firm.operator, "operator_name": "olivia", "status": "done"}
    CancelJob.objects.bulk_create(
        CancelJob(
            scope=f"act {number}",
            request_key=uuid.uuid4(),
            created_at=began - timedelta(seconds=number),
            **usual | {"desk": desks[number % 2]} | fields,
        )
        for number in range(count)
    )


def old_answers(firm, count):
    """As many records of answers as that, of the day before yesterday."""
    at, data = now() - timedelta(days=2), {"headers": {}}
    facts = (log.Fact(Event.ANSWER, at=at, account=firm.account, data=data) for _ in range(count))
    log.append(*facts)


@pytest.mark.parametrize("state", STATES)
def test_pages_of_orders_that_are_over_follow_each_other_up_to_the_cap(firm, few_counted, state):
    wanted = closed_orders(firm, 420)
    head = signed_in(firm.head)
    shown = [ids_in(page(head, ORDERS, **STATES[state], p=number)) for number in (1, 2, 3)]
    assert [len(ids) for ids in shown] == [A_PAGE, A_PAGE, A_PAGE // 2]
    assert [int(one) for ids in shown for one in ids] == wanted[:few_counted]
    assert f"{few_counted} or more orders" in page(head, ORDERS, **STATES[state])


def test_few_orders_that_are_over_are_counted_exactly(firm, few_counted):
    wanted = closed_orders(firm, 30)
    text = page(signed_in(firm.head), ORDERS, state="closed")
    assert [int(one) for one in ids_in(text)] == wanted
    assert "20 orders" in text


def test_open_orders_are_counted_however_many(firm, few_counted):
    many_orders(firm, few_counted + 60)
    assert f"{few_counted + 60} orders" in page(signed_in(firm.head), ORDERS)


def test_another_sorting_of_orders_that_are_over_sorts_all(firm, few_counted):
    closed_orders(firm, 300)
    order = Order.objects.filter(account=firm.account).order_by("created_at").first()
    Order.objects.filter(pk=order.pk).update(price_number=10**9, price=str(10**9))
    text = page(signed_in(firm.head), ORDERS, state="closed", o="-price")
    assert int(ids_in(text)[0]) == order.order_id


def test_the_filters_narrow_orders_that_are_over(firm):
    closed_orders(firm, 30)
    order = Order.objects.filter(account=firm.account).order_by("created_at").first()
    Order.objects.filter(pk=order.pk).update(symbol="ETH")
    head = signed_in(firm.head)
    for query in ({"symbol": "ETH"}, {"symbol": "ETH", "account": firm.account.pk}):
        assert ids_in(page(head, ORDERS, state="closed", **query)) == [str(order.order_id)]
    assert ids_in(page(head, ORDERS, state="closed", account=firm.foreign_account.pk)) == []


def test_a_list_that_is_cut_does_not_offer_to_choose_all(firm, few_counted):
    closed_orders(firm, 420)
    operator = signed_in(firm.operator)
    assert not re.search(r"Select all \d", page(operator, ORDERS, state="closed"))
    many_orders(firm, A_PAGE + 1, first=29_000_000_001)
    assert f"Select all {A_PAGE + 1} orders" in page(operator, ORDERS)


@pytest.mark.parametrize("who", ["head", "administrator"])
def test_jobs_follow_each_other_for_whoever_sees_one_desk_or_all(firm, few_counted, who):
    many_jobs(firm, 420)
    browser, step = signed_in(getattr(firm, who)), 2 if who == "head" else 1
    found = [
        int(one)
        for number in (1, 2)
        for one in re.findall(r">act (\d+)<", page(browser, JOBS, p=number))
    ]
    assert found == list(range(0, few_counted * step, step))


def test_jobs_of_a_person_are_theirs_whatever_the_desk(firm, few_counted):
    many_jobs(firm, 40)
    many_jobs(firm, 6, operator=firm.head, operator_name="hannah")
    text = page(signed_in(firm.administrator), JOBS, operator="hannah")
    assert len(re.findall(r">act \d+<", text)) == 6
    assert "6 cancel jobs" in text


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite tells what it did")
@pytest.mark.parametrize("who", ["head", "administrator", "viewer", "stranger"])
def test_ten_times_as_much_that_is_over_is_no_more_work_for_any_page(firm, monkeypatch, who):
    """Whoever asks: the stranger's desk has a third of the orders, the viewer's new one has few."""
    monkeypatch.setattr("orders.admin.shared.pages.MAX_COUNTED", 20)
    few_of(firm, firm.viewer)
    browser, work = signed_in(getattr(firm, who)), []
    many_orders(firm, A_PAGE + 1)
    second = unescape((re.findall(r'<a href="([^"]*)">2</a>', page(browser, ORDERS)) or ["?"])[0])
    addresses = {name: url(path) + query for name, (path, query) in PAGES.items()}
    addresses["open, page 2"] = url(ORDERS) + second
    for count in (300, 2_700):
        closed_orders(firm, count)
        many_jobs(firm, count)
        old_answers(firm, count)
        for address in addresses.values():  # what is asked first in a process
            browser.get(address)
        work.append({name: work_of(browser, address) for name, address in addresses.items()})
    few, many = work
    more = {name: (few[name], many[name]) for name in few if many[name] > 1.25 * few[name] + 20}
    assert more == {}


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite tells more, above")
@pytest.mark.parametrize("who", ["viewer", "administrator"])
def test_postgresql_reads_no_more_where_there_is_ten_times_as_much(firm, monkeypatch, who):
    monkeypatch.setattr("orders.admin.shared.pages.MAX_COUNTED", 20)
    few_of(firm, firm.viewer)
    browser, work = signed_in(getattr(firm, who)), []
    addresses = {name: url(path) + query for name, (path, query) in PAGES.items()}
    for count in (2_000, 18_000):
        closed_orders(firm, count)
        many_jobs(firm, count)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE orders_order")
            cursor.execute("ANALYZE orders_canceljob")
        work.append({name: blocks_of(browser, address) for name, address in addresses.items()})
    few, many = work
    more = {name: (few[name], many[name]) for name in few if many[name] > 1.5 * few[name] + 200}
    assert more == {}


def work_of(browser, address):
    """How much SQLite has to do for a page."""
    with counted.work() as done:
        assert browser.get(address).status_code == 200
    return len(done)


def few_of(firm, person):
    """Give a person a desk of their own in place of the others, with little on it."""
    desk = Desk.objects.create(name="Quiet")
    account = firm.new_account("Gamma", desk)
    Membership.objects.filter(user=person).update(desk=desk)
    for each in (account, firm.account, firm.foreign_account):
        for number in range(5):
            known_order(each, 29_000_000_000 + number, state="closed", closed_at=now())
    many_jobs(firm, 3, desk=desk)


def blocks_of(browser, address):
    """How many blocks of orders, jobs and their indexes PostgreSQL reads for a page."""
    asked, real = [], CursorWrapper.execute

    def execute(self, sql, params=None):
        asked.append((sql, params))
        return real(self, sql, params)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(CursorWrapper, "execute", execute)
        assert browser.get(address).status_code == 200
    blocks = 0
    with connection.cursor() as cursor:
        for sql, params in asked:
            if sql.startswith("SELECT") and re.search('"orders_(order|canceljob)"', sql):
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
                (plan,) = cursor.fetchone()[0]
                blocks += plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    return blocks


def test_an_account_that_is_not_active_any_more_keeps_its_orders_in_the_list(firm):
    many_orders(firm, 3, state="closed", closed_at=now())
    Account.objects.filter(pk=firm.account.pk).update(is_active=False)
    assert len(ids_in(page(signed_in(firm.head), ORDERS, state="closed"))) == 3
