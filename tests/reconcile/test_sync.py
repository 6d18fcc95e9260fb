"""Sync: the book says what is open, the history how the rest closed."""

import json
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal

import pytest
import requests
from django.conf import settings
from django.db import connection
from django.utils import timezone

from orders.exchange import credits, reader
from orders.models import Account, AuditRecord, CreditPool, Event, Order, OrderState, bulk_insert
from orders.pacifica.fields import (
    MAX_NAME_CHARS,
    MAX_TEXT_CHARS,
    is_decimal,
    is_name,
    is_text,
)
from orders.pacifica.paper import pages
from orders.pacifica.rows import HistoryOrder, OpenOrder
from orders.reconcile import sync as account_sync
from tests.helpers import counted


def sync(firm, **options):
    return account_sync.sync_account(account_id=firm.account.pk, **options)


def later(seconds):
    return lambda: timezone.now() + timedelta(seconds=seconds)


def test_an_open_order_keeps_the_exchanges_text_exactly(firm):
    text = "0.100000000000000000000000000000000001"
    order = firm.order(price="0.000012340", initial_amount=text, symbol="kBONK")
    assert (order.price, order.initial_amount, order.symbol) == ("0.000012340", text, "kBONK")
    assert order.order_id > 2**31
    assert order.state == OrderState.OPEN


def test_prices_sort_as_numbers(firm):
    for price in ("9", "10", "100.5"):
        firm.order(price=price)
    prices = Order.objects.order_by("price_number").values_list("price", flat=True)
    assert list(prices) == ["9", "10", "100.5"]


def test_a_price_too_long_for_the_number_column_is_kept_as_text(firm):
    order = firm.order(price="9" * 40)
    assert (order.price, order.price_number) == ("9" * 40, None)


UGLY = [
    {"initial_amount": "12345678901234567.5"},
    {"price": "9" * 25 + "." + "9" * 38},
    {"price": "9" * 26 + "." + "9" * 37},
    {"created_at": 2**63 - 1, "updated_at": 2**63 - 1},
]


@pytest.mark.parametrize("ugly", UGLY, ids=["amount", "price", "too long a price", "time"])
def test_a_row_beyond_all_bounds_stops_no_sync(firm, ugly):
    firm.paper.orders(firm.account.address, [{}])
    body = requests.get(f"{firm.paper.url}/orders?account={firm.account.address}").json()
    body["data"].append(body["data"][0] | {"order_id": 77} | ugly)
    for _ in range(2):
        firm.paper.fault("/orders", "status", status=200, body=json.dumps(body))
        synced = sync(firm)
    assert (synced.open_orders, synced.new, synced.problem) == (2, 0, "")
    assert AuditRecord.objects.filter(event=Event.SYNC).count() == 1


def test_every_text_that_a_row_may_hold_fits_its_column():
    texts = {is_text: MAX_TEXT_CHARS, is_name: MAX_NAME_CHARS, is_decimal: MAX_NAME_CHARS}
    checked = 0
    for one in [*fields(OpenOrder), *fields(HistoryOrder)]:
        column = {"amount": "initial_amount"}.get(one.name, one.name)
        longest = texts.get(one.metadata.get("check"))
        if longest and hasattr(Order, column):
            assert Order._meta.get_field(column).max_length >= longest, one.name
            checked += 1
    assert checked > 15
    assert not is_decimal("1" * 40 + "." + "1" * 24)


def test_a_vanished_order_is_closed_by_the_history_with_its_amounts(firm):
    order = firm.order()
    firm.paper.fill(order.order_id, "0.2")
    firm.paper.close(order.order_id)
    sync(firm)
    order.refresh_from_db()
    assert (order.state, order.order_status) == (OrderState.CLOSED, "cancelled")
    assert (order.filled_amount, order.cancelled_amount) == ("0.2", "0.3")


def test_what_the_history_does_not_tell_stays_vanished_and_is_asked_again(firm):
    order = firm.order()
    firm.paper.fill(order.order_id)
    for route in ("/orders/history", "/orders/history_by_id"):
        firm.paper.fault(route, "status", status=500)
    sync(firm)
    order.refresh_from_db()
    assert order.state == OrderState.VANISHED
    sync(firm, clock=later(31))
    order.refresh_from_db()
    assert (order.state, order.order_status) == (OrderState.CLOSED, "filled")


def test_an_unreadable_book_changes_no_order_and_is_said(firm):
    firm.orders(2)
    body = '{"success":true,"data":{"order_id":1}}'
    firm.paper.fault("/orders", "status", status=200, body=body)
    synced_at = Account.objects.get(pk=firm.account.pk).synced_at
    assert "no list" in sync(firm).problem
    account = Account.objects.get(pk=firm.account.pk)
    assert account.synced_at == synced_at
    assert "no list" in account.sync_error
    assert Order.objects.open().count() == 2
    sync(firm)
    assert Account.objects.get(pk=firm.account.pk).sync_error == ""


