"""The amounts of closed orders where something is odd, missing, late or contradicts."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders.audit import sentences
from orders.cancels import requests
from orders.delivery import worker
from orders.models import (
    AmountsState,
    AuditRecord,
    Cancel,
    CancelStatus,
    Event,
    Order,
    OrderState,
    PanicLine,
)
from orders.panic import decision
from orders.panic import worker as panic_worker
from orders.reconcile import amounts_in_history, closures, filled_amounts, resolve, sync
from tests.cancels.test_amounts import TOLD, both, by_id, click, part_filled, read
from tests.helpers.panics import QUICK

YES = {"success": True, "data": None, "error": None, "code": None}


def until_over(firm, most=300, limits=filled_amounts.LIMITS):
    """Read whenever something is due, as the sweep does; how many rounds it took."""
    now, rounds = timezone.now(), 0
    while due := Cancel.objects.filter(amounts_due_at__isnull=False).order_by("amounts_due_at"):
        now = max(now, due[0].amounts_due_at)
        filled_amounts.read(account_id=firm.account.pk, clock=lambda now=now: now, limits=limits)
        rounds += 1
        assert rounds < most
    return rounds


def states():
    return set(Order.objects.values_list("amounts_state", flat=True))


def test_what_a_panics_cancel_all_took_has_its_amounts(firm, quick_panic):
    part_filled(firm, 12)
    decision.record_panic(
        user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk, reason="on fire"
    )
    panic_worker.empty(
        *panic_worker.claim_lines(timezone.now(), pk=PanicLine.objects.get().pk), timings=QUICK
    )
    sync.sync_account(account_id=firm.account.pk)
    until_over(firm)
    assert both(Order.objects) == {TOLD}
    assert states() == {AmountsState.TOLD}


def test_an_order_that_filled_after_all_is_not_being_read_for_ever(firm):
    order = firm.order()
    firm.paper.fill(order.order_id)
    firm.paper.fault("/orders/cancel", "status", status=200, body=YES)
    click(firm, order)
    read(firm)
    resolve.settle_account(account_id=firm.account.pk)
    assert Cancel.objects.get().status == CancelStatus.FILLED
    order.refresh_from_db()
    assert (order.order_status, order.amounts_state) == ("filled", AmountsState.TOLD)
    assert (order.filled_amount, order.cancelled_amount) == ("0.5", "0")


def test_a_second_cancel_of_the_same_order_takes_no_amounts_away(firm):
    (order,) = part_filled(firm)
    click(firm, order)
    read(firm)
    by_id(firm, order.order_id)
    resolve.settle_account(account_id=firm.account.pk)
    until_over(firm)
    assert both(Order.objects) == both(Cancel.objects) == {TOLD}
    assert states() == {AmountsState.TOLD}


def test_what_no_page_tells_is_asked_for_by_id_by_and_by(firm):
    firm.paper.fault("/orders/history", "status", status=504, times=None)
    click(firm, *part_filled(firm, 9))
    filled_amounts.read(account_id=firm.account.pk, limits=filled_amounts.Limits(look_ups=2))
    assert len(firm.paper.requests("/orders/history_by_id")) == 2
    until_over(firm, most=12, limits=filled_amounts.Limits(look_ups=2))
    assert both(Order.objects) == both(Cancel.objects) == {TOLD}


def test_an_order_that_the_history_never_tells_keeps_no_others_waiting(firm):
    never, *orders = part_filled(firm, 5)
    firm.paper.fault("/orders/history", "status", status=504, times=None)
    firm.paper.fault(
        "/orders/history_by_id",
        "altered",
        which={"order_id": never.order_id},
        change={"order_status": "paused"},
        times=None,
    )
    click(firm, never, *orders)
    began = timezone.now()
    for after_s in range(0, 120, 2):
        filled_amounts.read(
            account_id=firm.account.pk,
            clock=lambda s=after_s: began + timedelta(seconds=s),
            limits=filled_amounts.Limits(look_ups=1),
        )
    told = Order.objects.filter(amounts_state=AmountsState.TOLD).values_list("order_id", flat=True)
    assert set(told) == {order.order_id for order in orders}


def test_a_row_without_its_filled_amount_is_never_told_as_nothing_filled(firm):
    (order,) = part_filled(firm)
    firm.paper.close(order.order_id)
    for route in ("/orders/history", "/orders/history_by_id"):
        firm.paper.fault(
            route, "altered", which="every", change={"filled_amount": None}, times=None
        )
    sync.sync_account(account_id=firm.account.pk)
    order.refresh_from_db()
    assert (order.state, order.amounts_state) == (OrderState.CLOSED, AmountsState.UNTOLD)


def test_a_settled_cancel_without_amounts_asks_for_them_again(firm):
    (order,) = part_filled(firm)
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    row = {"which": "every", "change": {"filled_amount": None}}
    firm.paper.fault("/orders/history", "altered", **row, times=None)
    firm.paper.fault("/orders/history_by_id", "altered", **row, times=None)
    click(firm, order)
    later = timezone.now() + timedelta(minutes=1)
    resolve.settle_account(account_id=firm.account.pk, clock=lambda: later)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    assert states() == {AmountsState.BEING_READ}
    firm.paper.disarm()
    assert read(firm, after_s=61) == 1
    assert both(Order.objects) == both(Cancel.objects) == {TOLD}


def test_a_history_that_is_behind_is_asked_again(firm):
    (order,) = part_filled(firm)
    firm.paper.fault(
        "/orders/history_by_id",
        "altered",
        which="every",
        change={"order_status": "open", "filled_amount": "0.1"},
    )
    click(firm, order)
    assert read(firm) == 0
    assert states() == {AmountsState.BEING_READ}
    assert read(firm, after_s=3) == 1
    assert both(Order.objects) == {TOLD}


def test_an_end_by_another_word_than_cancelled_tells_its_amounts_too(firm):
    (order,) = part_filled(firm)
    firm.paper.fault(
        "/orders/history_by_id", "altered", which="every", change={"order_status": "expired"}
    )
    click(firm, order)
    assert read(firm) == 1
    assert both(Order.objects) == {TOLD}


def test_a_vanished_order_says_that_its_amounts_are_being_read(firm):
    (order,) = part_filled(firm)
    firm.paper.close(order.order_id)
    for route in ("/orders/history", "/orders/history_by_id"):
        firm.paper.fault(route, "status", status=504, times=None)
    sync.sync_account(account_id=firm.account.pk)
    order.refresh_from_db()
    assert (order.state, order.amounts_state) == (OrderState.VANISHED, AmountsState.BEING_READ)
    later = timezone.now() + timedelta(days=2)
    sync.sync_account(account_id=firm.account.pk, clock=lambda: later)
    order.refresh_from_db()
    assert (order.state, order.amounts_state) == (OrderState.VANISHED, AmountsState.UNTOLD)
    firm.paper.disarm()
    later += timedelta(days=1)
    sync.sync_account(account_id=firm.account.pk, clock=lambda: later)
    assert both(Order.objects) == {TOLD}
    assert states() == {AmountsState.TOLD}


def ended(order_id, made_at_ms, **fields):
    row = {"order_id": order_id, "client_order_id": "0c", "symbol": "BTC", "side": "bid"}
    row |= {"created_at": made_at_ms, "updated_at": made_at_ms + 1000, "order_status": "cancelled"}
    row |= {"amount": "1", "filled_amount": "0.3", "reason": "cancel"}
    return SimpleNamespace(**row | fields, odd_fields=())


def test_a_client_order_id_used_again_means_the_order_that_our_cancel_met():
    met_at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    ms = int(met_at.timestamp() * 1000)
    cancel = Cancel(
        pk=1, client_order_id="0C", first_sent_at=met_at, concluded_at=met_at, clock_offset_ms=0
    )
    earlier, ours, later = (ended(n, ms + at) for n, at in ((1, -90_000), (2, -500), (3, 60_000)))
    for rows in ([later, ours, earlier], [earlier, ours, later]):
        ends = amounts_in_history.among(rows, [cancel], timedelta(0))
        assert {pk: row for pk, (_, row) in ends.items()} == {1: ours}
    assert amounts_in_history.among([later, earlier], [cancel], timedelta(0)) == {}


@pytest.mark.parametrize(
    ("amount", "filled", "left"),
    [
        ("1", "0.3", "0.7"),
        ("0", "0", "0"),
        ("0", "0.3", "0"),
        ("1", "1.5", ""),
        ("100000000000000000000000000000000000.1", "0.000000000000000001",
         "100000000000000000000000000000000000.099999999999999999"),
    ],
)  # fmt: skip
def test_what_was_cancelled_is_exact_and_never_less_than_nothing(amount, filled, left):
    row = ended(1, 1_700_000_000_000, amount=amount, filled_amount=filled)
    assert closures.of_history_row(row).cancelled_amount == left


def test_giving_many_up_costs_no_statement_for_each(firm):
    firm.paper.fault("/orders/history", "status", status=504, times=None)
    firm.paper.fault("/orders/history_by_id", "status", status=504, times=None)
    click(firm, *firm.orders(40))
    for after_s in (0, 3 * 86_400):
        with CaptureQueriesContext(connection) as made:
            read(firm, after_s)
        writes = [one for one in made if one["sql"].startswith('UPDATE "orders_cancel"')]
        assert len(writes) <= 4
    assert states() == {AmountsState.UNTOLD}
    record = AuditRecord.objects.filter(event=Event.READ).latest("position")
    said = sentences.of_record(record, row=record.order_rows.first(), count=40)
    assert said == "The exchange did not tell the amounts of 40 orders: asked no more."


def test_an_urgent_cancel_leaves_while_the_history_hangs(firm):
    (first, second) = part_filled(firm, 2)
    click(firm, first)
    firm.paper.fault("/orders/history_by_id", "status", status=504, times=None)
    read(firm)
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[second.pk])
    worker.deliver_account(account_id=firm.account.pk)
    assert set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.CANCELLED}
