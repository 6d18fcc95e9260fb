"""Deliver: claim, sign, record, send, record, conclude."""

import pytest

from orders import cancels, delivery
from orders.models import AuditRecord, Cancel, CancelStatus, Event, Order, OrderState, Proof
from orders.pacifica import answers


def ask(firm, *orders, **options):
    user = options.pop("user", firm.operator)
    return cancels.cancel_orders(
        user=user, actor=firm.actor(user), order_ids=[o.pk for o in orders], **options
    )


def deliver(firm):
    delivery.deliver_account(account_id=firm.account.pk)


def only_cancel():
    return Cancel.objects.get()


def test_an_accepted_cancel_is_cancelled_by_the_answer(firm):
    order = firm.order()
    ask(firm, order, reason="too far out")
    deliver(firm)
    cancel = only_cancel()
    assert (cancel.status, cancel.proof) == (CancelStatus.CANCELLED, Proof.ANSWER)
    assert firm.paper.truth()[order.order_id]["state"] != "open"
    order.refresh_from_db()
    assert order.state == OrderState.CLOSED
    assert cancel.job.status == "done"
