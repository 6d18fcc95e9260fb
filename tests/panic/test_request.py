"""Panic: one decision, empty book, even where everything else is dead."""

import json
import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders.access.permissions import NotAllowed
from orders.cancels import cancel_rows, intake
from orders.evidence import verify
from orders.lifecycle.targets import CannotAsk, target_of
from orders.management.commands import panic
from orders.models import (
    Account,
    AuditRecord,
    Cancel,
    CancelJob,
    CancelStatus,
    Desk,
    Event,
    JobStatus,
    Order,
    PanicLine,
    PanicStatus,
)
from orders.panic import actions, cancel_all, decision, exchange_requests, worker
from tests.helpers.panics import QUICK


@pytest.fixture(autouse=True)
def _quick(quick_panic):
    """Nothing here waits as long as it would on the desk."""


def pull(firm, user=None, **options):
    user = user or firm.operator
    given = {"desk_id": firm.momentum.pk, "reason": "exchange is on fire"} | options
    return decision.record_panic(user=user, actor=firm.actor(user), **given)


def carry():
    """What the sweep's panic duty does, one line after the other."""
    for pk in list(PanicLine.objects.free(timezone.now()).values_list("pk", flat=True)):
        worker.empty(*worker.claim_lines(timezone.now(), pk=pk), timings=QUICK)
    return PanicLine.objects.first()


def carry_open():
    """The lines that are not over, one after the other."""
    for pk in list(PanicLine.objects.unfinished().values_list("pk", flat=True)):
        worker.empty(*worker.claim_lines(timezone.now(), pk=pk), timings=QUICK)


def killed(*_):
    """A crash point: nothing in the product catches it."""
    raise KeyboardInterrupt


def is_open(firm, account=None):
    truth = firm.paper.truth((account or firm.account).address)
    return [order_id for order_id, order in truth.items() if order["is_open"]]


def test_a_panic_empties_the_book_and_says_when_it_was_seen_empty(firm):
    firm.orders(12)
    job = pull(firm)
    line = carry()
    assert (line.status, line.cancelled_count, line.left_open) == (PanicStatus.EMPTY, 12, 0), (
        line.explanation
    )
    assert line.sent_at <= line.answered_at <= line.seen_empty_at
    assert is_open(firm) == []
    job.refresh_from_db()
    assert job.status == JobStatus.DONE
    assert not Order.objects.open().exists()


def test_books_are_read_in_only_once_the_last_of_them_is_empty(firm):
    other = firm.new_account("Beta", firm.momentum)
    for account in (firm.account, other):
        firm.orders(2, account=account)
    pull(firm)
    first, second = PanicLine.objects.order_by("account__name")
    worker.empty(*worker.claim_lines(timezone.now(), pk=first.pk), timings=QUICK)
    assert is_open(firm) == []
    assert Order.objects.open().count() == 4
    worker.empty(*worker.claim_lines(timezone.now(), pk=second.pk), timings=QUICK)
    assert not Order.objects.open().exists()


def test_it_is_recorded_before_it_is_sent_and_whole_afterwards(firm):
    firm.orders(2)
    pull(firm)
    told = AuditRecord.objects.filter(event=Event.PANIC).get()
    assert json.loads(told.data)["reason"] == "exchange is on fire"
    assert not firm.paper.requests("/orders/cancel_all")
    carry()
    events = AuditRecord.objects.filter(job__isnull=False).order_by("position")
    events = list(events.values_list("event", flat=True))
    assert events[:3] == [Event.PANIC, Event.REQUEST, Event.ANSWER]
    assert verify.verify().fault_count == 0


def test_what_cancel_all_leaves_is_cancelled_one_by_one_by_its_own_route(firm):
    firm.paper.rules(cancel_all_takes_stops=False)
    firm.orders(2)
    firm.orders(2, order_type="stop_limit", stop_price="40000")
    pull(firm)
    line = carry()
    assert line.status == PanicStatus.EMPTY
    assert is_open(firm) == []
    assert set(Cancel.objects.values_list("kind", "status")) == {("stop", "cancelled")}


