"""Updates of the stream: orders follow by a sync's words, whatever frames come how often, when."""

import itertools
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.models import (
    Account,
    AmountsState,
    AuditRecord,
    AuditRecordOrder,
    Drift,
    Event,
    Order,
    OrderState,
)
from orders.reconcile import sync as account_sync
from tests.helpers import counted
from tests.helpers.engines import part_of
from tests.helpers.frames import apply, received, rows_of, stream

NAME = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
SEEN = ("state", "order_status", "filled_amount", "cancelled_amount", "price", "initial_amount")


def sync(firm, **options):
    return account_sync.sync_account(account_id=firm.account.pk, **options)


def place(firm, **fields):
    """An order of the exchange that the app has not seen; its id."""
    row = {"symbol": "BTC", "side": "bid", "price": "50000", "initial_amount": "0.5"} | fields
    return firm.paper.orders(firm.account.address, [row])[0]


def known(order_id):
    return Order.objects.get(order_id=order_id)


def stands(order_id):
    return Order.objects.values_list(*SEEN).get(order_id=order_id)


def forget():
    """As if no order had ever been seen."""
    Drift.objects.all().delete()
    Order.objects.all().delete()


def records():
    return AuditRecord.objects.filter(event=Event.STREAM)


def test_an_order_that_was_never_seen_is_there_with_its_first_update(firm):
    sync(firm)
    order_id = place(firm)
    applied = stream(firm, order_id)
    order = known(order_id)
    assert (order.state, order.order_status) == (OrderState.OPEN, "open")
    assert (order.price, order.initial_amount, order.filled_amount) == ("50000", "0.5", "0")
    assert (applied.changed, applied.updates, applied.troubles) == (1, 1, 0)
    assert applied.newest_li == order_id
    assert applied.lag_ms is not None


def test_the_stream_makes_of_an_order_what_a_sync_makes_of_it(firm):
    sync(firm)
    for act in ("placed", "part", "filled", "cancelled", "forced"):
        ids = [place(firm), place(firm)]
        for order_id in ids:
            if act in ("part", "cancelled"):
                firm.paper.fill(order_id, "0.2")
            if act == "filled":
                firm.paper.fill(order_id)
            if act in ("cancelled", "forced"):
                firm.paper.close(order_id, "cancel" if act == "cancelled" else "force_cancel")
        by_stream, by_sync = ids
        stream(firm, by_stream)
        Order.objects.filter(order_id=by_sync).delete()
        seen = rows_of(firm.paper, by_sync)[0]
        apply(firm.account, seen)
        sync(firm)
        assert stands(by_stream) == stands(by_sync), act


def test_a_partial_fill_shows_and_stays_open(firm):
    order = firm.order()
    firm.paper.fill(order.order_id, "0.2")
    stream(firm, order.order_id)
    assert stands(order.order_id)[:4] == (OrderState.OPEN, "open", "0.2", "0")


def test_a_cancelled_order_has_its_amounts_from_the_event(firm):
    order = firm.order()
    firm.paper.fill(order.order_id, "0.2")
    firm.paper.close(order.order_id)
    stream(firm, order.order_id)
    order.refresh_from_db()
    assert (order.filled_amount, order.cancelled_amount) == ("0.2", "0.3")
    assert (order.state, order.amounts_state) == (OrderState.CLOSED, AmountsState.TOLD)


@pytest.mark.parametrize("word", ["sleeping", "CANCELLED", "closed", "done", "expired?"])
def test_an_unknown_word_is_shown_and_never_means_closed(firm, word):
    order = firm.order()
    row = rows_of(firm.paper, order.order_id)[-1]
    apply(firm.account, row | {"os": word, "oe": "new_event", "ut": row["ut"] + 5, "li": 2**40})
    assert stands(order.order_id)[:2] == (OrderState.OPEN, word)


def test_a_burst_leaves_one_record_with_its_frames_word_for_word(firm):
    orders = firm.orders(3)
    for order in orders:
        firm.paper.fill(order.order_id, "0.1")
        firm.paper.close(order.order_id)
    made = [received(rows_of(firm.paper, order.order_id)[-1]) for order in orders]
    apply(firm.account, *made)
    record = records().get()
    assert bytes(record.payload.body) == b"\n".join(frame.raw for frame in made)
    data = json.loads(record.data)
    assert [one["number"] for one in data["frames"]] == [frame.number for frame in made]
    assert {one["connection"] for one in data["frames"]} == {"c1"}
    named = AuditRecordOrder.objects.filter(record=record).values_list("order_id", "outcome")
    assert sorted(named) == [(order.order_id, "closed") for order in orders]


