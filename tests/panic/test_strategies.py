"""A panic and order strategies: they go first, and a network may have none."""

import pytest
from django.utils import timezone

from orders.evidence import verify
from orders.models import AuditRecord, Event, PanicLine, PanicStatus
from orders.pacifica.client import Client
from orders.panic import decision, exchange_requests, strategies, worker
from tests.helpers.panics import QUICK
from tests.panic.test_trouble import is_whole

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def _quick(quick_panic):
    """Nothing here waits as long as it would on the desk."""


def emptied(firm, **scope):
    about = {"user": firm.operator, "actor": firm.actor(), "desk_id": firm.momentum.pk}
    decision.record_panic(**about | scope)
    for line in worker.claim_lines(timezone.now()):
        worker.empty(line, timings=QUICK)
    return PanicLine.objects.get()


def is_open(firm):
    truth = firm.paper.truth(firm.account.address)
    return [order_id for order_id, order in truth.items() if order["is_open"]]


# A network without them

ENVELOPE = '{"success":false,"data":null,"error":"Not found","code":404}'


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("body", [ENVELOPE, "", "404 page not found", "<html>no</html>", "{"])
def test_a_network_without_strategies_is_said_and_empties(firm, status, body):
    firm.orders(2)
    firm.paper.fault("/order_strategies", "status", times=None, status=status, body=body)
    line = emptied(firm)
    assert (line.status, is_open(firm)) == (PanicStatus.EMPTY, [])
    assert f"This network has no order strategies (HTTP {status})." in line.explanation


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, ENVELOPE),
        (410, ENVELOPE),
        (500, ENVELOPE),
        (200, ENVELOPE),
        (404, '{"success":true,"data":{"strategies":[]},"error":null,"code":null}'),
    ],
)
def test_any_other_failure_of_that_route_keeps_empty_from_being_said(firm, status, body):
    firm.orders(2)
    firm.paper.fault("/order_strategies", "status", times=None, status=status, body=body)
    line = emptied(firm)
    assert (line.status, is_open(firm)) == (PanicStatus.NEEDS_YOU, [])
    assert "/order_strategies could not be read" in line.explanation


@pytest.mark.parametrize("route", ["/orders", "/orders/twap"])
def test_no_other_route_may_be_missing(firm, route):
    firm.paper.fault(route, "status", times=None, status=404, body=ENVELOPE)
    assert emptied(firm).status == PanicStatus.NEEDS_YOU


# Before the cancel-all

SWARM = [{"symbol": "BTC", "side": "bid", "price": "1", "initial_amount": "1"}]


def strategy(firm, **about):
    return firm.paper.strategy(firm.account.address, orders=SWARM, replaces_after_ms=0, **about)


def sent(firm):
    return [one["route"] for one in firm.paper.requests() if one["method"] == "POST"]


def test_strategies_go_before_the_cancel_all_and_place_nothing_again(firm):
    strategy(firm)
    strategy(firm)
    firm.orders(2)
    assert emptied(firm).status == PanicStatus.EMPTY
    assert sent(firm) == ["/order_strategies/cancel"] * 2 + ["/orders/cancel_all"]


def test_each_strategys_cancel_is_recorded_with_the_read_that_showed_it(firm):
    strategy(firm)
    emptied(firm)
    events = AuditRecord.objects.filter(job__isnull=False).order_by("position")
    expected = [Event.PANIC, Event.READ, Event.REQUEST, Event.ANSWER, Event.REQUEST, Event.ANSWER]
    assert list(events.values_list("event", flat=True))[:6] == expected
    assert verify.verify().fault_count == 0


def test_only_strategies_of_the_symbol_go(firm):
    mine, others = strategy(firm), strategy(firm, symbol="ETH")
    emptied(firm, symbol="BTC")
    asked = [one for one in firm.paper.requests() if one["route"] == "/order_strategies/cancel"]
    assert len(asked) == 1, (mine, others)


@pytest.mark.parametrize("route", ["/order_strategies", "/order_strategies/cancel"])
def test_a_strategies_route_that_hangs_keeps_no_cancel_all_waiting(firm, monkeypatch, route):
    waits, real = [], Client._exchange

    def exchange(self, method, url, *given):
        if "cancel_all" not in waits:
            waits.append("cancel_all" if "cancel_all" in url else given[-1])
        return real(self, method, url, *given)

    monkeypatch.setattr(Client, "_exchange", exchange)
    strategy(firm)
    firm.paper.fault(route, "delay_before", delay_ms=2000)
    line = emptied(firm)
    assert line.status == PanicStatus.EMPTY, line.explanation
    *before, last = waits
    assert last == "cancel_all"
    assert sum(before) < 1  # seconds that the cancel-all can wait at most


def test_strategies_found_after_the_cancel_all_are_cancelled_before_single_orders(firm):
    firm.paper.rules(cancel_all_takes_stops=False)
    firm.order(order_type="stop_limit", stop_price="40000")
    strategy(firm)
    firm.paper.fault("/order_strategies", "status", status=500)
    assert emptied(firm).status == PanicStatus.EMPTY
    routes = sent(firm)
    assert routes.index("/orders/cancel_all") == 0
    assert routes.index("/order_strategies/cancel") < routes.index("/orders/batch")


def test_nothing_that_befalls_the_strategies_keeps_a_cancel_all_from_being_sent(firm, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no such luck")

    firm.orders(2)
    monkeypatch.setattr(strategies.Strategies, "_cancel_first", broken)
    line = emptied(firm)
    assert (line.status, line.cancelled_count) == (PanicStatus.EMPTY, 2)


def test_a_hundred_strategies_are_sent_side_by_side(firm):
    for _ in range(100):
        strategy(firm)
    firm.paper.rules(latency_ms=20)
    line = emptied(firm)
    assert (line.status, is_open(firm)) == (PanicStatus.EMPTY, [])
    assert verify.verify().fault_count == 0


def test_a_sender_that_dies_with_many_on_their_way_leaves_the_log_whole(firm, monkeypatch):
    def dies(*_, **__):
        raise KeyboardInterrupt

    for _ in range(3):
        strategy(firm)
    with monkeypatch.context() as crash, pytest.raises(KeyboardInterrupt):
        crash.setattr(exchange_requests, "record_answers", dies)
        emptied(firm)
    PanicLine.objects.update(lease_until=None)
    for line in worker.claim_lines(timezone.now()):
        worker.empty(line, timings=QUICK)
    assert PanicLine.objects.get().status == PanicStatus.EMPTY
    assert firm.paper.requests("/orders/cancel_all")
    assert AuditRecord.objects.filter(event=Event.SENDER_LOST).count() == 1
    assert is_whole()
