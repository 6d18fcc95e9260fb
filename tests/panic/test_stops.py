"""The end of a panic says what *empty* covers, which stops went and which stayed."""

import json

import pytest
from django.utils import timezone

from orders.management.commands import panic
from orders.models import AuditRecord, Event, PanicLine, PanicStatus
from orders.panic import decision, worker
from orders.reconcile import sync
from tests.helpers.panics import QUICK
from tests.helpers.screens import page, signed_in

pytestmark = pytest.mark.once

STOP = {"order_type": "stop_limit", "stop_price": "40000"}


@pytest.fixture(autouse=True)
def _quick(quick_panic):
    """Nothing here waits as long as it would on the desk."""


def emptied(firm, **scope):
    about = {"user": firm.operator, "actor": firm.actor(), "desk_id": firm.momentum.pk}
    decision.record_panic(**about | scope)
    for line in worker.claim_lines(timezone.now()):
        worker.empty(line, timings=QUICK)
    return PanicLine.objects.get()


def named(orders):
    return ", ".join(f"BTC {order.order_id}" for order in orders)


@pytest.mark.parametrize("takes_stops", [True, False])
def test_stops_that_went_are_named_whoever_took_them(firm, takes_stops):
    firm.paper.rules(cancel_all_takes_stops=takes_stops)
    stops = firm.orders(2, **STOP)
    firm.orders(2)
    line = emptied(firm)
    assert line.status == PanicStatus.EMPTY
    assert f"2 stops went: {named(stops)}." in line.explanation
    outcome = AuditRecord.objects.filter(event=Event.OUTCOME, outcome="empty").get()
    assert named(stops) in json.loads(outcome.data)["explanation"]


def test_many_are_counted_and_the_first_are_named(firm):
    stops = firm.orders(7, **STOP)
    assert f"7 stops went: {named(stops[:4])}, +3 more." in emptied(firm).explanation


def test_spared_stops_are_named_as_staying(firm):
    (spared,) = firm.orders(1, reduce_only=True, **STOP)
    (gone,) = firm.orders(1, **STOP)
    line = emptied(firm, keep_reduce_only=True)
    assert f"1 stop went: {named([gone])}. 1 stop stayed: {named([spared])}." in line.explanation


def test_a_reduce_only_stop_that_went_all_the_same_is_told(firm):
    """Whether the exchange spares them is known to nobody."""
    stops = firm.orders(1, reduce_only=True, **STOP)
    firm.paper.close(stops[0].order_id)
    line = emptied(firm, keep_reduce_only=True)
    assert f"1 stop went: {named(stops)}. 1 of them reduce-only, though" in line.explanation


def test_stops_of_another_symbol_are_not_spoken_of(firm):
    firm.orders(1, symbol="ETH", **STOP)
    firm.orders(1)
    assert "stop" not in emptied(firm, symbol="BTC").explanation


def test_a_sync_in_between_hides_no_stop_that_went(firm, monkeypatch):
    stops, real = firm.orders(2, **STOP), worker.readback.finish

    def synced_before(line, *given):
        sync.sync_account(account_id=firm.account.pk)
        return real(line, *given)

    monkeypatch.setattr(worker.readback, "finish", synced_before)
    assert f"2 stops went: {named(stops)}." in emptied(firm).explanation


def test_what_is_left_in_the_end_is_named(firm):
    firm.paper.rules(cancel_all_takes_stops=False)
    stops = firm.orders(1, **STOP)
    refused = {"success": False, "error": "Agent not authorized for account", "code": 400}
    firm.paper.fault("/orders/stop/cancel", "status", times=None, status=400, body=refused)
    line = emptied(firm)
    assert line.status == PanicStatus.NEEDS_YOU
    assert f"1 stop stayed: {named(stops)}." in line.explanation


def test_a_book_that_was_not_read_tells_of_no_stop(firm):
    firm.orders(2, **STOP)
    firm.paper.fault("/orders", "status", times=None, status=500)
    line = emptied(firm)
    assert line.status == PanicStatus.NEEDS_YOU
    assert "stops went" not in line.explanation


def test_every_screen_says_what_empty_covers(firm):
    firm.orders(1)
    client = signed_in(firm.operator)
    before = page(client, "orders_panicline_pull")
    line = emptied(firm)
    after = page(client, "orders_canceljob_change", line.job_id)
    for text in (before, after):
        assert "covers orders, stops, TWAPs and order strategies" in text
        assert "does not cover Print orders" in text


def test_the_terminal_says_it_too(committing_firm, run):
    stops = committing_firm.orders(2, **STOP)
    about = ("--desk", "Momentum", "--operator", "olivia", "--reason", "test")
    code, out, _ = run(panic.Command(timings=QUICK), *about)
    assert (code, f"2 stops went: {named(stops)}." in out) == (0, True)
    assert "does not cover Print orders" in out
    code, out, said = run(panic.Command(timings=QUICK), *about, "--json")
    assert (code, len(json.loads(out)), "Print orders" in said) == (0, 1, True)
