"""Bulk: the set is frozen before it runs, and exactly that set runs, once."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orders.access.permissions import NotAllowed
from orders.cancels.bulk import frozen_orders, previews
from orders.cancels.bulk import scope as bulk_scope
from orders.cancels.bulk.scope import Scope
from orders.delivery import worker
from orders.lifecycle.targets import CannotAsk
from orders.models import (
    Account,
    AuditRecord,
    Cancel,
    CancelJob,
    CancelStatus,
    Desk,
    Event,
    Membership,
    Order,
    Preview,
    Role,
)
from orders.reconcile import sync
from tests.helpers.engines import examples
from tests.helpers.screens import known_order


def scope(firm, **fields):
    return Scope(desk_id=firm.momentum.pk, **fields)


def freeze(firm, user=None, **fields):
    user = user or firm.head
    return previews.of_scope(user=user, actor=firm.actor(user), scope=scope(firm, **fields))


def confirm(firm, preview, user=None, **fields):
    user = user or firm.head
    given_fields = {"typed": previews.must_type(preview)} | fields
    return previews.confirm(
        user=user, actor=firm.actor(user), preview_id=preview.pk, **given_fields
    )


def ids_of(job):
    return set(job.cancels.values_list("order_id", flat=True))


BOOK = {  # six orders that differ in everything a scope can ask for
    "bid": {"side": "bid", "price": "10"},
    "ask": {"side": "ask", "price": "20"},
    "eth": {"symbol": "ETH", "price": "30"},
    "stop": {"order_type": "stop_limit", "stop_price": "1", "price": "40"},
    "reduce": {"reduce_only": True, "price": "50"},
    "large": {"initial_amount": "9", "price": "60"},
}


def a_book(firm):
    """The orders of `BOOK` by name, placed at once and read once."""
    usual = {"symbol": "BTC", "side": "bid", "initial_amount": "0.5"}
    ids = firm.paper.orders(firm.account.address, [usual | row for row in BOOK.values()])
    sync.sync_account(account_id=firm.account.pk)
    known = {order.order_id: order for order in firm.account.orders.filter(order_id__in=ids)}
    return {name: known[order_id] for name, order_id in zip(BOOK, ids, strict=True)}


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({}, {"bid", "ask", "eth", "stop", "reduce", "large"}),
        ({"symbols": ("ETH",)}, {"eth"}),
        ({"side": "ask"}, {"ask"}),
        ({"order_types": ("stop_limit",)}, {"stop"}),
        ({"min_price": Decimal(40)}, {"stop", "reduce", "large"}),
        ({"max_price": Decimal(20)}, {"bid", "ask"}),
        ({"spare_reduce_only": True}, {"bid", "ask", "eth", "stop", "large"}),
        ({"spare_stops": True}, {"bid", "ask", "eth", "reduce", "large"}),
        ({"min_age_s": 3600}, set()),
    ],
    ids=lambda value: ",".join(sorted(value)) or "none",
)
def test_a_scope_means_exactly_what_it_says(firm, fields, names):
    book = a_book(firm)
    found = bulk_scope.matching(user=firm.head, scope=scope(firm, **fields), now=timezone.now())
    assert {o.order_id for o in found} == {book[name].order_id for name in names}


def test_the_order_of_work_is_as_chosen(firm):
    prices = [("bid", "1"), ("bid", "3"), ("ask", "9"), ("ask", "7"), ("bid", "2")]
    for side, price in prices:
        firm.order(side=side, price=price, initial_amount=price)

    def worked(order_of_work):
        preview = freeze(firm, order_of_work=order_of_work)
        job = confirm(firm, preview).jobs[0]
        cancels = job.cancels.order_by("pk").select_related("known_order")
        found = [cancel.known_order.price for cancel in cancels]
        Cancel.objects.update(status=CancelStatus.STOPPED)
        return found

    assert worked(bulk_scope.OLDEST) == ["1", "3", "9", "7", "2"]
    assert worked(bulk_scope.LARGEST) == ["9", "7", "3", "2", "1"]
    best = worked(bulk_scope.BEST_PRICE)
    assert [p for p in best if p in {"1", "2", "3"}] == ["3", "2", "1"]
    assert [p for p in best if p in {"7", "9"}] == ["7", "9"]


def test_what_runs_is_exactly_what_was_frozen(firm):
    frozen = firm.orders(3)
    preview = freeze(firm)
    newer = firm.order()
    job = confirm(firm, preview).jobs[0]
    worker.deliver_account(account_id=firm.account.pk)
    assert ids_of(job) == {order.order_id for order in frozen}
    assert firm.paper.truth()[newer.order_id]["is_open"]
    assert previews.since(preview, Order.objects.open()) == [newer.pk]
    assert job.preview_sha256 == preview.targets_sha256


def test_making_a_preview_leaves_no_record_and_sends_nothing(firm):
    firm.orders(2)
    before = AuditRecord.objects.count()
    freeze(firm)
    assert AuditRecord.objects.count() == before
    assert not Cancel.objects.exists()


def test_a_replayed_confirmation_is_one_job(firm):
    firm.orders(2)
    preview = freeze(firm)
    assert confirm(firm, preview).jobs == confirm(firm, preview).jobs
    assert CancelJob.objects.count() == 1
    assert AuditRecord.objects.filter(event=Event.CANCEL_ASKED).count() == 1


def test_a_changed_set_is_not_run(firm):
    firm.orders(2)
    preview = freeze(firm)
    Preview.objects.update(targets="[]")
    with pytest.raises(CannotAsk, match="changed after it was shown"):
        confirm(firm, preview)


def test_an_old_preview_is_made_anew(firm):
    firm.orders(1)
    preview = freeze(firm)
    Preview.objects.update(made_at=timezone.now() - timedelta(minutes=16))
    with pytest.raises(CannotAsk, match="older than 15 minutes"):
        confirm(firm, preview)


def test_a_confirmation_replayed_much_later_is_still_the_job_it_made(firm):
    firm.orders(1)
    preview = freeze(firm)
    job = confirm(firm, preview).jobs[0]
    Preview.objects.update(made_at=timezone.now() - timedelta(minutes=16))
    assert confirm(firm, preview, typed="").jobs == (job,)


def test_a_confirmation_that_skipped_everything_is_not_run_later(firm):
    firm.orders(2)
    first, later = freeze(firm), freeze(firm)
    confirm(firm, first)
    assert confirm(firm, later).recorded == 0
    Cancel.objects.update(status=CancelStatus.STOPPED)
    with pytest.raises(CannotAsk, match="every order was skipped then"):
        confirm(firm, later)
    assert confirm(firm, freeze(firm)).recorded == 2


def test_everything_is_confirmed_by_the_desks_name_and_many_by_their_count(firm):
    firm.orders(3)
    everything, bids = freeze(firm), freeze(firm, side="bid")
    assert previews.must_type(everything) == "Momentum"
    assert previews.must_type(bids) == ""
    Desk.objects.update(confirm_above=2)
    bids.desk.refresh_from_db()
    assert previews.must_type(bids) == "3"
    for wrong in ("", "2", "momentum"):
        with pytest.raises(CannotAsk, match="Type Momentum"):
            confirm(firm, everything, typed=wrong)


@pytest.mark.parametrize("name", ["min_price", "max_price"])
def test_a_price_of_zero_leaves_out_what_has_none_and_is_not_everything(firm, name):
    a_book(firm)
    known_order(firm.account, 71_000_000_000, order_type="stop_market", price_number=None)
    everything, priced = freeze(firm), scope(firm, **{name: Decimal(0)})
    found = bulk_scope.matching(user=firm.head, scope=priced, now=timezone.now())
    assert (everything.count, found.count()) == (7, 6 if name == "min_price" else 0)
    assert everything.is_everything
    assert not priced.is_everything
    assert scope(firm, min_age_s=0).is_everything


def test_what_was_typed_as_asked_is_taken_where_nothing_must_be_typed_by_now(firm):
    firm.orders(3)
    bids = freeze(firm, side="bid")
    assert previews.must_type(bids) == ""
    assert confirm(firm, bids, typed="3").recorded == 3


def test_a_desk_can_ask_for_a_reason(firm):
    Desk.objects.update(needs_reason=True)
    firm.orders(1)
    with pytest.raises(CannotAsk) as wrong:
        confirm(firm, freeze(firm), reason=" ")
    assert wrong.value.field == "reason"
    assert confirm(firm, freeze(firm), reason="fed day").recorded == 1


@pytest.mark.parametrize("who", ["operator", "viewer", "auditor", "stranger", "administrator"])
def test_only_a_desk_head_cancels_by_scope(firm, who):
    firm.orders(1)
    with pytest.raises(NotAllowed):
        freeze(firm, user=getattr(firm, who))
    assert not Preview.objects.exists()


def test_a_head_who_is_an_operator_by_now_confirms_no_scope(firm):
    firm.orders(1)
    preview = freeze(firm)
    firm.head.memberships.update(role=Role.OPERATOR)
    with pytest.raises(NotAllowed):
        confirm(firm, preview)
    assert not Cancel.objects.exists()


def test_nobody_confirms_another_ones_preview(firm):
    firm.orders(1)
    preview = freeze(firm)
    with pytest.raises(NotAllowed):
        confirm(firm, preview, user=firm.operator)


SCOPES = st.fixed_dictionaries(
    {},
    optional={
        "symbols": st.sampled_from([("BTC",), ("ETH",), ("BTC", "ETH")]),
        "side": st.sampled_from(["bid", "ask"]),
        "min_price": st.sampled_from([Decimal(15), Decimal(35)]),
        "spare_reduce_only": st.booleans(),
        "spare_stops": st.booleans(),
        "order_of_work": st.sampled_from(list(bulk_scope.ORDER_OF_WORK)),
    },
)
CHANGES = st.lists(st.sampled_from(["new", "fill", "cancel"]), max_size=3)


@pytest.mark.thorough
@settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
@given(fields=SCOPES, changes=CHANGES)
def test_whatever_the_filter_and_the_book_the_set_cancelled_is_the_set_confirmed(
    firm, fields, changes
):
    book, mark = a_book(firm), firm.paper.ledger()["next"]
    try:
        preview = freeze(firm, **fields)
    except CannotAsk:
        return
    frozen = {row.order_id for row in frozen_orders.frozen(preview)}
    for number, change in enumerate(changes):
        order = list(book.values())[number]
        if change == "new":
            firm.paper.orders(firm.account.address, 1)
        elif change == "fill":
            firm.paper.fill(order.order_id)
        else:
            firm.paper.close(order.order_id)
    asked = confirm(firm, preview)
    told = {order_id for job in asked.jobs for order_id in ids_of(job)}
    assert told | {what for what, _ in asked.skipped} == frozen
    assert asked.recorded + len(asked.skipped) == preview.count
    worker.deliver_account(account_id=firm.account.pk)
    effects = firm.paper.ledger(since=mark)["effects"]
    ours = {e["order_id"] for e in effects if e["event"] == "cancel" and e["request"]}
    assert ours <= frozen
    Cancel.objects.update(status=CancelStatus.STOPPED)
    Order.objects.all().update(state="closed")


def test_more_orders_than_one_act_may_name_are_refused_before_they_are_split(firm):
    """Cut first, the second desk's orders would be missing without a word."""
    Membership.objects.create(user=firm.operator, desk=firm.basis, role=Role.OPERATOR)
    accounts = [firm.account, firm.account, firm.foreign_account, firm.foreign_account]
    for number, account in enumerate(accounts):
        known_order(account, 71_000_000_000 + number)
    about = {"user": firm.operator, "actor": firm.actor(), "limits": previews.Limits(orders=3)}
    with pytest.raises(CannotAsk, match="More than 3 orders: narrow it down"):
        previews.of_orders(orders=Order.objects.all(), **about)
    assert not Preview.objects.exists()


