"""Drift: where the exchange's book and ours had come apart."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.access.permissions import NotAllowed
from orders.cancels import requests
from orders.delivery import worker
from orders.models import AuditRecord, Drift, DriftKind, Event, Order, OrderState
from orders.panic import decision, exchange_requests
from orders.panic import worker as panic_worker
from orders.reconcile import discrepancies
from tests.helpers.panics import QUICK
from tests.lifecycle.test_reopen import sync

CLIENT_ORDER_ID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


def kinds():
    return list(Drift.objects.order_by("pk").values_list("kind", flat=True))


def test_a_cancel_that_nobody_here_sent_is_listed(firm):
    order = firm.order()
    firm.paper.close(order.order_id)
    sync(firm)
    drift = Drift.objects.get()
    assert (drift.kind, drift.order_id) == (DriftKind.FOREIGN_CANCEL, order.pk)


def test_our_own_cancel_is_no_drift(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    worker.deliver_account(account_id=firm.account.pk)
    sync(firm)
    assert Order.objects.get().state == OrderState.CLOSED
    assert kinds() == []


def test_a_fill_is_no_drift(firm):
    firm.paper.fill(firm.order().order_id)
    sync(firm)
    assert kinds() == []


def test_closed_by_the_exchange_is_believed_open_and_gone(firm):
    firm.paper.close(firm.order().order_id, event="force_cancel")
    sync(firm)
    assert kinds() == [DriftKind.GONE]
    assert "force_cancel" in Drift.objects.get().said


def test_gone_without_a_word_is_listed_once_it_has_lasted(firm):
    firm.order()
    firm.paper.reset()
    sync(firm)
    assert kinds() == []
    sync(firm, after_s=31)
    sync(firm, after_s=95)
    assert kinds() == [DriftKind.GONE]


def test_an_order_nothing_explains_is_looked_up_ever_more_rarely(firm):
    firm.order()
    firm.paper.reset()
    for after_s in (0, 31, 70, 93, 124):
        sync(firm, after_s=after_s)
    assert len(firm.paper.requests("/orders/history")) == 3


def test_believed_gone_and_open_is_listed(firm):
    firm.order()
    long_ago = timezone.now() - timedelta(minutes=5)
    Order.objects.update(state=OrderState.CLOSED, order_status="cancelled", closed_at=long_ago)
    sync(firm)
    assert kinds() == [DriftKind.REAPPEARED]


def test_an_edit_is_followed_and_no_drift(firm):
    order = firm.order(client_order_id=CLIENT_ORDER_ID)
    new_id = firm.paper.edit(order.order_id, price="49000")
    sync(firm)
    assert Order.objects.get(order_id=new_id).replaces_order_id == order.order_id
    assert kinds() == []


def test_a_client_order_id_used_again_later_is_no_edit(firm):
    order = firm.order(client_order_id=CLIENT_ORDER_ID)
    firm.paper.close(order.order_id)
    firm.paper.rules(clock_offset_ms=5_000)
    firm.paper.orders(firm.account.address, [{"client_order_id": CLIENT_ORDER_ID}])
    sync(firm)
    assert not Order.objects.filter(replaces_order_id__isnull=False).exists()
    assert kinds() == [DriftKind.FOREIGN_CANCEL]


def test_what_the_exchange_rejected_nobody_cancelled(firm):
    order = firm.order()
    firm.paper.close(order.order_id, event="self_trade_prevented")
    unsaid = {"which": "every", "change": {"reason": None}}
    firm.paper.fault("/orders/history", "altered", times=None, **unsaid)
    sync(firm)
    assert kinds() == [DriftKind.GONE]


def test_an_edit_whose_first_order_is_told_of_later_is_no_drift(firm):
    order = firm.order(client_order_id=CLIENT_ORDER_ID)
    firm.paper.edit(order.order_id, price="51000")
    for route in ("/orders/history", "/orders/history_by_id"):
        firm.paper.fault(route, "status", status=504)
    sync(firm)
    sync(firm, after_s=40)
    order.refresh_from_db()
    assert (order.state, kinds()) == (OrderState.CLOSED, [])


def panic(firm, **scope):
    about = {"user": firm.operator, "actor": firm.actor(), "desk_id": firm.momentum.pk}
    decision.record_panic(**about | scope)
    for line in panic_worker.claim_lines(timezone.now()):
        panic_worker.empty(line, timings=QUICK)


def test_a_panic_on_another_symbol_explains_nothing(firm):
    order = firm.order(symbol="ETH", price="3000")
    own = firm.order()
    panic(firm, symbol="BTC")
    firm.paper.close(order.order_id)
    sync(firm)
    own.refresh_from_db()
    assert own.state == OrderState.CLOSED
    assert list(Drift.objects.values_list("order", "kind")) == [(order.pk, "foreign_cancel")]


def test_a_cancel_all_that_was_refused_explains_nothing(firm):
    order = firm.order()
    no = '{"success":false,"data":null,"error":"Invalid parameters","code":400}'
    firm.paper.fault("/orders/cancel_all", "status", times=None, status=400, body=no)
    panic(firm)
    firm.paper.close(order.order_id)
    sync(firm)
    assert kinds() == [DriftKind.FOREIGN_CANCEL]


@pytest.mark.parametrize("why", ["throttled", "it never left"])
def test_nor_does_one_that_was_not_carried_out(firm, monkeypatch, why):
    order = firm.order()
    if why == "throttled":
        firm.paper.fault("/orders/cancel_all", "status", times=None, status=429)
    else:
        monkeypatch.setattr(exchange_requests, "is_stale", lambda *_: True)
    panic(firm)
    firm.paper.close(order.order_id)
    sync(firm)
    sync(firm, after_s=100)
    assert kinds() == [DriftKind.FOREIGN_CANCEL]


def test_of_orders_that_the_exchange_forgot_none_is_left_unasked(firm):
    """Five at a time are looked up by their ids: the sixth has its turn too."""
    *_, last = firm.orders(6)
    firm.paper.reset(accounts=firm.bound)
    row = {"symbol": "BTC", "side": "bid", "price": "50000", "initial_amount": "0.5"}
    firm.paper.orders(firm.account.address, [row | {"order_id": last.order_id}])
    firm.paper.close(last.order_id)
    firm.paper.fault("/orders/history", "status", times=None, status=504)
    for after_s in (2**number for number in range(30)):
        sync(firm, after_s=after_s)
    last.refresh_from_db()
    assert last.state == OrderState.CLOSED


def test_acknowledging_is_a_recorded_act(firm):
    firm.paper.close(firm.order().order_id)
    sync(firm)
    ids = [Drift.objects.get().pk]
    done = discrepancies.acknowledge(user=firm.operator, actor=firm.actor(), drift_ids=ids)
    assert done == 1
    assert not Drift.objects.open().exists()
    record = AuditRecord.objects.get(event=Event.DRIFT_ACKNOWLEDGED)
    assert (record.operator_name, record.order_rows.count()) == ("olivia", 1)


@pytest.mark.parametrize("who", ["viewer", "stranger"])
def test_only_those_who_may_cancel_there_acknowledge(firm, who):
    firm.paper.close(firm.order().order_id)
    sync(firm)
    user = getattr(firm, who)
    with pytest.raises(NotAllowed):
        discrepancies.acknowledge(
            user=user, actor=firm.actor(user), drift_ids=[Drift.objects.get().pk]
        )
    assert Drift.objects.open().count() == 1