def test_a_frame_that_changes_nothing_leaves_no_record(firm):
    order = firm.order()
    firm.paper.close(order.order_id)
    stream(firm, order.order_id)
    before = AuditRecord.objects.count()
    for _ in range(2):
        stream(firm, order.order_id)
    assert AuditRecord.objects.count() == before


def test_another_accounts_rows_change_nothing_and_are_not_kept(firm):
    order = firm.order()
    firm.paper.close(order.order_id)
    ours = rows_of(firm.paper, order.order_id)[-1]
    theirs = ours | {"u": "7BTczkSrTNnTPXyRiqDc8hDWv2gFqwpB3bAtCHtfmKz9", "i": 77}
    applied = apply(firm.account, received(theirs))
    assert (applied.updates, applied.changed, applied.troubles) == (0, 0, 0)
    apply(firm.account, received(theirs, ours))
    assert b"7BTcz" not in bytes(records().get().payload.body)
    assert not Order.objects.filter(order_id=77).exists()
    assert known(order.order_id).state == OrderState.CLOSED


def test_every_order_of_frames_comes_to_the_same_end(firm):
    sync(firm)
    order_id = place(firm, client_order_id=NAME)
    firm.paper.fill(order_id, "0.1")
    firm.paper.fill(order_id, "0.2")
    firm.paper.close(order_id)
    rows = rows_of(firm.paper, order_id)
    assert len(rows) == 4
    for some in part_of(itertools.permutations([*range(4), 3])):
        forget()
        for each in some:
            apply(firm.account, rows[each])
        assert stands(order_id)[:4] == (OrderState.CLOSED, "cancelled", "0.3", "0.2"), some


def test_every_order_of_frames_in_one_burst_comes_to_the_same_end(firm):
    sync(firm)
    order_id = place(firm)
    firm.paper.fill(order_id, "0.1")
    firm.paper.close(order_id)
    rows = rows_of(firm.paper, order_id)
    for some in part_of(itertools.permutations([0, 1, 2, 1, 2])):
        forget()
        apply(firm.account, *[rows[each] for each in some])
        assert stands(order_id)[:4] == (OrderState.CLOSED, "cancelled", "0.1", "0.4"), some


@pytest.mark.parametrize("counts", ["events", "orders"])
def test_lost_and_doubled_frames_and_then_a_sync_end_as_reads_alone(firm, counts):
    firm.paper.rules(li_counts=counts)
    order_ids = [order.order_id for order in firm.orders(4)]
    firm.paper.fill(order_ids[0], "0.2")
    firm.paper.close(order_ids[1])
    firm.paper.fill(order_ids[2])
    rows = [rows_of(firm.paper, order_id) for order_id in order_ids]
    flat = [row for some in rows for row in some[1:]]
    sync(firm)
    alone = [stands(order_id) for order_id in order_ids]
    for kept in part_of(itertools.product([0, 1, 2], repeat=len(flat))):
        forget()
        for some in rows:
            apply(firm.account, some[0] | {"li": 2**40})
        Order.objects.update(told_li=None)
        for row, count in zip(flat, kept, strict=True):
            for _ in range(count):
                apply(firm.account, row)
        sync(firm, clock=lambda: timezone.now() + timedelta(seconds=40))
        assert [stands(order_id) for order_id in order_ids] == alone, kept


def test_an_older_update_does_not_undo_a_read(firm):
    order = firm.order()
    firm.paper.fill(order.order_id, "0.1")
    firm.paper.fill(order.order_id, "0.1")
    sync(firm)
    assert stands(order.order_id)[2] == "0.2"
    apply(firm.account, *rows_of(firm.paper, order.order_id)[:2])
    assert stands(order.order_id)[2] == "0.2"


def test_an_update_that_a_read_overtook_makes_no_order_open_again(firm):
    order_id = place(firm)
    firm.paper.close(order_id)
    sync(firm)
    apply(firm.account, rows_of(firm.paper, order_id)[0])
    assert not Order.objects.filter(order_id=order_id).exists()


@pytest.mark.parametrize("count", [1, 2])
def test_an_order_that_came_and_went_before_a_read_is_known_by_frames_that_come_later(firm, count):
    """Where no frame is late but the read was quicker: ``count`` of its frames came at all."""
    order_id = place(firm)
    firm.paper.fill(order_id, "0.2")
    firm.paper.close(order_id)
    place(firm)
    sync(firm)
    apply(firm.account, *rows_of(firm.paper, order_id)[-count:])
    assert stands(order_id)[:4] == (OrderState.CLOSED, "cancelled", "0.2", "0.3")
    assert not Drift.objects.exists()