def test_two_accounts_of_one_panic_may_leave_something_at_the_same_moment(firm, monkeypatch):
    """Another's cancels of the same job appear between our insert and our look at what it gave."""
    other = firm.new_account("Beta", firm.momentum)
    ours, theirs = firm.orders(2), firm.orders(1, account=other)
    job, real, rivals = pull(firm), cancel_rows.insert, [theirs]

    def insert(*given, **options):
        real(*given, **options)
        for orders in iter(lambda: rivals.pop() if rivals else None, None):
            intake.extend(job, [target_of(order) for order in orders])

    monkeypatch.setattr(cancel_rows, "insert", insert)
    assert intake.extend(job, [target_of(order) for order in ours]) == 2
    asked = AuditRecord.objects.filter(event=Event.CANCEL_ASKED)
    told = {(row.cancel_id, row.order_id) for record in asked for row in record.order_rows.all()}
    assert told == set(Cancel.objects.values_list("pk", "order_id"))


def test_much_that_is_left_costs_no_more_look_ups_than_a_little(firm):
    firm.paper.rules(cancel_all_takes_stops=False)
    looked = []
    for count in (2, 9):
        firm.orders(count, order_type="stop_limit", stop_price="40000")
        pull(firm)
        with CaptureQueriesContext(connection) as seen:
            carry_open()
        looked.append(sum('FROM "orders_order" WHERE' in one["sql"] for one in seen))
    assert looked[0] == looked[1]


def test_strategies_are_cancelled_so_that_they_place_nothing_again(firm):
    rows = [{"symbol": "BTC", "side": "bid", "price": "1", "initial_amount": "1"}]
    firm.paper.strategy(firm.account.address, orders=rows, replaces_after_ms=0)
    pull(firm)
    assert carry().status == PanicStatus.EMPTY
    assert len(firm.paper.requests("/order_strategies/cancel")) == 1
    assert is_open(firm) == []


def test_reduce_only_orders_are_spared_when_asked(firm):
    spared = firm.order(reduce_only=True)
    firm.orders(2)
    pull(firm, keep_reduce_only=True)
    assert carry().status == PanicStatus.EMPTY
    assert is_open(firm) == [spared.order_id]


def test_one_symbol_leaves_the_others_alone(firm):
    other = firm.order(symbol="ETH")
    firm.orders(2)
    pull(firm, symbol="BTC")
    assert carry().status == PanicStatus.EMPTY
    assert is_open(firm) == [other.order_id]


@pytest.mark.parametrize("kind", ["apply_then_drop", "drop"])
def test_cancel_all_is_never_resent_on_its_own_after_a_lost_answer(firm, kind):
    firm.orders(3)
    firm.paper.fault("/orders/cancel_all", kind)
    pull(firm)
    line = carry()
    assert len(firm.paper.requests("/orders/cancel_all")) == 1
    assert (line.status, line.cancel_alls) == (PanicStatus.EMPTY, 1)
    assert is_open(firm) == []


def test_a_sender_that_died_while_sending_does_not_make_it_sent_twice(firm, monkeypatch):
    firm.orders(2)
    pull(firm)
    with monkeypatch.context() as crash, pytest.raises(KeyboardInterrupt):
        crash.setattr(cancel_all, "_conclude", killed)
        carry()
    PanicLine.objects.update(lease_until=timezone.now())
    assert carry().status == PanicStatus.EMPTY
    assert len(firm.paper.requests("/orders/cancel_all")) == 1


def test_a_throttled_cancel_all_did_nothing_and_is_sent_again(firm, monkeypatch):
    monkeypatch.setattr(exchange_requests, "slow_down_s", lambda headers: 0.2)  # after a 429
    firm.orders(2)
    firm.paper.fault("/orders/cancel_all", "status", status=429)
    pull(firm)
    assert carry().status == PanicStatus.WAITING
    PanicLine.objects.update(lease_until=None)
    assert carry().status == PanicStatus.EMPTY


