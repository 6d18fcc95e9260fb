"""Updates of the stream settle open questions by the rules that the history's events have."""

import itertools
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.audit.reader import entry_at
from orders.cancels import requests
from orders.delivery import worker
from orders.evidence import verify
from orders.evidence.outcome_checks import shown_by
from orders.exchange.reader import moment
from orders.lifecycle import transitions
from orders.models import (
    AuditRecord,
    AuditRecordOrder,
    Cancel,
    CancelKind,
    CancelStatus,
    Event,
    ExchangeClock,
    Order,
    OrderState,
    Proof,
)
from orders.reconcile import filled_amounts, resolve, stream_conclusions, stream_effects
from orders.reconcile import sync as account_sync
from tests.helpers import frames
from tests.helpers.frames import apply, rows_of, stream
from tests.reconcile.test_resolve import CLIENT_ORDER_ID, by_id, settle

pytestmark = pytest.mark.once

STATUSES = ("none", "queued", "sending", "unknown", "settling")
READS = ("/orders", "/orders/history", "/orders/history_by_id")


def ask(firm, *orders):
    ids = [order.pk for order in orders]
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)


def deliver(firm):
    worker.deliver_account(account_id=firm.account.pk)


def reads_of(firm):
    return [one for one in firm.paper.requests() if one["route"] in READS]


def end_of(order):
    order.refresh_from_db()
    cancel = Cancel.objects.filter(known_order=order).first()
    return (cancel and cancel.status), order.state


def lost(firm, order, how="apply_then_drop"):
    """Cancel an order so that the answer is lost; the cancel is unknown."""
    firm.paper.fault("/orders/cancel", how)
    ask(firm, order)
    deliver(firm)
    return Cancel.objects.get(known_order=order)


def bring(firm, order, status):
    """Bring a cancel of the order into this status, none of ours having acted."""
    if status == "none":
        return
    if status in ("unknown", "settling"):
        firm.paper.fault("/orders/cancel", "drop")
    ask(firm, order)
    if status == "queued":
        return
    if status == "sending":
        Cancel.objects.update(
            status=CancelStatus.SENDING,
            attempt=1,
            first_sent_at=timezone.now(),
            sent_at=timezone.now(),
            lease_until=timezone.now() + timedelta(seconds=30),
        )
        return
    deliver(firm)
    Cancel.objects.update(status=status)


def update(firm, order, event, status, filled="0", after_ms=5):
    row = rows_of(firm.paper, order.order_id)[-1]
    at = round((timezone.now() + timedelta(milliseconds=after_ms)).timestamp() * 1000)
    return row | {"oe": event, "os": status, "f": filled, "ut": at, "li": 2**40}


