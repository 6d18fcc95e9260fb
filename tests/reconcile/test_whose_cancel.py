"""By whom an order was cancelled is said only where it is known."""

from django.utils import timezone

from orders.cancels import requests
from orders.delivery import worker
from orders.models import Cancel, CancelStatus, PanicLine, PanicStatus
from orders.panic import decision
from orders.panic import worker as panic_worker
from tests.helpers.panics import QUICK
from tests.reconcile.test_history_in_any_order import run_on


def settled(firm):
    """Deliver what waits; the cancel that no panic made, once all is at rest."""
    worker.deliver_account(account_id=firm.account.pk)
    assert run_on(firm.account) is not None
    return Cancel.objects.get(job__is_panic=False)


def test_what_our_own_panic_cancelled_was_not_somebody_else(firm, quick_panic):
    order = firm.order()
    about = {"user": firm.operator, "actor": firm.actor()}
    requests.cancel_orders(order_ids=[order.pk], **about)  # it waits to be sent
    panic = decision.record_panic(desk_id=firm.momentum.pk, **about)
    for line in panic_worker.claim_lines(timezone.now()):
        panic_worker.empty(line, timings=QUICK)
    assert PanicLine.objects.get().status == PanicStatus.EMPTY
    cancel = settled(firm)
    assert cancel.status == CancelStatus.GONE
    assert cancel.explanation == f"Cancelled before this request, by our own job {panic.pk}."


def test_nor_does_a_panic_on_another_symbol_answer_for_it(firm, quick_panic):
    firm.order()
    order = firm.order(symbol="ETH", price="3000")
    about = {"user": firm.operator, "actor": firm.actor()}
    requests.cancel_orders(order_ids=[order.pk], **about)
    firm.paper.close(order.order_id)
    decision.record_panic(desk_id=firm.momentum.pk, symbol="BTC", **about)
    for line in panic_worker.claim_lines(timezone.now()):
        panic_worker.empty(line, timings=QUICK)
    assert settled(firm).explanation == "Cancelled by someone else before our request."


def test_nor_one_that_cancelled_none(firm, quick_panic):
    order = firm.order()
    about = {"user": firm.operator, "actor": firm.actor()}
    requests.cancel_orders(order_ids=[order.pk], **about)
    firm.paper.close(order.order_id)
    decision.record_panic(desk_id=firm.momentum.pk, **about)
    for line in panic_worker.claim_lines(timezone.now()):
        panic_worker.empty(line, timings=QUICK)
    assert PanicLine.objects.get().cancelled_count == 0
    assert settled(firm).explanation == "Cancelled by someone else before our request."


def test_where_the_exchange_does_not_say_when_no_hand_is_named(firm):
    order = firm.order()
    firm.paper.close(order.order_id)
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    for route, name in (("/orders/history", "updated_at"), ("/orders/history_by_id", "created_at")):
        undated = {"which": "every", "change": {name: None}}
        firm.paper.fault(route, "altered", times=None, **undated)
    about = {"user": firm.operator, "actor": firm.actor()}
    requests.cancel_orders(order_ids=[order.pk], **about)
    cancel = settled(firm)
    assert cancel.status == CancelStatus.CANCELLED
    assert cancel.explanation == (
        "Cancelled; whether by our request or another hand cannot be told: the exchange does not "
        "say when."
    )