def test_a_book_that_is_not_seen_empty_is_left_to_a_person_and_says_so(firm):
    firm.orders(2)
    firm.paper.fault("*", "stale_reads", for_ms=60_000)
    job = pull(firm)
    line = carry()
    assert line.status == PanicStatus.NEEDS_YOU
    assert "still listed" in line.explanation
    user = {"user": firm.operator, "actor": firm.actor()}
    assert "once more" in actions.send_again(line_id=line.pk, **user)
    firm.paper.disarm()
    assert carry().status == PanicStatus.EMPTY
    assert len(firm.paper.requests("/orders/cancel_all")) == 2
    job.refresh_from_db()
    assert job.status in {JobStatus.DONE, JobStatus.RUNNING}


def test_an_unbound_agent_wallet_is_said_at_once(firm):
    account = firm.new_account("Unbound", firm.momentum, is_bound=False)
    firm.orders(2, account=account)
    pull(firm, account_ids=[account.pk])
    line = carry()
    assert line.status == PanicStatus.NEEDS_YOU
    assert "not bound" in line.explanation


def test_the_same_pull_twice_is_one_panic(firm):
    import uuid

    key = uuid.uuid4()
    assert pull(firm, request_key=key) == pull(firm, request_key=key)
    assert CancelJob.objects.count() == 1


@pytest.mark.parametrize("who", ["viewer", "auditor", "stranger", "administrator"])
def test_who_may_not_panic_is_refused_and_recorded(firm, who):
    with pytest.raises(NotAllowed):
        pull(firm, user=getattr(firm, who))
    assert not PanicLine.objects.exists()
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 1


def test_a_desk_can_keep_panic_to_its_head(firm):
    Desk.objects.update(operators_may_panic=False)
    with pytest.raises(NotAllowed):
        pull(firm)
    assert pull(firm, user=firm.head)


def test_a_foreign_account_is_never_in_scope(firm):
    with pytest.raises(NotAllowed):
        pull(firm, account_ids=[firm.account.pk, firm.foreign_account.pk])


def test_a_deactivated_account_is_said_to_be_so_to_who_may_panic_there_and_to_nobody_else(firm):
    other = firm.new_account("Beta", firm.momentum)
    firm.momentum.accounts.update(is_active=False)
    with pytest.raises(CannotAsk, match="Alpha is deactivated: no panic empties it"):
        pull(firm, account_ids=[firm.account.pk])
    with pytest.raises(CannotAsk, match="Alpha, Beta are deactivated: no panic empties them"):
        pull(firm, account_ids=[firm.account.pk, other.pk])
    assert not AuditRecord.objects.filter(event=Event.ACT_REFUSED).exists()
    with pytest.raises(NotAllowed):
        pull(firm, account_ids=[firm.account.pk, firm.foreign_account.pk])
    with pytest.raises(NotAllowed):
        pull(firm, user=firm.viewer, account_ids=[firm.account.pk])


def test_a_drill_takes_drill_accounts_only(firm):
    with pytest.raises(CannotAsk, match="no drill account"):
        pull(firm, is_drill=True)
    drill = firm.new_account("Drill", firm.momentum)
    Account.objects.filter(pk=drill.pk).update(is_drill=True)
    own = firm.order()
    firm.orders(3, account=drill)
    job = pull(firm, is_drill=True)
    carry()
    assert job.scope.startswith("Drill")
    assert is_open(firm, drill) == []
    assert is_open(firm) == [own.order_id]


def test_the_page_is_told_what_happens_to_protective_orders(firm):
    firm.orders(2)
    firm.order(order_type="stop_limit", stop_price="1", reduce_only=True)
    warned = decision.warned(accounts=[firm.account])
    assert (warned.open_orders, warned.stops, warned.reduce_only) == (3, 1, 1)


