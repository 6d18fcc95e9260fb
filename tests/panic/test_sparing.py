"""A panic that spares: no cancel-all where it is stops; what it cancels, and how it waits."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.models import AgentWallet, Cancel, PanicLine, PanicStatus
from orders.panic import actions, decision, worker
from orders.reconcile import sync
from tests.helpers.panics import QUICK

pytestmark = pytest.mark.once


def emptied(firm, timings=QUICK, is_halted=lambda: False, **scope):
    """Pull it, and carry it; its line."""
    about = {"user": firm.operator, "actor": firm.actor(), "desk_id": firm.momentum.pk}
    decision.record_panic(**about | scope)
    return carried(timings, is_halted)


def carried(timings=QUICK, is_halted=lambda: False):
    for line in worker.claim_lines(timezone.now()):
        worker.empty(line, is_halted, timings=timings)
    return PanicLine.objects.get()


def open_ids(firm):
    truth = firm.paper.truth(firm.account.address)
    return [order_id for order_id, order in truth.items() if order["is_open"]]


def test_an_order_that_only_the_look_that_counts_shows_is_cancelled(firm):
    """A person is waited for no longer than reads may lag."""
    timings = replace(QUICK, deadline_s=2, reads_lag=timedelta(seconds=2))
    firm.paper.fault("*", "stale_reads", for_ms=500)
    firm.paper.orders(firm.account.address, 1)
    line = emptied(firm, timings, keep_stops=True)
    assert (line.status, open_ids(firm)) == (PanicStatus.EMPTY, [])
    assert Cancel.objects.count() == 1


def test_it_is_left_to_another_sender_in_the_midst_of_a_wait(firm):
    waits = iter([False, False, True])
    timings = replace(QUICK, reads_lag=timedelta(seconds=60))
    line = emptied(firm, timings, lambda: next(waits, True), keep_stops=True)
    assert line.status not in {PanicStatus.EMPTY, PanicStatus.NEEDS_YOU}
    assert line.lease_until is None


def test_looking_again_where_no_cancel_all_was_sent_takes_no_older_read(firm):
    AgentWallet.objects.filter(account=firm.account).update(is_active=False)
    line = emptied(firm)
    assert (line.status, line.sent_at) == (PanicStatus.NEEDS_YOU, None)
    AgentWallet.objects.filter(account=firm.account).update(is_active=True)
    firm.paper.fault("*", "stale_reads", for_ms=300)
    firm.paper.orders(firm.account.address, 1)
    actions.look_again(user=firm.operator, actor=firm.actor(), line_id=line.pk)
    assert (carried().status, open_ids(firm)) == (PanicStatus.EMPTY, [])


@pytest.mark.parametrize(
    ("order", "unsaid", "scope"),
    [
        ({"reduce_only": True}, ["reduce_only"], {"keep_reduce_only": True}),
        (
            {"order_type": "stop_limit", "stop_price": "40000"},
            ["order_type", "stop_price"],
            {"keep_stops": True},
        ),
    ],
)
def test_what_we_know_to_be_spared_is_spared_where_its_row_does_not_say(firm, order, unsaid, scope):
    order = firm.order(**order)
    change = {"which": "every", "change": dict.fromkeys(unsaid)}
    firm.paper.fault("/orders", "altered", times=None, **change)
    emptied(firm, **scope)
    assert open_ids(firm) == [order.order_id]
    assert not Cancel.objects.exists()


def test_of_stops_that_went_though_they_were_to_be_spared_the_line_says_so(firm):
    """A strategy is cancelled with its stop."""
    stop = {"symbol": "BTC", "side": "ask", "price": "40000", "initial_amount": "1"}
    stop |= {"order_type": "stop_limit", "stop_price": "40000"}
    firm.paper.strategy(firm.account.address, orders=[stop])
    sync.sync_account(account_id=firm.account.pk)
    line = emptied(firm, keep_stops=True)
    assert (line.status, open_ids(firm)) == (PanicStatus.EMPTY, [])
    assert "Those were to be spared." in line.explanation