TABLE = {  # event, status, filled -> the end of an open question, and the order's state
    ("cancel", "cancelled", "0"): (CancelStatus.CANCELLED, OrderState.CLOSED),
    ("force_cancel", "cancelled", "0.1"): (CancelStatus.GONE, OrderState.CLOSED),
    ("fulfill_limit", "filled", "0.5"): (CancelStatus.FILLED, OrderState.CLOSED),
    ("expired", "cancelled", "0"): (CancelStatus.GONE, OrderState.CLOSED),
    ("self_trade_prevented", "rejected", "0"): (CancelStatus.GONE, OrderState.CLOSED),
    ("post_only_rejected", "rejected", "0"): (CancelStatus.GONE, OrderState.CLOSED),
    ("fulfill_limit", "partially_filled", "0.1"): (None, OrderState.OPEN),
    ("make", "open", "0"): (None, OrderState.OPEN),
    ("cancel", "open", "0"): (None, OrderState.OPEN),
    ("adjust", "open", "0"): (None, OrderState.OPEN),
    ("cancel", "sleeping", "0"): (None, OrderState.OPEN),
    ("brand_new_event", "half_closed", "0"): (None, OrderState.OPEN),
    ("brand_new_event", "cancelled", "0"): (CancelStatus.GONE, OrderState.CLOSED),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("update_of", [*TABLE])
def test_what_an_event_makes_of_an_order_and_of_its_cancel(firm, update_of, status):
    event, word, filled = update_of
    order = firm.order()
    bring(firm, order, status)
    before = Cancel.objects.values_list("status", flat=True).first()
    apply(firm.account, update(firm, order, event, word, filled))
    asked, state = TABLE[update_of]
    is_asked = status in ("unknown", "settling")
    assert end_of(order) == ((asked or before) if is_asked else before, state)
    assert verify.verify().faults == []


def test_a_lost_yes_is_concluded_by_the_streams_event_without_a_read(firm):
    order = firm.order()
    lost(firm, order)
    seen = len(reads_of(firm))
    applied = stream(firm, order.order_id)
    cancel = Cancel.objects.get()
    assert applied.concluded == 1
    assert (cancel.status, cancel.proof) == (CancelStatus.CANCELLED, Proof.STREAM)
    assert cancel.explanation == (
        "The stream shows the cancel; the exchange's answer to us was lost."
    )
    assert (cancel.filled_amount, cancel.cancelled_amount) == ("0", "0.5")
    settle(firm)
    filled_amounts.read(account_id=firm.account.pk)
    assert len(reads_of(firm)) == seen


def test_the_proof_of_a_cancel_by_the_stream_is_in_the_log(firm):
    order = firm.order()
    lost(firm, order)
    stream(firm, order.order_id)
    row = AuditRecordOrder.objects.get(record__event=Event.STREAM)
    assert (row.cancel_id, row.outcome) == (Cancel.objects.get().pk, "cancelled")
    assert json.loads(row.data)["os"] == "cancelled"
    assert verify.verify().faults == []


@pytest.mark.parametrize("change", ["account", "word", "id", "none"])
def test_the_verifier_judges_the_recorded_bytes_anew(firm, change):
    order = firm.order()
    lost(firm, order)
    stream(firm, order.order_id)
    entry = entry_at(AuditRecord.objects.get(event=Event.STREAM).position)
    ours = firm.account.address.encode()
    swaps = {
        "account": (ours, b"7BTczkSrTNnTPXyRiqDc8hDWv2gFqwpB3bAtCHtfmKz9"),
        "word": (b'"cancelled"', b'"cancellex"'),
        "id": (str(order.order_id).encode(), str(order.order_id + 1).encode()),
        "none": (b"", b""),
    }
    entry.body = entry.body.replace(*swaps[change])
    assert shown_by(entry) == ([Cancel.objects.get().pk] if change == "none" else [])


def test_a_burst_too_long_to_be_kept_whole_is_proven_by_its_rows(firm):
    orders = firm.orders(150)
    firm.paper.fault("/orders/cancel", "apply_then_drop", times=None)
    firm.paper.fault("/orders/batch", "apply_then_drop", times=None)
    ask(firm, *orders)
    deliver(firm)
    assert Cancel.objects.filter(status=CancelStatus.UNKNOWN).count() == 150
    truth = firm.paper.truth()
    ends = [(pk, truth[pk], truth[pk]["events"][-1]) for pk in [one.order_id for one in orders]]
    rows = [frames.order_row(*end) for end in ends]
    at = moment(max(row["ut"] for row in rows))  # however long it took to make them here
    apply(firm.account, frames.received(*rows, at=at), frames.received(*rows, at=at))
    assert Cancel.objects.filter(status=CancelStatus.CANCELLED).count() == 150
    record = AuditRecord.objects.get(event=Event.STREAM)
    assert record.body_length > len(record.payload.body)
    assert verify.verify().faults == []


@pytest.mark.parametrize("after_ms", [-60_000, -2_500])
def test_a_cancel_event_before_our_first_byte_is_not_ours(firm, after_ms):
    """Nor is it called another's by the stream: whose it was, a read with its own time says."""
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    ask(firm, order)
    deliver(firm)
    ExchangeClock.objects.all().delete()  # both clocks are this machine's
    sent_at = Cancel.objects.get().first_sent_at
    ended_at = round(sent_at.timestamp() * 1000) + after_ms
    row = update(firm, order, "cancel", "cancelled") | {"ut": ended_at}
    apply(firm.account, frames.received(row, at=sent_at))
    assert end_of(order) == (CancelStatus.UNKNOWN, OrderState.CLOSED)
    firm.paper.close(order.order_id)
    assert settle(firm).proof == Proof.HISTORY


def test_a_cancel_of_another_is_said_at_once_where_ours_cannot_have_acted(firm):
    order = firm.order()
    bring(firm, order, "settling")
    Cancel.objects.update(has_unanswered=False)
    apply(firm.account, update(firm, order, "cancel", "cancelled"))
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.proof) == (CancelStatus.GONE, Proof.STREAM)
    assert cancel.explanation == "Cancelled by someone else before our request."


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_was_set_since_it_was_compared_names_nobody(firm, hours):
    """Our clock jumps, we send, an event comes: no answer has compared the clocks yet."""
    jump = timedelta(hours=hours)
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    ask(firm, order)
    Cancel.objects.update(requested_at=timezone.now() + jump)
    now = timezone.now() + jump
    worker.deliver_account(account_id=firm.account.pk, clock=lambda: now)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    firm.paper.close(order.order_id)
    row = rows_of(firm.paper, order.order_id)[-1]
    apply(firm.account, frames.received(row, at=now), clock=lambda: now)
    assert end_of(order) == (CancelStatus.UNKNOWN, OrderState.CLOSED)