def test_the_sweep_sees_a_panic_by_itself(committing_firm):
    firm = committing_firm
    firm.orders(5)
    emptier = worker.PanicWorker(timings=QUICK)
    pull(firm)
    for future in emptier.take_due(timezone.now()):
        future.result()
    emptier.close()
    assert PanicLine.objects.get().status == PanicStatus.EMPTY


def test_a_panic_leaves_no_sending_threads_behind(committing_firm):
    """Those of thirty books at once would be a thousand, in the sweep, for ever."""
    firm = committing_firm
    firm.orders(25)
    firm.paper.fault("/orders/cancel_all", "status", status=500)
    before, emptier = sending_threads(), worker.PanicWorker(timings=QUICK)
    pull(firm)
    for future in emptier.take_due(timezone.now()):
        future.result()
    assert Cancel.objects.count() == 25
    assert sending_threads() <= before
    emptier.close()


def sending_threads():
    return {thread for thread in threading.enumerate() if thread.name.startswith("send")}


def test_the_command_needs_nothing_but_the_database_and_the_exchange(committing_firm):
    firm = committing_firm
    firm.orders(5)
    about = {"desk": "Momentum", "operator": "olivia", "reason": "all else is down"}
    said = StringIO()
    call_command(panic.Command(timings=QUICK), stdout=said, **about)
    assert "Alpha: Seen empty." in said.getvalue()
    assert is_open(firm) == []


def test_cancels_of_a_panic_all_come_to_rest(firm):
    firm.paper.rules(cancel_all_takes_stops=False)
    firm.orders(2, order_type="stop_limit", stop_price="40000")
    pull(firm)
    carry()
    assert set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.CANCELLED}


def refused(error, **about):
    return {"status": 400, "body": {"success": False, "error": error, "code": 400}} | about


def test_a_symbol_that_the_exchange_does_not_know_empties_nothing_and_says_so(firm):
    firm.orders(2)
    pull(firm, symbol="NOSUCH")
    line = carry()
    assert line.status == PanicStatus.NEEDS_YOU
    assert "Book not found: NOSUCH" in line.explanation
    assert len(is_open(firm)) == 2


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ("Invalid message", "This machine's clock is"),
        ("Invalid parameters", "could not read"),
        ("Invalid public key", "An address is malformed"),
    ],
)
def test_a_refusal_that_would_be_repeated_for_ever_is_left_to_a_person_at_once(firm, error, hint):
    ahead = (timezone.now() + timedelta(seconds=40)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    firm.paper.fault("/orders/cancel_all", "status", **refused(error, headers={"Date": ahead}))
    pull(firm)
    line = carry()
    assert line.status == PanicStatus.NEEDS_YOU
    assert hint in line.explanation


def test_a_symbol_in_the_wrong_case_is_refused_at_the_door(firm):
    order = firm.order(symbol="BTC")
    firm.paper.close(order.order_id)
    with pytest.raises(CannotAsk, match="write BTC, not btc"):
        pull(firm, symbol="btc")
    assert not PanicLine.objects.exists()


@pytest.mark.parametrize(
    ("typed", "is_wrong"), [("KBONK", True), ("kbonk", True), ("MBONK", False)]
)
def test_a_small_k_belongs_to_the_symbol_and_another_letter_is_another_symbol(
    firm, typed, is_wrong
):
    order = firm.order(symbol="kBONK")
    firm.paper.close(order.order_id)
    if is_wrong:
        with pytest.raises(CannotAsk, match=f"write kBONK, not {typed}"):
            pull(firm, symbol=typed)
    else:
        assert pull(firm, symbol=typed)


def test_a_symbol_that_nobody_met_holds_up_no_panic_but_is_told_beforehand(firm):
    firm.order(symbol="BTC")
    accounts = [firm.account]
    assert decision.warned(accounts=accounts, symbol="NEW").is_new
    assert not decision.warned(accounts=accounts, symbol="BTC").is_new
    assert pull(firm, symbol="NEW").panic_lines.get().symbol == "NEW"