@pytest.mark.parametrize("counts", ["events", "orders"])
def test_a_read_that_is_older_does_not_undo_an_update(firm, counts):
    firm.paper.rules(li_counts=counts)
    standing, closing = firm.orders(2)
    firm.paper.fault("*", "stale_reads", for_ms=60_000)
    firm.paper.fill(standing.order_id, "0.3")
    firm.paper.close(closing.order_id)
    new = place(firm)
    for order_id in (standing.order_id, closing.order_id, new):
        stream(firm, order_id)
    before = [stands(each) for each in (standing.order_id, closing.order_id, new)]
    sync(firm)
    assert [stands(each) for each in (standing.order_id, closing.order_id, new)] == before
    assert before[2][0] == OrderState.OPEN


def test_a_sync_that_began_before_an_update_does_not_undo_it(firm, monkeypatch):
    standing, closing = firm.orders(2)
    real = account_sync._endings_of_missing

    def meanwhile(*args):
        firm.paper.fill(standing.order_id, "0.3")
        firm.paper.close(closing.order_id)
        new.append(place(firm))
        for order_id in (standing.order_id, closing.order_id, *new):
            stream(firm, order_id)
        return real(*args)

    new = []
    monkeypatch.setattr(account_sync, "_endings_of_missing", meanwhile)
    sync(firm)
    assert stands(standing.order_id)[2] == "0.3"
    assert stands(closing.order_id)[0] == OrderState.CLOSED
    assert stands(new[0])[0] == OrderState.OPEN


def test_what_the_stream_said_closed_and_a_later_read_lists_is_a_contradiction(firm):
    order = firm.order()
    row = rows_of(firm.paper, order.order_id)[0]
    apply(firm.account, row | {"os": "cancelled", "oe": "cancel", "ut": row["ut"] + 9, "li": 2**40})
    assert known(order.order_id).state == OrderState.CLOSED
    sync(firm, clock=lambda: timezone.now() + timedelta(seconds=40))
    order.refresh_from_db()
    assert (order.state, order.has_contradiction) == (OrderState.OPEN, True)


def test_a_frame_told_again_after_a_read_contradicted_it_closes_nothing(firm):
    order = firm.order()
    row = rows_of(firm.paper, order.order_id)[0]
    told = row | {"os": "cancelled", "oe": "cancel", "ut": row["ut"] + 9, "li": row["li"]}
    apply(firm.account, told)
    later = timezone.now() + timedelta(seconds=80)
    sync(firm, clock=lambda: later)
    assert known(order.order_id).state == OrderState.OPEN
    apply(firm.account, told, clock=lambda: later)
    assert known(order.order_id).state == OrderState.OPEN


def test_somebody_elses_cancel_is_a_discrepancy_once(firm):
    order = firm.order()
    firm.paper.close(order.order_id)
    for _ in range(2):
        stream(firm, order.order_id)
    sync(firm)
    assert [drift.kind for drift in Drift.objects.all()] == ["foreign_cancel"]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("is_new_first", [True, False])
def test_an_edit_links_two_orders_and_is_no_discrepancy(firm, together, is_new_first):
    order = firm.order(client_order_id=NAME)
    new = firm.paper.edit(order.order_id, price="49000")
    rows = [rows_of(firm.paper, order.order_id)[-1], *rows_of(firm.paper, new)]
    rows = rows[::-1] if is_new_first else rows
    if together:
        apply(firm.account, *rows)
    else:
        for row in rows:
            apply(firm.account, row)
    assert known(new).replaces_order_id == order.order_id
    assert known(order.order_id).state == OrderState.CLOSED
    assert not Drift.objects.exists()


def test_a_stop_follows_as_an_order_does(firm):
    order = firm.order(order_type="stop_limit", stop_price="48000")
    firm.paper.close(order.order_id)
    stream(firm, order.order_id)
    assert stands(order.order_id)[:2] == (OrderState.CLOSED, "cancelled")


def test_the_count_of_queries_does_not_grow_with_the_burst(firm):
    counts = []
    for size in (2, 60):
        orders = firm.orders(size)
        for order in orders:
            firm.paper.close(order.order_id)
        made = [received(rows_of(firm.paper, order.order_id)[-1]) for order in orders]
        with counted.queries() as queries:
            apply(firm.account, *made)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 30, counts


def test_a_frame_for_an_account_without_reads_makes_its_orders(firm):
    Account.objects.update(synced_at=None, book_last_order_id=None)
    order_id = place(firm)
    stream(firm, order_id)
    assert known(order_id).state == OrderState.OPEN