def test_an_event_that_came_before_the_answer_settles_what_the_answer_left_open(firm):
    """The order filled; then our cancel was refused: nothing needs to be read."""
    order = firm.order()
    ask(firm, order)
    firm.paper.fill(order.order_id)
    stream(firm, order.order_id)
    deliver(firm)
    assert Cancel.objects.get().status == CancelStatus.SETTLING
    seen = len(reads_of(firm))
    cancel = settle(firm)
    assert (cancel.status, cancel.proof) == (CancelStatus.FILLED, Proof.STREAM)
    assert cancel.filled_amount == "0.5"
    assert len(reads_of(firm)) == seen
    assert verify.verify().faults == []


def test_an_event_that_came_while_it_was_sent_settles_a_lost_answer(firm, monkeypatch):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    ask(firm, order)
    real = transitions.conclude

    def meanwhile(packs, now):
        if packs:
            stream(firm, order.order_id)
        return real(packs, now)

    monkeypatch.setattr(worker.transitions, "conclude", meanwhile)
    deliver(firm)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    seen = len(reads_of(firm))
    cancel = settle(firm, after_s=0.01)  # at once, not after the usual second
    assert (cancel.status, cancel.proof) == (CancelStatus.CANCELLED, Proof.STREAM)
    assert len(reads_of(firm)) == seen
    assert verify.verify().faults == []


def test_an_answer_lost_while_the_event_is_written_waits_for_no_second(firm, monkeypatch):
    """Neither of the two transactions sees what the other writes."""
    order = firm.order()
    bring(firm, order, "sending")
    later = timezone.now() + timedelta(seconds=1)
    real = stream_effects.write

    def meanwhile(**about):
        effects = real(**about)
        Cancel.objects.update(status=CancelStatus.UNKNOWN, has_unanswered=True, next_check_at=later)
        return effects

    monkeypatch.setattr(stream_effects, "write", meanwhile)
    apply(firm.account, update(firm, order, "cancel", "cancelled"))
    cancel = settle(firm, after_s=0.01)
    assert (cancel.status, cancel.proof) == (CancelStatus.CANCELLED, Proof.STREAM)


