"""What a program reads: accounts, orders, jobs, open questions and health, of its desk alone."""

import pytest
from django.utils.timezone import now

from orders.cancels import requests
from orders.delivery import worker
from orders.models import Account, Cancel, CancelStatus, Order, Sender
from orders.models.cancels import CancelQuerySet
from orders.panic import decision
from tests.api.programs import problem, program
from tests.helpers.bulk import a_book
from tests.helpers.screens import known_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(firm):
    return program(firm, "read")


def asked(firm, user, *orders):
    """The job of a cancel that a person asked for."""
    about = {"user": user, "actor": firm.actor(user), "reason": "requote"}
    return requests.cancel_orders(order_ids=[row.pk for row in orders], **about).jobs[0]


def test_accounts_are_those_of_the_desk(firm, reader):
    (told,) = reader.get("/accounts").json()
    assert (told["id"], told["name"]) == (firm.account.pk, "Alpha")
    assert told["address"] == firm.account.address
    assert told["book_read_at"] is None


def test_open_orders_come_page_by_page(firm, reader):
    rows = [known_order(firm.account, 71_000_000_000 + n) for n in range(5)]
    known_order(firm.foreign_account, 72_000_000_000)
    Order.objects.filter(pk=rows[4].pk).update(state="closed")
    first = reader.get("/orders", limit=3).json()
    rest = reader.get("/orders", limit=3, after=first["next"]).json()
    assert [row["order_id"] for row in first["orders"]] == [71_000_000_000 + n for n in range(3)]
    assert [row["order_id"] for row in rest["orders"]] == [71_000_000_003]
    assert rest["next"] is None
    assert first["orders"][0]["price"] == "50000"


def test_open_orders_are_narrowed_by_account_and_symbol(firm, reader):
    known_order(firm.account, 71_000_000_000, symbol="ETH")
    known_order(firm.account, 71_000_000_001)
    by_symbol = reader.get("/orders", symbol="ETH").json()["orders"]
    assert [row["symbol"] for row in by_symbol] == ["ETH"]
    assert len(reader.get("/orders", account_id=firm.account.pk).json()["orders"]) == 2
    assert reader.get("/orders", account_id=firm.foreign_account.pk).json()["orders"] == []
    Account.objects.update(is_active=False)
    assert reader.get("/orders").json()["orders"] == []


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 501}, {"after": -1}, {"after": "x"}])
def test_a_page_that_is_none_is_refused(firm, reader, query):
    problem(reader.get("/orders", **query), 422)


def test_the_life_of_an_order_has_its_cancels_and_its_records(firm, reader):
    order = firm.order()
    job = asked(firm, firm.operator, order)
    worker.deliver_account(account_id=firm.account.pk)
    told = reader.get(f"/orders/{firm.account.pk}/{order.order_id}").json()
    (cancel,) = told["cancels"]
    assert (cancel["job_id"], cancel["status"], cancel["is_at_rest"]) == (job.pk, "cancelled", True)
    assert cancel["proof"] == "answer"
    events = [record["event"] for record in told["records"]]
    assert {"cancel_asked", "request", "answer"} <= set(events)
    assert any("olivia asked to cancel" in record["sentence"] for record in told["records"])


def test_open_questions_are_told(firm, reader):
    asked(firm, firm.operator, known_order(firm.account, 71_000_000_001))
    asked(firm, firm.stranger, known_order(firm.foreign_account, 71_000_000_002))
    Cancel.objects.update(status="unknown", next_check_at=now())
    (told,) = reader.get("/unresolved").json()["cancels"]
    assert (told["order_id"], told["is_at_rest"]) == (71_000_000_001, False)


def test_what_a_job_tells_of_its_cancels_is_from_one_look(firm, reader, monkeypatch):
    job = asked(firm, firm.operator, *a_book(firm, 3))
    count = CancelQuerySet.count

    def slower_than_a_sender(rows):
        Cancel.objects.update(status=CancelStatus.CANCELLED)
        return count(rows)

    monkeypatch.setattr(CancelQuerySet, "count", slower_than_a_sender)
    told = reader.get(f"/jobs/{job.pk}").json()
    assert (told["count"], told["at_rest"], told["counts"]) == (3, 0, {"queued": 3})


def test_a_job_tells_how_many_of_its_cancels_stand_where(firm, reader):
    orders = firm.orders(3)
    job = asked(firm, firm.operator, *orders)
    told = reader.get(f"/jobs/{job.pk}").json()
    assert (told["count"], told["at_rest"], told["counts"]) == (3, 0, {"queued": 3})
    assert (told["asked_by"], told["reason"], told["lines"]) == ("olivia", "requote", [])
    worker.deliver_account(account_id=firm.account.pk)
    told = reader.get(f"/jobs/{job.pk}").json()
    assert (told["status"], told["at_rest"], told["counts"]) == ("done", 3, {"cancelled": 3})
    page = reader.get(f"/jobs/{job.pk}/cancels", limit=2).json()
    assert [row["status"] for row in page["cancels"]] == ["cancelled"] * 2
    assert len(reader.get(f"/jobs/{job.pk}/cancels", after=page["next"]).json()["cancels"]) == 1


def test_a_panic_tells_of_each_account(firm, reader):
    about = {"user": firm.operator, "actor": firm.actor()}
    job = decision.record_panic(desk_id=firm.momentum.pk, reason="test", **about)
    told = reader.get(f"/jobs/{job.pk}").json()
    assert told["is_panic"]
    (line,) = told["lines"]
    assert (line["account_id"], line["status"]) == (firm.account.pk, "waiting")
    assert line["seen_empty_at"] is None


def test_foreign_and_missing_are_told_alike(firm, reader):
    order = known_order(firm.foreign_account, 71_000_000_001)
    job = asked(firm, firm.stranger, order)
    own = known_order(firm.account, 71_000_000_009)
    places = [
        (f"/jobs/{job.pk}", "/jobs/987654"),
        (f"/jobs/{job.pk}/cancels", "/jobs/987654/cancels"),
        (f"/orders/{firm.foreign_account.pk}/{order.order_id}", "/orders/987654/1"),
        (f"/orders/{firm.account.pk}/{order.order_id}", f"/orders/{firm.account.pk}/1"),
        (f"/orders/{firm.foreign_account.pk}/{own.order_id}", "/orders/987654/71000000009"),
    ]
    for foreign, missing in places:
        told = [problem(reader.get(place), 404) for place in (foreign, missing)]
        assert told[0] == told[1]


def test_a_head_of_two_desks_gives_a_token_one(firm):
    firm.basis.memberships.create(user=firm.head, role="head")
    known_order(firm.foreign_account, 71_000_000_001)
    order = known_order(firm.account, 71_000_000_002)
    reader = program(firm, "read")
    assert [row["id"] for row in reader.get("/orders").json()["orders"]] == [order.pk]
    assert len(reader.get("/accounts").json()) == 1


def test_health_says_what_keeps_cancels_from_being_sent(firm, reader):
    told = reader.get("/health").json()
    assert (told["network"], told["senders"]) == ("paper", 0)
    assert told["troubles"] == ["No sender was heard of in the last 15 s: cancels wait."]
    Sender.objects.create(name="sweep", kind="sweep", started_at=now(), seen_at=now())
    told = reader.get("/health").json()
    assert (told["troubles"], told["senders"], told["unresolved"]) == ([], 1, 0)
    (account,) = told["accounts"]
    assert (account["name"], account["is_followed"]) == ("Alpha", False)
