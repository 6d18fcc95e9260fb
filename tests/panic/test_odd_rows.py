"""A panic beside odd rows: every sound order goes; *empty* is not said past an unreadable row."""

import json

import pytest
from django.utils import timezone

from orders.models import AuditRecord, Event, PanicLine, PanicStatus
from orders.panic import decision, readback, worker
from tests.helpers.odd_cells import FewLooks
from tests.helpers.panics import QUICK

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def _quick(quick_panic, monkeypatch):
    """Nothing here waits as long as it would on the desk; cancel-all does nothing."""
    monkeypatch.setattr(readback, "_Deadline", FewLooks)


def emptied(firm, **about):
    firm.paper.fault("/orders/cancel_all", "drop", times=None)
    about |= {"user": firm.operator, "actor": firm.actor(), "desk_id": firm.momentum.pk}
    decision.record_panic(**about)
    for line in worker.claim_lines(timezone.now()):
        worker.empty(line, timings=QUICK)
    return PanicLine.objects.get()


def beside(firm, text, route="/orders"):
    firm.paper.fault(route, "altered", which="x", beside=text, times=None)


def still_open(firm):
    return [i for i, one in firm.paper.truth(firm.account.address).items() if one["is_open"]]


def test_all_sound_orders_go_and_the_row_that_cannot_be_read_is_named(firm):
    firm.orders(20)
    beside(firm, '{"symbol": "BTC", "price": 1e-7}')
    line = emptied(firm)
    assert still_open(firm) == []
    assert (line.status, line.left_open) == (PanicStatus.NEEDS_YOU, 1)
    assert '1 row of /orders could not be read: row 1: {"symbol": "BTC", "price": 1e-7}' in (
        line.explanation
    )


def test_the_read_that_shows_an_unreadable_row_stands_in_the_record(firm):
    firm.orders(1)
    beside(firm, "null")
    emptied(firm)
    reads = AuditRecord.objects.filter(event=Event.READ, job=PanicLine.objects.get().job)
    told = [json.loads(one.data) for one in reads]
    assert {"row": 1, "why": "it is no object", "raw": "null"} in [
        row for one in told for row in one.get("odd_rows", [])
    ]


@pytest.mark.parametrize("route", ["/orders/twap", "/order_strategies"])
def test_an_unreadable_row_of_twaps_or_strategies_is_in_the_way_too(firm, route):
    firm.orders(3)
    beside(firm, "{}", route)
    line = emptied(firm)
    assert still_open(firm) == []
    assert line.status == PanicStatus.NEEDS_YOU
    assert f"1 row of {route} could not be read: row 1: {{}}" in line.explanation


def test_a_row_whose_symbol_is_unreadable_counts_in_a_panic_of_one_symbol(firm):
    firm.orders(1)
    beside(firm, '{"order_id": 77, "symbol": null}')
    line = emptied(firm, symbol="BTC")
    assert line.status == PanicStatus.NEEDS_YOU
    assert '{"order_id": 77, "symbol": null}' in line.explanation


def test_a_known_order_whose_symbol_is_unreadable_is_cancelled(firm):
    order = firm.order()
    firm.paper.fault(
        "/orders", "altered", which={"order_id": order.order_id}, change={"symbol": 5}, times=None
    )
    assert emptied(firm).status == PanicStatus.EMPTY
    assert still_open(firm) == []


def test_an_unreadable_row_of_another_symbol_is_out_of_a_panics_scope(firm):
    firm.orders(1)
    beside(firm, '{"symbol": "ETH"}')
    assert emptied(firm, symbol="BTC").status == PanicStatus.EMPTY


def test_an_order_listed_twice_and_differently_is_cancelled_once(firm):
    order = firm.order()
    firm.paper.fault(
        "/orders",
        "altered",
        is_twin=True,
        change={"side": "ask", "filled_amount": "0.4"},
        times=None,
    )
    assert emptied(firm).status == PanicStatus.EMPTY
    assert still_open(firm) == []
    assert order.cancels.count() == 1


@pytest.mark.parametrize("symbol", ["BTC USD", "BTCé", "b" * 64, "‼"])
def test_a_symbol_that_cannot_be_signed_keeps_no_sound_order_open(firm, symbol):
    firm.orders(3)
    text = json.dumps({"order_id": 77, "symbol": symbol, "order_type": "limit"})
    beside(firm, text)
    line = emptied(firm)
    assert still_open(firm) == []
    assert line.status == PanicStatus.NEEDS_YOU