def test_a_partial_fill_updates_the_order(firm):
    order = firm.order()
    firm.paper.fill(order.order_id, "0.1")
    sync(firm)
    order.refresh_from_db()
    assert order.filled_amount == "0.1"
    assert order.open_amount_number == Decimal("0.4")


def test_a_book_behind_a_fresh_close_does_not_reopen_the_order(firm):
    order = firm.order()
    now = timezone.now()
    Order.objects.update(state=OrderState.CLOSED, order_status="cancelled", closed_at=now)
    sync(firm)
    order.refresh_from_db()
    assert order.state == OrderState.CLOSED


def test_a_closed_order_that_stands_open_for_long_is_a_contradiction_on_record(firm):
    order = firm.order()
    long_ago = timezone.now() - timedelta(minutes=5)
    Order.objects.update(state=OrderState.CLOSED, order_status="cancelled", closed_at=long_ago)
    sync(firm)
    order.refresh_from_db()
    assert order.state == OrderState.OPEN
    assert AuditRecord.objects.filter(event=Event.CONTRADICTION).count() == 1


def test_a_sync_leaves_one_record_and_only_where_it_changed_something(firm):
    firm.orders(3)
    before = AuditRecord.objects.count()
    sync(firm)
    assert AuditRecord.objects.count() == before
    record = AuditRecord.objects.filter(event=Event.SYNC).get()
    rows = [json.loads(row.data) for row in record.order_rows.all()]
    assert [row["initial_amount"] for row in rows] == ["0.5"] * 3
    read = json.loads(record.data)["reads"][0]
    assert read["length"] > 0
    assert len(read["sha256"]) == 64


def test_a_scheduled_sync_leaves_a_fresh_book_alone(firm):
    sync(firm)
    assert sync(firm, is_due_only=True) is None
    assert sync(firm, is_due_only=True, clock=later(31)) is not None


def test_a_sync_that_was_overtaken_writes_nothing(firm):
    firm.paper.orders(firm.account.address, 1)
    Account.objects.filter(pk=firm.account.pk).update(
        synced_at=timezone.now() + timedelta(seconds=30)
    )
    assert sync(firm) is None
    assert not Order.objects.exists()


def test_an_orders_edit_is_a_new_order_and_the_old_one_closed(firm):
    order = firm.order(client_order_id="f47ac10b-58cc-4372-a567-0e02b2c3d479")
    new_id = firm.paper.edit(order.order_id, price="49000")
    sync(firm)
    order.refresh_from_db()
    assert order.state == OrderState.CLOSED
    assert Order.objects.get(order_id=new_id).client_order_id == order.client_order_id


def test_the_number_of_queries_does_not_grow_with_the_book(firm):
    counts = []
    sync(firm)
    for how_many in (3, bulk_insert.LIMITS.at_once):
        firm.paper.orders(firm.account.address, how_many)
        with counted.queries() as queries:
            sync(firm)
        counts.append(len(queries))
    assert counts[1] == counts[0]


def test_nor_does_it_grow_with_how_many_orders_are_gone(firm):
    counts = []
    for how_many in (3, 40):
        for order in firm.orders(how_many):
            firm.paper.close(order.order_id)
        with counted.queries() as queries:
            sync(firm)
        counts.append(len(queries))
    assert not Order.objects.exclude(state=OrderState.CLOSED).exists()
    assert counts[1] == counts[0]


ONE_PAGE = account_sync.Limits(pages=1)  # for a few


@pytest.fixture
def many_gone(firm):
    """More orders are gone than a page of the history holds."""
    for order in firm.orders(120):
        firm.paper.close(order.order_id)


def test_the_more_orders_are_missing_the_deeper_the_history_is_read(firm, many_gone):
    sync(firm, limits=ONE_PAGE)
    assert set(Order.objects.values_list("state", flat=True)) == {OrderState.CLOSED}
    assert len(firm.paper.requests("/orders/history")) == 2


def test_a_deep_history_costs_no_more_than_a_routine_sync_may_spend(firm, many_gone, settings):
    quota = CreditPool.objects.get().quota
    settings.CREDIT_PRICES = settings.CREDIT_PRICES | {"heavy_read_keyless": quota / 5}
    sync(firm, limits=ONE_PAGE)
    assert len(firm.paper.requests("/orders/history")) == 1
    assert Order.objects.filter(state=OrderState.CLOSED).count() == 100 + ONE_PAGE.by_id