def test_a_preview_id_out_of_nowhere_is_refused(firm):
    with pytest.raises(NotAllowed):
        previews.confirm(user=firm.head, actor=firm.actor(firm.head), preview_id=uuid.uuid4())


CHANGES = {
    "went to another desk": lambda firm: {"desk": firm.basis},
    "was deactivated": lambda firm: {"is_active": False},
}


@pytest.mark.parametrize("said", CHANGES)
def test_an_account_that_changed_since_it_was_shown_is_refused_by_name(firm, said):
    Membership.objects.create(user=firm.head, desk=firm.basis, role=Role.HEAD)
    other = firm.new_account("Beta", firm.momentum)
    for account in (firm.account, other):
        known_order(account, 71_000_000_001)
    preview = freeze(firm)
    Account.objects.filter(pk=other.pk).update(**CHANGES[said](firm))
    with pytest.raises(CannotAsk, match=f"Beta {said} since this was shown"):
        confirm(firm, preview)
    assert not CancelJob.objects.exists()
    anew = previews.anew(user=firm.head, actor=firm.actor(firm.head), preview=preview)
    assert confirm(firm, anew).recorded == 1


def test_a_list_made_anew_leaves_out_an_account_that_went_elsewhere(firm):
    other = firm.new_account("Beta", firm.momentum)
    for account in (firm.account, other):
        known_order(account, 71_000_000_001)
    (preview,) = previews.of_orders(
        user=firm.head, actor=firm.actor(firm.head), orders=Order.objects.all()
    )
    Account.objects.filter(pk=other.pk).update(desk=firm.basis)
    anew = previews.anew(user=firm.head, actor=firm.actor(firm.head), preview=preview)
    assert (anew.count, anew.scope) == (1, "1 of 2 selected orders")
    assert confirm(firm, anew).recorded == 1
