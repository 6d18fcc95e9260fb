"""*Seen empty* is said of a book only where a look shows it, whatever else happens meanwhile."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.models import AuditRecord, Event, PanicLine, PanicStatus
from orders.panic import decision, open_orders, worker
from tests.helpers.panics import QUICK


@pytest.fixture(autouse=True)
def _quick(quick_panic):
    """Nothing here waits as long as it would on the desk."""


def emptied(firm, timings=QUICK, **scope):
    about = {"user": firm.operator, "actor": firm.actor(), "desk_id": firm.momentum.pk}
    decision.record_panic(**about | scope)
    for line in worker.claim_lines(timezone.now()):
        worker.empty(line, timings=timings)
    return PanicLine.objects.get()


def is_open(firm):
    truth = firm.paper.truth(firm.account.address)
    return [order_id for order_id, order in truth.items() if order["is_open"]]


def looks(firm):
    """The routes read, in order."""
    return [one["route"] for one in firm.paper.requests() if one["method"] == "GET"]


@pytest.fixture
def book(firm):
    """Two plain orders; the ledger of reads begins after them."""
    firm.orders(2)
    mark = firm.paper.ledger()["next"]
    real = firm.paper.requests
    firm.paper.requests = lambda route=None: [one for one in real(route) if one["n"] >= mark]
    yield firm
    del firm.paper.requests


def test_what_may_place_orders_again_is_read_before_the_orders(book):
    assert emptied(book).status == PanicStatus.EMPTY
    before, *after = looks(book)  # the first goes before the cancel-all
    assert (before, after[:3]) == (after[0], ["/order_strategies", "/orders/twap", "/orders"])


def test_one_look_is_enough_where_the_exchange_said_yes(book):
    emptied(book)
    reads = AuditRecord.objects.filter(event=Event.READ)
    assert reads.count() == 3


@pytest.fixture
def looked_early(book, monkeypatch):
    """The first look is from before the signature's end; reads are stale no longer than it."""
    real, looks = open_orders.read_everything_open, []

    def look(line, reader):
        looks.append(real(line, reader))
        if len(looks) == 1:
            looks[0].began_at = line.sent_at
            book.paper.disarm()
        return looks[-1]

    monkeypatch.setattr(open_orders, "read_everything_open", look)


@pytest.mark.usefixtures("looked_early")
@pytest.mark.parametrize("kind", ["apply_then_drop", "drop"])
def test_without_a_clear_yes_a_look_counts_only_after_the_signatures_end(book, kind):
    book.paper.fault("/orders/cancel_all", kind)
    line = emptied(book)
    assert line.status == PanicStatus.EMPTY
    assert line.seen_empty_at >= open_orders.settled_at(line, QUICK)
    assert looks(book).count("/orders") >= 2
    assert "seen empty after the request could act no more" in line.explanation
    assert "unless you say so" not in line.explanation


@pytest.mark.usefixtures("looked_early")
def test_an_order_that_a_late_cancel_all_could_still_hide_is_found(book):
    """The first look is stale and empty: only the one after the signature's end counts."""
    for order_id in is_open(book):
        book.paper.close(order_id)
    book.paper.fault("*", "stale_reads", for_ms=60_000)
    book.paper.fault("/orders/cancel_all", "drop")
    book.paper.orders(book.account.address, 1)
    assert emptied(book).status == PanicStatus.EMPTY
    assert is_open(book) == []


UNCLEAR = {
    "no answer": ("drop", {}),
    "500": ("status", {"status": 500}),
    "unknown words": (
        "status",
        {"status": 422, "body": {"success": False, "error": "x", "code": 9}},
    ),
}


@pytest.mark.parametrize("answer", UNCLEAR)
def test_without_a_clear_yes_a_look_of_before_the_panic_proves_nothing(firm, answer):
    """A signature ends within seconds, and a read may still show the book of before."""
    kind, about = UNCLEAR[answer]
    firm.paper.fault("/orders/cancel_all", kind, **about)
    firm.paper.fault("*", "stale_reads", for_ms=1500)  # QUICK's signature is over after 0.5 s
    firm.paper.orders(firm.account.address, 1)
    line = emptied(firm, timings=replace(QUICK, reads_lag=timedelta(seconds=2)))
    assert line.status == PanicStatus.EMPTY
    assert is_open(firm) == []


@pytest.mark.parametrize("route", ["/orders/twap", "/order_strategies"])
def test_a_route_that_cannot_be_read_keeps_nothing_else_open(firm, route):
    firm.paper.rules(cancel_all_takes_stops=False)
    firm.orders(2, order_type="stop_limit", stop_price="40000")
    firm.paper.fault(route, "status", times=None, status=500)
    line = emptied(firm)
    assert is_open(firm) == []
    assert line.status == PanicStatus.NEEDS_YOU
    assert f"{route} could not be read" in line.explanation
    assert line.left_open is None


def test_what_was_spared_is_counted(firm):
    firm.orders(2, reduce_only=True)
    firm.order()
    line = emptied(firm, keep_reduce_only=True)
    assert line.explanation == "The exchange cancelled 1. 2 reduce-only orders were spared."


def test_that_spares_stops_a_look_of_before_the_panic_proves_nothing(firm):
    """No cancel-all goes out: only a look after the time by which reads may lag counts."""
    firm.paper.fault("*", "stale_reads", for_ms=300)
    (order_id,) = firm.paper.orders(firm.account.address, 1)
    line = emptied(firm, keep_stops=True)
    assert line.status == PanicStatus.EMPTY
    assert is_open(firm) == []
    assert line.seen_empty_at >= line.last_asked_at + QUICK.reads_lag
    assert "was seen empty 0 s after it was asked for" in line.explanation
    assert firm.paper.truth()[order_id]["order_status"] == "cancelled"
