"""What the exchange calls by an unknown word is asked about for ever, at a slow pace."""

from datetime import timedelta

from django.utils import timezone

from orders.cancels import requests
from orders.delivery import worker
from orders.management import sweep
from orders.models import Cancel, CancelStatus
from orders.reconcile import resolve


def test_a_question_in_doubt_is_not_due_again_at_once(firm):
    """A next check as far off as the slowest pace is none that a clock set back left behind."""
    order = firm.order()
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    worker.deliver_account(account_id=firm.account.pk)
    for route in ("/orders/history", "/orders/history_by_id"):
        firm.paper.fault(
            route, "altered", times=None, which="every", change={"order_status": "parked"}
        )
    Cancel.objects.update(checks=12)  # it was looked at a dozen times
    begun = timezone.now() + timedelta(minutes=10)
    for tenth in range(20):  # two seconds of a sweep
        now = begun + timedelta(milliseconds=100 * tenth)
        for pk in sweep._accounts_to_ask(now):
            resolve.settle_account(account_id=pk, clock=lambda now=now: now)
    cancel = Cancel.objects.get()
    assert cancel.status == CancelStatus.UNKNOWN
    assert "calls it parked" in cancel.explanation
    assert cancel.checks == 13