@pytest.fixture
def short_pages(firm, monkeypatch, settings):
    """The exchange pages its history by five orders, and credits are plenty."""
    for limit in ("DEFAULT_LIMIT", "MAX_LIMIT"):
        monkeypatch.setattr(pages, limit, 5)
    settings.CREDIT_QUOTAS = {"keyless": 10_000, "keyed": 10_000}
    CreditPool.objects.all().delete()


def test_nor_with_how_many_pages_of_the_history_tell_of_them(firm, short_pages):
    counts, pages = [], []
    for how_many in (20, 80):
        for order in firm.orders(how_many):
            firm.paper.close(order.order_id)
        before = len(firm.paper.requests("/orders/history"))
        with counted.queries() as queries:
            sync(firm, limits=account_sync.Limits(page=5))
        counts.append(len(queries))
        pages.append(len(firm.paper.requests("/orders/history")) - before)
    assert not Order.objects.exclude(state=OrderState.CLOSED).exists()
    assert pages == [4, 16]
    assert counts[1] == counts[0]


def test_pages_that_were_paid_for_and_not_read_are_given_back(firm, short_pages, monkeypatch):
    monkeypatch.setattr(reader.answers, "quota", lambda headers: None)  # we alone count
    for order in firm.orders(20):
        firm.paper.close(order.order_id)
    before = credits.balance(account=firm.account, now=timezone.now()).left
    sync(firm, limits=account_sync.Limits(page=1))  # the history looks longer than it is
    prices, pages = settings.CREDIT_PRICES, len(firm.paper.requests("/orders/history"))
    spent = before - credits.balance(account=firm.account, now=timezone.now()).left
    assert pages == 4
    assert spent == prices["read"] + pages * prices["heavy_read_keyless"]


def test_two_desks_may_hold_the_same_account(firm):
    from orders.accounts import provisioning

    twin, _ = provisioning.add_account(
        name="Alpha twin", desk=firm.basis, address=firm.account.address
    )
    firm.order()
    account_sync.sync_account(account_id=twin.pk)
    assert Order.objects.filter(account=twin).count() == 1


def test_a_scheduled_sync_waits_while_the_purse_is_low(firm):
    sync(firm)
    CreditPool.objects.update(quota=1)
    account = firm.account
    assert "credits" in sync(firm, is_due_only=True, clock=later(31)).problem
    assert len(firm.paper.requests("/orders")) == 1
    account.refresh_from_db()
    assert account.sync_error == ""


def odd_book(firm, *odd):
    """The book as it is, with these rows beside it, from now on."""
    body = requests.get(f"{firm.paper.url}/orders?account={firm.account.address}").json()
    body["data"] += [body["data"][0] | one if isinstance(one, dict) else one for one in odd]
    firm.paper.fault("/orders", "status", status=200, body=json.dumps(body), times=None)
    return body["data"]


def account_of(firm):
    return Account.objects.get(pk=firm.account.pk)


def test_an_odd_row_hides_no_sound_one_and_stands_on_the_account_while_it_lasts(firm):
    firm.orders(2)
    odd_book(firm, {"order_id": 77}, {"order_id": None})
    synced = sync(firm)
    assert (synced.open_orders, synced.new, synced.problem) == (3, 1, "")
    said = account_of(firm).book_trouble
    assert said.startswith("1 of 4 rows of the open orders could not be read: row 4: {")
    assert said.endswith("3 orders are known; ask the exchange about the rest.")
    data = json.loads(AuditRecord.objects.filter(event=Event.SYNC).latest("position").data)
    assert data["reads"][0]["odd_count"] == 1
    assert data["reads"][0]["odd_rows"][0]["row"] == 4
    firm.paper.disarm()
    sync(firm)
    assert account_of(firm).book_trouble == ""


def test_the_same_odd_row_makes_one_record_however_often_it_is_read(firm):
    firm.orders(2)
    odd_book(firm, None)
    before = AuditRecord.objects.filter(event=Event.SYNC).count()
    for _ in range(3):
        sync(firm)
    assert AuditRecord.objects.filter(event=Event.SYNC).count() == before + 1


def test_what_a_row_does_not_tell_stays_as_it_was_known_and_is_named(firm):
    order = firm.order(initial_amount="1")
    rows = odd_book(firm)
    rows[0] |= {"initial_amount": None, "side": "", "created_at": "?", "filled_amount": 2.5e-1}
    body = json.dumps({"success": True, "data": rows})
    firm.paper.disarm()
    firm.paper.fault("/orders", "status", status=200, body=body)
    sync(firm)
    known, created_at, side = order.initial_amount, order.created_at, order.side
    order.refresh_from_db()
    assert (order.initial_amount, order.created_at, order.side) == (known, created_at, side)
    assert (order.filled_amount, order.open_amount_number) == ("0.25", Decimal("0.75"))
    assert order.trouble.endswith("side, initial_amount, created_at.")
    sync(firm)
    order.refresh_from_db()
    assert order.trouble == ""


