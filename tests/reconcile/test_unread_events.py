"""Events of an order that could not be read may be its first or its last: nothing is read off."""

from orders.models import CancelStatus, Proof
from tests.reconcile.test_history_in_any_order import taken_unanswered


def unread(firm, which):
    """One event of each order cannot be read from now on."""
    change = {"which": which, "change": {"order_id": None}}
    firm.paper.fault("/orders/history_by_id", "altered", times=None, **change)


def test_without_its_first_event_nobody_knows_when_an_order_was_made(firm):
    order_id, *newer = firm.paper.orders(firm.account.address, 61)
    for each in newer:
        firm.paper.close(each)
    unread(firm, "last")
    firm.paper.rules(history_rows=30, history_cursor="missing")
    cancel = taken_unanswered(firm, order_id)
    assert (cancel.status, cancel.proof) == (CancelStatus.GONE, Proof.BOOK)
    assert "Whether it is this account's could not be told" in cancel.explanation


def test_without_its_last_event_nobody_says_that_its_history_does_not_show_its_end(firm):
    order = firm.order()
    unread(firm, "first")
    firm.paper.fault("/orders/history", "status", times=None, status=504)
    cancel = taken_unanswered(firm, order.order_id)
    assert (cancel.status, cancel.proof) == (CancelStatus.GONE, Proof.BOOK)
    assert cancel.explanation.endswith("could not be read (a row of it could not be read).")