@pytest.mark.parametrize("is_event_first", [True, False])
def test_the_amounts_of_a_cancel_come_from_the_event(firm, is_event_first, monkeypatch):
    order = firm.order()
    firm.paper.fill(order.order_id, "0.2")
    stream(firm, order.order_id)
    ask(firm, order)
    real = transitions.conclude

    def meanwhile(packs, now):
        if packs and is_event_first:
            stream(firm, order.order_id)
        return real(packs, now)

    monkeypatch.setattr(worker.transitions, "conclude", meanwhile)
    deliver(firm)
    if not is_event_first:
        stream(firm, order.order_id)
    seen = len(reads_of(firm))
    filled_amounts.read(account_id=firm.account.pk)
    cancel = Cancel.objects.get()
    assert (cancel.filled_amount, cancel.cancelled_amount) == ("0.2", "0.3")
    assert cancel.amounts_due_at is None
    assert len(reads_of(firm)) == seen
    order.refresh_from_db()
    assert (order.filled_amount, order.cancelled_amount) == ("0.2", "0.3")
    assert verify.verify().faults == []


@pytest.mark.parametrize("is_streamed", [True, False])
def test_the_first_read_waits_a_moment_while_the_stream_is_healthy(firm, is_streamed):
    order = firm.order()
    firm.paper.fill(order.order_id)
    ask(firm, order)
    deliver(firm)
    seen = len(reads_of(firm))
    asked_at = Cancel.objects.get().answered_at
    pk = firm.account.pk
    health = {"is_streamed": lambda account_id, now: is_streamed}
    soon = asked_at + timedelta(seconds=0.4)
    resolve.settle_account(account_id=pk, clock=lambda: soon, **health)
    assert (len(reads_of(firm)) == seen) is is_streamed
    later = asked_at + timedelta(seconds=1.1)
    resolve.settle_account(account_id=pk, clock=lambda: later, **health)
    assert len(reads_of(firm)) > seen
    assert Cancel.objects.get().status == CancelStatus.FILLED


@pytest.mark.parametrize("is_streamed", [True, False])
def test_amounts_wait_a_moment_while_the_stream_is_healthy(firm, is_streamed):
    order = firm.order()
    ask(firm, order)
    deliver(firm)
    seen = len(reads_of(firm))
    at = Cancel.objects.get().concluded_at
    health = {"is_streamed": lambda account_id, now: is_streamed}
    for after_s, waits in ((0.4, is_streamed), (1.1, False)):
        now = at + timedelta(seconds=after_s)
        filled_amounts.read(account_id=firm.account.pk, clock=lambda now=now: now, **health)
        assert (len(reads_of(firm)) == seen) is waits


def test_a_fill_after_a_yes_reopens_the_question(firm):
    order = firm.order()
    ask(firm, order)
    deliver(firm)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    apply(firm.account, update(firm, order, "fulfill_limit", "filled", "0.5"))
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.has_contradiction) == (CancelStatus.UNKNOWN, True)
    assert "the stream says that it filled" in cancel.explanation
    assert AuditRecord.objects.filter(event=Event.CONTRADICTION).count() == 1


def test_what_the_stream_called_cancelled_and_a_later_read_lists_is_asked_again(firm):
    order = firm.order()
    lost(firm, order, how="drop")
    apply(firm.account, update(firm, order, "cancel", "cancelled"))
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    later = timezone.now() + timedelta(seconds=40)
    account_sync.sync_account(account_id=firm.account.pk, clock=lambda: later)
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.has_contradiction) == (CancelStatus.UNKNOWN, True)
    apply(firm.account, update(firm, order, "cancel", "cancelled"))  # said again: a read must tell
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    Cancel.objects.update(next_check_at=later)
    assert settle(firm, after_s=41).proof != Proof.STREAM


