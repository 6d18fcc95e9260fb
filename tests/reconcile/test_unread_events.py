"""Events of an order that could not be read may be its first or its last: nothing is read off."""

import pytest

from orders.cancels import requests
from orders.delivery import worker
from orders.models import Cancel, CancelKind, CancelStatus, Proof
from tests.reconcile.test_history_in_any_order import run_on


@pytest.fixture
def lost_yes(firm):
    """Ask for a cancel that the exchange takes, without an answer; what became of it."""

    def ask(order_id):
        firm.paper.fault("/orders/cancel", "apply_then_drop")
        about = {"user": firm.operator, "actor": firm.actor(), "account_id": firm.account.pk}
        requests.cancel_by_id(order_id=order_id, symbol="BTC", kind=CancelKind.ORDER, **about)
        worker.deliver_account(account_id=firm.account.pk)
        assert run_on(firm.account) is not None
        return Cancel.objects.get()

    return ask


def unread(firm, which):
    """One event of each order cannot be read from now on."""
    change = {"which": which, "change": {"order_id": None}}
    firm.paper.fault("/orders/history_by_id", "altered", times=None, **change)


def test_without_its_first_event_nobody_knows_when_an_order_was_made(firm, lost_yes):
    order_id, *newer = firm.paper.orders(firm.account.address, 61)
    for each in newer:
        firm.paper.close(each)
    unread(firm, "last")
    firm.paper.rules(history_rows=30, history_cursor="missing")
    cancel = lost_yes(order_id)
    assert (cancel.status, cancel.proof) == (CancelStatus.GONE, Proof.BOOK)
    assert "Whether it is this account's could not be told" in cancel.explanation


def test_without_its_last_event_nobody_says_that_its_history_does_not_show_its_end(firm, lost_yes):
    order = firm.order()
    unread(firm, "first")
    firm.paper.fault("/orders/history", "status", times=None, status=504)
    cancel = lost_yes(order.order_id)
    assert (cancel.status, cancel.proof) == (CancelStatus.GONE, Proof.BOOK)
    assert cancel.explanation.endswith("could not be read (a row of it could not be read).")
