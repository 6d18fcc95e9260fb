"""A bot gives its next order the client order id of the last: a cancel by that name means one."""

import time
from datetime import timedelta

from django.utils import timezone

from orders.cancels import requests
from orders.delivery import worker
from orders.models import Cancel, CancelStatus
from orders.reconcile import filled_amounts
from tests.helpers.frames import apply, rows_of
from tests.reconcile.test_history_in_any_order import NAME, run_on


def placed(firm):
    row = {"symbol": "BTC", "side": "bid", "price": "50000", "initial_amount": "0.5"}
    return firm.paper.orders(firm.account.address, [row | {"client_order_id": NAME}])[0]


def cancelled_by_name(firm):
    """Ask for the cancel of the order of that name, and deliver it."""
    about = {"user": firm.operator, "actor": firm.actor(), "account_id": firm.account.pk}
    requests.cancel_by_id(client_order_id=NAME, symbol="BTC", **about)
    worker.deliver_account(account_id=firm.account.pk)
    return Cancel.objects.get()


def test_the_end_of_the_next_order_on_the_stream_is_not_that_of_the_one_meant(firm):
    first = placed(firm)
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    cancelled_by_name(firm)
    second = placed(firm)
    firm.paper.fill(second)
    apply(firm.account, *rows_of(firm.paper, first), *rows_of(firm.paper, second))
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    assert run_on(firm.account) is not None
    assert Cancel.objects.get().status != CancelStatus.FILLED


def test_nor_is_it_where_the_stream_lost_the_end_of_the_one_meant(firm):
    first = placed(firm)
    firm.paper.fault("/orders/cancel", "drop")
    cancelled_by_name(firm)
    firm.paper.fill(first)
    second = placed(firm)
    firm.paper.close(second)
    apply(firm.account, *rows_of(firm.paper, second))
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    assert run_on(firm.account) is not None
    assert Cancel.objects.get().status == CancelStatus.FILLED


def test_the_amounts_of_the_next_order_are_not_those_of_the_one_meant(firm):
    placed(firm)
    assert cancelled_by_name(firm).status == CancelStatus.CANCELLED
    second = placed(firm)
    firm.paper.fill(second, "0.2")
    firm.paper.close(second)
    later = timezone.now() + timedelta(seconds=5)
    filled_amounts.read(account_id=firm.account.pk, clock=lambda: later)
    cancel = Cancel.objects.get()
    assert (cancel.filled_amount, cancel.cancelled_amount) == ("0", "0.5")


def test_the_fill_of_the_next_order_contradicts_no_yes_to_the_one_meant(firm):
    placed(firm)
    assert cancelled_by_name(firm).status == CancelStatus.CANCELLED
    firm.paper.fill(placed(firm))
    later = timezone.now() + timedelta(seconds=5)
    filled_amounts.read(account_id=firm.account.pk, clock=lambda: later)
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.has_contradiction) == (CancelStatus.CANCELLED, False)


def test_an_order_placed_anew_at_once_is_not_called_an_edit(firm):
    first = placed(firm)
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    about = {"user": firm.operator, "actor": firm.actor(), "account_id": firm.account.pk}
    requests.cancel_by_id(order_id=first, symbol="BTC", **about)
    worker.deliver_account(account_id=firm.account.pk)
    time.sleep(0.01)  # a bot that sees its order gone places the next, by the exchange's clock
    second = placed(firm)
    assert run_on(firm.account) is not None
    cancel = Cancel.objects.get()
    assert cancel.status == CancelStatus.GONE
    assert cancel.explanation == (
        f"Cancelled, by our request or by an edit: order {second} of the same client order id was "
        "made within a second, by that edit or anew. It is open."
    )