@pytest.mark.parametrize("name", [CLIENT_ORDER_ID, None])
@pytest.mark.parametrize("order_of", ["close first", "new first", "together", "together turned"])
def test_an_edit_is_not_our_cancel(firm, name, order_of):
    order = firm.order(**({"client_order_id": name} if name else {}))
    lost(firm, order, how="drop")
    new = firm.paper.edit(order.order_id, price="49000")
    closing, making = rows_of(firm.paper, order.order_id)[-1], rows_of(firm.paper, new)[0]
    rows = [closing, making] if order_of in ("close first", "together") else [making, closing]
    if order_of.startswith("together"):
        apply(firm.account, *rows)
    else:
        for row in rows:
            apply(firm.account, row)
    cancel = Cancel.objects.get()
    if order_of == "close first":  # the order that an edit made shows only now
        assert (cancel.status, cancel.has_contradiction) == (CancelStatus.UNKNOWN, True)
        Cancel.objects.update(next_check_at=timezone.now())
        cancel = settle(firm)
    assert cancel.status == CancelStatus.GONE
    assert f"order {new}" in cancel.explanation
    assert verify.verify().faults == []


def test_a_cancel_by_name_alone_is_settled_by_an_event_since_its_first_byte(firm):
    [order_id] = firm.paper.orders(firm.account.address, [{"client_order_id": CLIENT_ORDER_ID}])
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    cancel = by_id(firm, client_order_id=CLIENT_ORDER_ID, kind=CancelKind.ORDER)
    assert cancel.status == CancelStatus.UNKNOWN
    old = rows_of(firm.paper, order_id)[-1] | {"i": order_id - 1, "ut": 1_700_000_000_000}
    apply(firm.account, old)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    end = rows_of(firm.paper, order_id)[-1]
    apply(firm.account, end)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN  # it may be a newer one of the name
    apply(firm.account, end | {"ct": end["ct"] - 60_000})
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    assert verify.verify().faults == []


def test_a_twap_is_settled_by_its_own_channel_alone(firm):
    [order_id] = firm.paper.orders(firm.account.address, [{"order_type": "twap"}])
    firm.paper.fault("/orders/twap/cancel", "apply_then_drop")
    by_id(firm, order_id=order_id, kind=CancelKind.TWAP)
    row = rows_of(firm.paper, order_id)[-1]
    assert row["os"] == "cancelled"
    apply(firm.account, frames.order_row(order_id, firm.paper.truth()[order_id], EVENT | row))
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    apply(firm.account, frames.received(row, source="account_twap_order_updates"))
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.proof) == (CancelStatus.CANCELLED, Proof.STREAM)
    assert verify.verify().faults == []


EVENT = {
    "filled_amount": "0",
    "event_type": "cancel",
    "order_status": "cancelled",
    "created_at": 1_700_000_000_000,
    "li": 1,
}


def test_events_in_any_order_end_a_question_the_same_way(firm):
    """What a fill of a part, our cancel, and twice the same say, in every order of arrival."""
    ends = set()
    for some in itertools.permutations([0, 1, 1]):
        order = firm.order()
        firm.paper.fill(order.order_id, "0.1")
        cancel = lost(firm, order)
        rows = rows_of(firm.paper, order.order_id)[-2:]
        for each in some:
            apply(firm.account, rows[each])
        cancel.refresh_from_db()
        order.refresh_from_db()
        ends.add((cancel.status, cancel.filled_amount, cancel.cancelled_amount, order.state))
    assert ends == {(CancelStatus.CANCELLED, "0.1", "0.4", OrderState.CLOSED)}


def test_contradicting_ends_do_no_harm(firm):
    order = firm.order()
    lost(firm, order, how="drop")
    rows = [
        update(firm, order, "cancel", "cancelled"),
        update(firm, order, "fulfill_limit", "filled", "0.5", after_ms=9),
        update(firm, order, "make", "open", after_ms=12),
    ]
    for some in itertools.permutations(rows):
        apply(firm.account, *some)
        for row in some:
            apply(firm.account, row)
    assert Cancel.objects.get().status in (CancelStatus.UNKNOWN, CancelStatus.FILLED)
    assert verify.verify().faults == []


