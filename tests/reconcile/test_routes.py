"""Whatever its type is called, an open order is reached: by its own route, or by the other one."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.cancels import requests
from orders.cancels.bulk import scope as bulk_scope
from orders.delivery import worker
from orders.models import (
    AuditRecord,
    Cancel,
    CancelKind,
    CancelStatus,
    Event,
    Order,
    PanicLine,
    PanicStatus,
    order_kinds,
)
from orders.models.orders import IS_STOP
from orders.panic import decision
from orders.panic import worker as panic_worker
from orders.reconcile import conclusions, resolve, sync
from tests.helpers.firm import Firm
from tests.helpers.panics import QUICK
from tests.helpers.screens import page, signed_in

ORDERS, STOPS = "/orders/cancel", "/orders/stop/cancel"
STOP = {"order_type": "stop_limit", "stop_price": "40000"}
NEW_TYPES = ["trailing_stop", "trigger_limit", "conditional_limit", "take_profit_trailing"]


def by_id(firm: Firm, order_id, kind):
    about = {"user": firm.operator, "actor": firm.actor(), "symbol": "BTC"}
    asked = requests.cancel_by_id(account_id=firm.account.pk, order_id=order_id, kind=kind, **about)
    worker.deliver_account(account_id=firm.account.pk)
    return asked


def settle(firm, after_s):
    at = timezone.now() + timedelta(seconds=after_s)
    resolve.settle_account(account_id=firm.account.pk, clock=lambda: at)
    worker.deliver_account(account_id=firm.account.pk, clock=lambda: at)
    return Cancel.objects.get()


def tried(firm):
    return [one["route"] for one in firm.paper.requests() if one["method"] == "POST"]


def is_open(firm):
    truth = firm.paper.truth(firm.account.address)
    return [order_id for order_id, order in truth.items() if order["is_open"]]


def listed_as(firm, **change):
    """The book shows the order so, whichever route the exchange keeps it under."""
    firm.paper.fault("/orders", "altered", times=None, change=change)
    sync.sync_account(account_id=firm.account.pk)
    return Order.objects.get()


@pytest.mark.parametrize("order_type", NEW_TYPES)
def test_a_new_type_of_stop_goes_to_the_stop_route(firm, order_type):
    order = firm.order(**STOP | {"order_type": order_type})
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    worker.deliver_account(account_id=firm.account.pk)
    assert (tried(firm), is_open(firm)) == ([STOPS], [])


@pytest.mark.parametrize("stop_price", [None, "40000", "0"])
@pytest.mark.parametrize("order_type", [*NEW_TYPES, "limit", "stop_limit", "bracket"])
def test_the_query_and_the_rule_mean_the_same_stops(firm, order_type, stop_price):
    order = firm.order(order_type="limit")
    Order.objects.filter(pk=order.pk).update(order_type=order_type, stop_price=stop_price)
    found = Order.objects.filter(IS_STOP).exists()
    assert found == order_kinds.is_stop(order_type, stop_price) == Order.objects.get().is_stop
    scope = bulk_scope.Scope(desk_id=firm.momentum.pk, spare_stops=True)
    spared = bulk_scope.matching(user=firm.head, scope=scope, now=timezone.now())
    assert spared.exists() == (not found)


@pytest.mark.parametrize(
    ("fields", "kind", "routes"),
    [
        (STOP, CancelKind.ORDER, [ORDERS, STOPS]),
        ({}, CancelKind.STOP, [STOPS, ORDERS]),
    ],
)
def test_what_the_operator_chose_is_tried_first_and_the_other_route_then(
    firm, fields, kind, routes
):
    order = firm.order(**fields)
    asked = by_id(firm, order.order_id, kind)
    assert "if not found" in asked.sentence()
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.attempt, tried(firm)) == (CancelStatus.CANCELLED, 2, routes)
    requests = AuditRecord.objects.filter(event=Event.REQUEST)
    assert [json.loads(one.data)["attempt"] for one in requests.order_by("position")] == [1, 2]


def test_an_order_never_seen_is_tried_by_both_routes(firm):
    (order_id,) = firm.paper.orders(firm.account.address, [STOP])
    by_id(firm, order_id, CancelKind.ORDER)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


def test_the_operators_choice_spares_a_wrong_name_its_detour(firm):
    """The exchange keeps it under the stop route, and its type does not tell."""
    firm.order(**STOP)
    order = listed_as(firm, order_type="bracket", stop_price=None)
    by_id(firm, order.order_id, CancelKind.STOP)
    assert (tried(firm), is_open(firm)) == ([STOPS], [])


def test_a_row_that_only_looks_like_a_stop_is_reached_by_the_other_route(firm):
    firm.order()
    order = listed_as(firm, order_type="trailing_stop", stop_price="40000")
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    worker.deliver_account(account_id=firm.account.pk)
    assert (tried(firm), is_open(firm)) == ([STOPS, ORDERS], [])


def test_a_plain_order_that_is_gone_is_asked_for_once(firm):
    order = firm.order()
    firm.paper.fill(order.order_id)
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    worker.deliver_account(account_id=firm.account.pk)
    assert settle(firm, after_s=2).status == CancelStatus.FILLED
    assert tried(firm) == [ORDERS]


def test_a_plain_order_that_stays_listed_is_tried_by_the_other_route_in_the_end(firm):
    """Even a documented type may be kept elsewhere; a lagging book is given its time first."""
    firm.order(**STOP)
    order = listed_as(firm, order_type="limit", stop_price=None)
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    worker.deliver_account(account_id=firm.account.pk)
    assert settle(firm, after_s=2).status == CancelStatus.SETTLING
    assert tried(firm) == [ORDERS]
    assert settle(firm, after_s=40).status == CancelStatus.CANCELLED
    assert tried(firm) == [ORDERS, STOPS]


def test_two_routes_that_both_find_nothing_are_not_tried_for_ever(firm):
    firm.order(**STOP)
    order = listed_as(firm, order_type="trailing_stop")
    nothing = {"status": 400, "body": {"success": False, "error": "Order not found", "code": 400}}
    for route in (ORDERS, STOPS):
        firm.paper.fault(route, "status", times=None, **nothing)
    by_id(firm, order.order_id, CancelKind.STOP)
    for minutes in range(1, 12):
        Cancel.objects.update(next_check_at=timezone.now())
        cancel = settle(firm, after_s=60 * minutes)
    assert "needs an operator" in cancel.explanation
    assert len(tried(firm)) <= conclusions.MAX_ATTEMPTS + 1


def test_an_unanswered_cancel_by_the_wrong_route_is_followed_by_the_right_one(firm):
    (order_id,) = firm.paper.orders(firm.account.address, [STOP])
    firm.paper.fault(ORDERS, "drop")
    by_id(firm, order_id, CancelKind.ORDER)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    assert settle(firm, after_s=60).status == CancelStatus.CANCELLED
    assert tried(firm) == [ORDERS, STOPS]


@pytest.mark.parametrize("order_type", [*NEW_TYPES, "bracket"])
def test_a_panic_reaches_a_stop_of_any_name(firm, quick_panic, order_type):
    firm.paper.rules(cancel_all_takes_stops=False)
    firm.order(**STOP)
    firm.paper.fault("/orders", "altered", times=None, change={"order_type": order_type})
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    for line in panic_worker.claim_lines(timezone.now()):
        panic_worker.empty(line, timings=QUICK)
    assert is_open(firm) == []
    assert PanicLine.objects.get().status == PanicStatus.EMPTY


def test_a_stop_of_amount_zero_rests_and_is_cancelled(firm, quick_panic):
    firm.paper.rules(cancel_all_takes_stops=False)
    order = firm.order(**STOP | {"initial_amount": "0"})
    assert Order.objects.open().get() == order
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    for line in panic_worker.claim_lines(timezone.now()):
        panic_worker.empty(line, timings=QUICK)
    assert (is_open(firm), tried(firm)[-1]) == ([], STOPS)


@pytest.mark.parametrize("word", ["mark_price", "last_trade_price", "mid_price", "moon_price"])
def test_a_trigger_type_is_shown_as_it_stands(firm, word):
    order = firm.order(**STOP | {"trigger_price_type": word})
    assert word in page(signed_in(firm.operator), "orders_order_change", order.pk)


@pytest.mark.parametrize("status", ["open", "paused", "whatever", None])
def test_a_listed_twap_of_any_status_is_cancelled_by_a_panic(firm, quick_panic, status):
    """Cancel-all is lost, so the look must take it for open."""
    firm.paper.orders(firm.account.address, [{"order_type": "twap"}])
    firm.paper.fault("/orders/twap", "altered", times=None, change={"order_status": status})
    firm.paper.fault("/orders/cancel_all", "drop")
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    for line in panic_worker.claim_lines(timezone.now()):
        panic_worker.empty(line, timings=QUICK)
    assert is_open(firm) == []
