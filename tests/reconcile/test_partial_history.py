"""What is shown of an order where the exchange's word for it is one that we do not know, or where
an edit put another in its place."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.cancels import requests
from orders.delivery import worker
from orders.models import Cancel, CancelStatus
from orders.reconcile import closures, order_pasts, partial_history, resolve
from orders.reconcile.order_pasts import OrderPast
from tests.reconcile.test_resolve import ask_and_deliver, settle


def successor(status, ending=None):
    return OrderPast(8, None, "BTC", None, ending, status)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("filled", "replaced by order 8, which filled."),
        ("cancelled", "replaced by order 8, which was cancelled."),
        ("rejected", "replaced by order 8, which was rejected."),
        ("completed", "replaced by order 8, which was completed."),
        ("expired", "replaced by order 8, which expired."),
    ],
)
def test_an_edited_order_says_how_the_one_in_its_place_ended(status, words):
    last = successor(status, closures.Closure(status, "", "1", "0"))
    assert partial_history.edited(last) == f"Edited before our cancel could act: {words}"


@pytest.mark.parametrize("status", ["open", "partially_filled", ""])
def test_an_edited_order_lives_on_where_the_one_in_its_place_is_open(status):
    assert partial_history.edited(successor(status)).endswith("it lives on as order 8.")


@pytest.mark.parametrize("status", ["pending_cancel", "paused", "triggered", "Filled"])
def test_a_word_that_we_do_not_know_ends_nothing_and_is_shown_as_it_stands(status):
    assert partial_history.edited(successor(status)).endswith(f"which the exchange calls {status}.")


@pytest.mark.parametrize("name", [None, "f47ac10b-58cc-4372-a567-0e02b2c3d479"])
def test_an_edited_order_whose_successor_filled_is_said_to_be_replaced(firm, name):
    order = firm.order(**({"client_order_id": name} if name else {}))
    new_id = firm.paper.edit(order.order_id, price="49000")
    firm.paper.fill(new_id)
    ask_and_deliver(firm, order)
    cancel = settle(firm)
    assert cancel.status == CancelStatus.GONE
    said = f"Edited before our cancel could act: replaced by order {new_id}, which filled."
    assert cancel.explanation == said


def test_of_orders_that_closed_together_none_is_called_edited_for_what_was_made_then(
    firm, monkeypatch
):
    monkeypatch.setattr(order_pasts, "SAME_INSTANT", timedelta(minutes=5))
    orders = firm.orders(3)
    firm.paper.fault("/orders/batch", "apply_then_drop")
    requests.cancel_orders(
        user=firm.operator, actor=firm.actor(), order_ids=[order.pk for order in orders]
    )
    worker.deliver_account(account_id=firm.account.pk)
    (new_id,) = firm.paper.orders(firm.account.address, [{"symbol": "BTC", "side": "bid"}])
    later = timezone.now() + timedelta(seconds=2)
    resolve.settle_account(account_id=firm.account.pk, clock=lambda: later)
    *_, last = Cancel.objects.order_by("order_id")
    assert (last.status, last.explanation) == (
        CancelStatus.GONE,
        "Cancelled, by our request or by an edit: other orders closed at the same moment, and "
        f"order {new_id} came in the place of this one or of one of those.",
    )
    assert set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.GONE}


@pytest.mark.parametrize(
    ("status", "event"), [("cancelled", "force_cancel"), ("rejected", "self_trade_prevented")]
)
def test_an_event_of_the_exchanges_own_is_shown_in_its_words(firm, status, event):
    order = firm.order()
    firm.paper.close(order.order_id, event=event)
    ask_and_deliver(firm, order)
    cancel = settle(firm)
    said = f"Closed by the exchange: {status}, {event}."
    assert (cancel.status, cancel.explanation) == (CancelStatus.GONE, said)


def test_an_event_that_we_do_not_know_claims_no_hand_and_no_moment():
    ending = closures.Closure("cancelled", "liquidation_v2", "0", "1")
    end = closures.conclusion(Cancel(), ending)
    said = "Not open any more. The exchange's history says: cancelled, liquidation_v2."
    assert (end.status, end.explanation) == (CancelStatus.GONE, said)
