"""Orders that came and went while nothing told of them are found in the history."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.audit import sentences
from orders.cancels import requests
from orders.delivery import worker
from orders.evidence import verify
from orders.exchange import credits
from orders.models import (
    AmountsState,
    AuditRecord,
    Cancel,
    CancelKind,
    CancelStatus,
    CreditPool,
    Drift,
    Event,
    Order,
    OrderState,
)
from orders.pacifica.paper import pages
from orders.reconcile import missed_orders
from orders.reconcile import sync as account_sync
from tests.helpers import counted, frames

NAME = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
HOUR = timedelta(hours=1)


@pytest.fixture
def plenty(settings):
    """Credits are no matter here."""
    settings.CREDIT_QUOTAS = {"keyless": 100_000, "keyed": 100_000}
    CreditPool.objects.all().delete()


def look_up(firm, since=None, **options):
    since = since or timezone.now() - HOUR
    return missed_orders.look_up(account_id=firm.account.pk, since=since, **options)


def come_and_go(firm, event="cancel", filled=None, **fields):
    """An order that is placed and ends; its id."""
    row = {"price": "50000", "initial_amount": "0.5"} | fields
    (order_id,) = firm.paper.orders(firm.account.address, [row])
    if filled:
        firm.paper.fill(order_id, filled)
    if event:
        firm.paper.close(order_id, event)
    return order_id


def end_of(order_id):
    order = Order.objects.get(order_id=order_id)
    assert (order.state, order.amounts_state) == (OrderState.CLOSED, AmountsState.TOLD)
    return order.order_status, order.reason, order.filled_amount, order.cancelled_amount


ENDS = {
    "cancelled": ({}, ("cancelled", "cancel", "0", "0.5")),
    "cancelled, a part filled": ({"filled": "0.2"}, ("cancelled", "cancel", "0.2", "0.3")),
    "filled": ({"event": None, "filled": "0.5"}, ("filled", "", "0.5", "0")),
    "by the exchange": ({"event": "force_cancel"}, ("cancelled", "force_cancel", "0", "0.5")),
    "a stop": (
        {"order_type": "stop_limit", "stop_price": "48000"},
        ("cancelled", "cancel", "0", "0.5"),
    ),
}


@pytest.mark.parametrize(("about", "end"), ENDS.values(), ids=ENDS)
def test_an_order_that_came_and_went_is_known_as_it_ended(firm, about, end):
    order_id = come_and_go(firm, **about)
    account_sync.sync_account(account_id=firm.account.pk)
    assert not Order.objects.exists()  # no read of the open orders tells of it
    assert look_up(firm) is None
    assert end_of(order_id) == end
    order = Order.objects.get()
    assert (order.price, order.initial_amount, order.symbol) == ("50000", "0.5", "BTC")
    assert order.created_at <= order.updated_at
    assert order.is_stop is ("order_type" in about)
    assert not Drift.objects.exists()


def test_it_comes_to_what_the_stream_would_have_made_of_it(firm):
    ids = [come_and_go(firm, filled="0.2"), come_and_go(firm, filled="0.2")]
    frames.stream(firm, ids[0])
    look_up(firm)
    own = {"id", "order_id", "first_seen_at", "last_seen_at", "closed_at", "told_li"}
    own |= {"created_at", "updated_at"}
    told, found = Order.objects.order_by("order_id").values()
    assert {k: v for k, v in told.items() if k not in own} == {
        k: v for k, v in found.items() if k not in own
    }


def test_one_record_holds_the_rows_word_for_word_and_again_there_is_nothing_to_say(firm):
    ids = {come_and_go(firm), come_and_go(firm)}
    for _ in range(2):
        look_up(firm)
    record = AuditRecord.objects.get(event=Event.SYNC)
    lines = record.order_rows.all()
    assert {(line.order_id, line.outcome) for line in lines} == {(pk, "closed") for pk in ids}
    assert {json.loads(line.data)["order_status"] for line in lines} == {"cancelled"}
    assert json.loads(record.data)["reads"][0]["path"] == "/orders/history"
    said = sentences.of_record(record, row=lines[0], count=2)
    assert said.startswith("The history told what came and went on Alpha: ")
    assert verify.verify().faults == []


def test_what_stands_or_is_known_or_ended_before_the_gap_is_let_be(firm):
    known = firm.order()
    firm.paper.close(known.order_id)
    come_and_go(firm, event=None)  # stands: the open orders tell of it
    come_and_go(firm)
    later = timezone.now() + timedelta(minutes=5)
    look_up(firm, since=later, clock=lambda: later)
    assert Order.objects.count() == 1
    assert Order.objects.get().state == OrderState.OPEN  # how it ended is for a sync to say


def test_a_gap_that_seems_to_begin_in_the_future_is_looked_up_all_the_same(firm):
    """It was written before the clock was set back."""
    order_id = come_and_go(firm)
    look_up(firm, since=timezone.now() + HOUR)
    assert end_of(order_id)[0] == "cancelled"


@pytest.fixture
def short_pages(monkeypatch, plenty):
    """The exchange pages its history by ten orders."""
    for limit in ("DEFAULT_LIMIT", "MAX_LIMIT"):
        monkeypatch.setattr(pages, limit, 10)


def requests_of(firm):
    return len(firm.paper.requests("/orders/history"))


def test_no_more_pages_are_read_than_the_gap_is_deep(firm, short_pages):
    for _ in range(70):
        come_and_go(firm)
    started_at = timezone.now() + timedelta(minutes=2)
    ids = {come_and_go(firm) for _ in range(5)}
    look_up(firm, since=started_at, clock=lambda: started_at + timedelta(minutes=1))
    assert Order.objects.count() == 0
    assert requests_of(firm) == 2  # twenty rows tell how they are sorted
    look_up(firm)
    assert Order.objects.count() == 70 + len(ids)
    assert requests_of(firm) == 2 + 8


def test_how_far_it_reads_is_bounded_and_what_may_be_missing_is_said(firm, short_pages, caplog):
    for _ in range(45):
        come_and_go(firm)
    assert look_up(firm, limits=missed_orders.Limits(pages=3)) is None
    assert requests_of(firm) == 3
    assert Order.objects.count() == 30
    assert "is not wholly known: there are more pages." in caplog.text


def test_a_row_that_could_not_be_read_may_be_missing_too(firm, caplog):
    now_ms = int(timezone.now().timestamp() * 1000)
    rows = [
        {"order_id": number, "symbol": "BTC", "side": "bid", "order_status": "filled"}
        | {"amount": "1", "filled_amount": "1", "order_type": "limit", "reduce_only": False}
        | dict.fromkeys(("created_at", "updated_at"), now_ms - number * 600_000)
        for number in range(1, 31)
    ]
    rows[1] = "unreadable"
    page = {"success": True, "data": rows, "next_cursor": "more", "has_more": True}
    firm.paper.fault("/orders/history", "status", times=None, status=200, body=json.dumps(page))
    look_up(firm)
    assert "is not wholly known: a row of it could not be read." in caplog.text


def test_a_history_that_cannot_be_read_is_read_again(firm, caplog):
    order_id = come_and_go(firm)
    firm.paper.fault("/orders/history", "status", status=504)
    assert look_up(firm) == "HTTP 504"
    assert "is not known yet: HTTP 504." in caplog.text
    assert look_up(firm) is None
    assert "is read again." in caplog.text
    assert end_of(order_id)[0] == "cancelled"


def test_it_waits_for_credits_and_takes_none_that_others_need(firm, caplog):
    come_and_go(firm)
    come_and_go(firm, event=None)
    account_sync.sync_account(account_id=firm.account.pk)
    quota = CreditPool.objects.get().quota
    now = timezone.now()
    credits.reserve(account=firm.account, wanted=1, price=quota / 4, purpose=credits.SYNC, now=now)
    assert "credits" in look_up(firm)
    assert requests_of(firm) == 0
    assert not caplog.text  # that it waits is no trouble
    assert look_up(firm, clock=lambda: now + timedelta(seconds=70)) is None


def test_an_edit_in_the_gap_is_no_strangers_cancel(firm):
    known = firm.order(client_order_id=NAME)
    first = firm.paper.edit(known.order_id, price="49000")
    second = firm.paper.edit(first, price="48000")
    firm.paper.close(second)
    account_sync.sync_account(account_id=firm.account.pk)
    assert Drift.objects.count() == 1
    look_up(firm)
    links = dict(Order.objects.values_list("order_id", "replaces_order_id"))
    assert links == {known.order_id: None, first: known.order_id, second: first}
    assert not Drift.objects.exists()


def test_an_order_that_stands_in_the_place_of_one_that_came_and_went_is_linked(firm):
    first = come_and_go(firm, event=None, client_order_id=NAME)
    second = firm.paper.edit(first, price="49000")
    account_sync.sync_account(account_id=firm.account.pk)
    look_up(firm)
    assert Order.objects.get(order_id=second).replaces_order_id == first


def test_a_fill_in_the_history_reopens_what_was_said_to_be_cancelled(firm):
    order_id = come_and_go(firm, event=None)
    body = json.dumps({"success": True, "data": None})
    firm.paper.fault("/orders/cancel", "status", status=200, body=body)  # and it was no such thing
    requests.cancel_by_id(
        user=firm.operator,
        actor=firm.actor(),
        account_id=firm.account.pk,
        symbol="BTC",
        order_id=order_id,
        kind=CancelKind.ORDER,
    )
    worker.deliver_account(account_id=firm.account.pk)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    firm.paper.fill(order_id)
    look_up(firm)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    assert end_of(order_id)[0] == "filled"


def test_the_count_of_queries_does_not_grow_with_the_orders(firm, plenty):
    counts = []
    look_up(firm)
    for how_many in (2, 40):
        for _ in range(how_many):
            come_and_go(firm)
        with counted.queries() as queries:
            look_up(firm)
        counts.append(len(queries))
    assert Order.objects.count() == 42
    assert counts[0] == counts[1]


def test_many_are_written_by_and_by(firm, plenty):
    for _ in range(7):
        come_and_go(firm)
    look_up(firm, limits=missed_orders.Limits(at_once=3))
    assert Order.objects.count() == 7
    assert AuditRecord.objects.filter(event=Event.SYNC).count() == 3