def test_an_event_from_before_the_question_is_no_proof_of_our_cancel(firm):
    """It says no time, so by time alone it could be ours; its record names no cancel."""
    order = firm.order()
    apply(firm.account, update(firm, order, "cancel", "cancelled") | {"ut": None})
    firm.paper.fault("/orders/cancel", "drop")
    by_id(firm, order_id=order.order_id, kind=CancelKind.ORDER)
    assert settle(firm).proof != Proof.STREAM
    assert verify.verify().faults == []


def test_a_job_is_done_once_the_stream_settled_its_last_cancel(firm):
    order = firm.order()
    lost(firm, order)
    stream(firm, order.order_id)
    assert Cancel.objects.get().job.status == "done"
    assert Order.objects.get().state == OrderState.CLOSED


def told(firm, order_id, word, **about):
    """An event of now of one order; ``as_twap``: on the channel of TWAP orders."""
    at = round((timezone.now() + timedelta(milliseconds=5)).timestamp() * 1000)
    event = EVENT | {"order_status": word, "created_at": at, "li": 2**40}
    made = frames.twap_row if about.pop("as_twap") else frames.order_row
    return made(order_id, firm.paper.truth()[order_id], event) | about


def hear(firm, order_id, word, *, as_twap):
    source = "account_twap_order_updates" if as_twap else "account_order_updates"
    row = told(firm, order_id, word, as_twap=as_twap)
    apply(firm.account, frames.received(row, source=source))
    later = timezone.now() + timedelta(minutes=1)
    stream_conclusions.conclude_from_log(account_id=firm.account.pk, now=later, offset=timedelta(0))


@pytest.mark.parametrize("is_twap", [True, False])
def test_the_end_of_a_twap_of_the_same_id_is_no_end_of_an_order_nor_the_reverse(firm, is_twap):
    kind, route = (CancelKind.TWAP, "/twap") if is_twap else (CancelKind.ORDER, "")
    made = [{"order_type": "twap"}] if is_twap else 1
    [order_id] = firm.paper.orders(firm.account.address, made)
    firm.paper.fault(f"/orders{route}/cancel", "drop")
    by_id(firm, order_id=order_id, kind=kind)
    hear(firm, order_id, "cancelled", as_twap=not is_twap)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    hear(firm, order_id, "cancelled", as_twap=is_twap)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    assert verify.verify().faults == []


def test_the_fill_of_a_twap_of_the_same_id_reopens_no_question(firm):
    [order_id] = firm.paper.orders(firm.account.address, 1)
    by_id(firm, order_id=order_id, kind=CancelKind.ORDER)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    hear(firm, order_id, "completed", as_twap=True)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


@pytest.mark.parametrize("symbol", ["ETH", None])
def test_an_order_of_the_same_name_on_another_symbol_ends_no_question(firm, symbol):
    [order_id] = firm.paper.orders(firm.account.address, [{"client_order_id": CLIENT_ORDER_ID}])
    firm.paper.fault("/orders/cancel", "drop")
    by_id(firm, client_order_id=CLIENT_ORDER_ID, kind=CancelKind.ORDER)
    apply(firm.account, told(firm, order_id, "cancelled", as_twap=False, i=order_id + 7, s=symbol))
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    assert Order.objects.filter(order_id=order_id, state=OrderState.CLOSED).count() == 0


@pytest.mark.parametrize("at", [1, 10**13, 10**15, 10**17, 2**63 - 1])
def test_an_absurd_time_raises_nothing_and_is_no_lag(firm, at):
    order = firm.order()
    row = update(firm, order, "cancel", "cancelled") | {"ut": at}
    applied = apply(firm.account, row)
    assert (applied.changed, applied.lag_ms) == (1, None)