def test_a_new_order_has_none_of_what_its_row_does_not_tell(firm):
    firm.orders(1)
    lost = {"initial_amount": None, "side": None, "created_at": None, "reduce_only": None}
    odd_book(firm, {"order_id": 77} | lost)
    assert sync(firm).new == 1
    order = Order.objects.get(order_id=77)
    assert (order.initial_amount, order.side, order.created_at) == ("", "", None)
    assert (order.reduce_only, order.open_amount_number) == (None, None)


def test_rows_of_one_order_that_differ_are_a_trouble_of_that_order(firm):
    order = firm.order()
    odd_book(firm, {"filled_amount": "0.1"})
    assert sync(firm).open_orders == 1
    order.refresh_from_db()
    assert order.state == OrderState.OPEN
    assert order.trouble == "The exchange lists it twice, and differently: filled_amount."


def test_a_known_order_whose_symbol_is_unreadable_is_still_listed(firm):
    order = firm.order()
    rows = odd_book(firm)
    body = json.dumps({"success": True, "data": [rows[0] | {"symbol": None}]})
    firm.paper.disarm()
    firm.paper.fault("/orders", "status", status=200, body=body)
    sync(firm)
    order.refresh_from_db()
    assert (order.state, order.symbol) == (OrderState.OPEN, "BTC")
    assert order.trouble == "Could not be read when the open orders were last read: symbol."


def test_no_order_is_said_to_have_vanished_while_it_may_be_an_unreadable_row(firm):
    order = firm.order()
    body = json.dumps({"success": True, "data": [{"symbol": "BTC"}]})
    firm.paper.fault("/orders", "status", status=200, body=body, times=2)
    seen_at = order.last_seen_at
    for _ in range(2):
        sync(firm)
    order.refresh_from_db()
    assert (order.state, order.last_seen_at) == (OrderState.OPEN, seen_at)
    assert "could not be read" in order.trouble
    firm.paper.fault("/orders", "status", status=200, body='{"success":true,"data":[]}')
    sync(firm)
    order.refresh_from_db()
    assert order.state == OrderState.VANISHED


def test_the_history_closes_an_order_that_might_be_an_unreadable_row(firm):
    order = firm.order()
    firm.paper.fill(order.order_id)
    odd = json.dumps({"success": True, "data": [5]})
    firm.paper.fault("/orders", "status", status=200, body=odd)
    sync(firm)
    order.refresh_from_db()
    assert (order.state, order.order_status) == (OrderState.CLOSED, "filled")


def test_an_odd_row_whose_text_changes_with_every_read_makes_one_record(firm):
    firm.orders(1)
    sync(firm)
    before = AuditRecord.objects.filter(event=Event.SYNC).count()
    for moment in range(3):
        firm.paper.fault("/orders", "altered", which="x", beside=f'{{"updated_at": {moment}}}')
        sync(firm)
    assert AuditRecord.objects.filter(event=Event.SYNC).count() == before + 1
    assert '{"updated_at": 2}' in account_of(firm).book_trouble


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite tells what it did")
def test_a_sync_does_no_more_however_many_orders_of_the_account_closed(firm):
    firm.orders(5)
    sync(firm)
    work = []
    for count in (30, 900):
        times = dict.fromkeys(("first_seen_at", "last_seen_at", "created_at"), timezone.now())
        Order.objects.bulk_create(
            Order(account=firm.account, order_id=count * 10**6 + number, state="closed", **times)
            for number in range(count)
        )
        with counted.work() as done:
            sync(firm)
        work.append(len(done))
    assert work[1] < 1.25 * work[0] + 20, work


def test_a_read_from_before_an_order_was_made_does_not_end_it(firm):
    """By its own newest order id; an older copy of the exchange's data may have answered."""
    order = firm.order()
    before = json.dumps({"success": True, "data": [], "last_order_id": order.order_id - 1})
    firm.paper.fault("/orders", "status", status=200, body=before)
    sync(firm)
    assert Order.objects.get().state == OrderState.OPEN


def test_the_same_said_for_longer_than_reads_lag_is_believed(firm):
    order = firm.order()
    before = json.dumps({"success": True, "data": [], "last_order_id": order.order_id - 1})
    firm.paper.fault("/orders", "status", times=None, status=200, body=before)
    sync(firm, clock=later(60))
    assert Order.objects.get().state != OrderState.OPEN
