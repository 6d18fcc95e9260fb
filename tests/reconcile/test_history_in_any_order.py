"""Whatever order, paging and words the history has: no false outcome, an end in bounded reads."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from solders.keypair import Keypair

from orders.cancels import requests
from orders.delivery import worker
from orders.models import Cancel, CancelKind, CancelStatus, CreditPool, Order, Proof
from orders.models.cancels import LIVE
from orders.reconcile import resolve, sync
from tests.helpers.engines import examples

NAME = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
MAX_HEAVY_READS = 100  # for one question
MAX_S = 1800
HISTORIES = ("/orders/history", "/orders/history_by_id")
NOT_HERE = ("another account's, open", "another account's, filled", "never made")
FATES = ("lost yes", "lost no", "filled", "by another", "expired", "edited, filled", "edited, open")


def run_on(account):
    """Settle whenever a check is due, as the sweep does; seconds until all is at rest, or None."""
    began, t = timezone.now(), 0.0
    while t <= MAX_S:
        live = Cancel.objects.filter(account=account, status__in=LIVE)
        due = [one.next_check_at or one.not_before_at or began for one in live]
        if not due:
            return t
        t = max(t + 0.5, min((at - began).total_seconds() for at in due))
        now = began + timedelta(seconds=t)
        resolve.settle_account(account_id=account.pk, clock=lambda now=now: now)
        worker.deliver_account(account_id=account.pk, clock=lambda now=now: now)
    return None


class Question:
    """One order of an account among others, what befell it, and how somebody asks to cancel it."""

    def __init__(self, firm, draw):
        self.firm, self.paper = firm, firm.paper
        self.account = firm.new_account(str(Keypair().pubkey())[:12], firm.momentum)
        self.older, newer = draw(st.integers(0, 40)), draw(st.integers(0, 40))
        self.closed(self.older)
        self.fate = draw(st.sampled_from(FATES + NOT_HERE))
        self.is_lost = self.fate.startswith("lost") or draw(st.booleans())  # the exchange's answer
        self.ask_by = draw(st.sampled_from(["click", "id", "client id"]))
        if self.fate in NOT_HERE:
            self.ask_by = "id"
        is_named = self.ask_by == "client id" or draw(st.booleans())
        self.order_id = self.made([{"client_order_id": NAME} if is_named else {}])
        if self.ask_by == "click":
            sync.sync_account(account_id=self.account.pk)
        self.closed(newer)

    def made(self, orders):
        """The id of the order in question."""
        if self.fate == "never made":
            return 28_999_999_999
        owner = self.firm.foreign_account if self.fate in NOT_HERE else self.account
        return self.paper.orders(owner.address, orders)[0]

    def closed(self, count):
        for order_id in self.paper.orders(self.account.address, count):
            self.paper.close(order_id)

    def ask(self):
        """What befalls the order, and the cancel, once."""
        if self.fate in {"filled", "another account's, filled"}:
            self.paper.fill(self.order_id)
        elif self.fate in {"by another", "expired"}:
            event = "cancel" if self.fate == "by another" else "expired"
            self.paper.close(self.order_id, event=event)
        elif self.fate.startswith("edited"):
            self.next_id = self.paper.edit(self.order_id, price="51000")
            if self.fate == "edited, filled":
                self.paper.fill(self.next_id)
        kind = "drop" if self.fate == "lost no" else "apply_then_drop"
        if self.is_lost:
            self.paper.fault("/orders/cancel", kind)
        about = {"user": self.firm.operator, "actor": self.firm.actor()}
        if self.ask_by == "click":
            order = Order.objects.get(account=self.account, order_id=self.order_id)
            requests.cancel_orders(order_ids=[order.pk], **about)
        else:
            name = {"order_id": self.order_id}
            if self.ask_by == "client id":
                name = {"client_order_id": NAME}
            about |= {"account_id": self.account.pk, "symbol": "BTC", "kind": CancelKind.ORDER}
            requests.cancel_by_id(**about, **name)
        worker.deliver_account(account_id=self.account.pk)

    def check(self):
        """That what was concluded is so, and what it took."""
        assert run_on(self.account) is not None, self.fate
        cancel = Cancel.objects.get(account=self.account)
        truth = self.paper.truth(self.account.address)
        heavy = sum(len(self.paper.requests(route)) for route in HISTORIES)
        said = f"{self.fate} by {self.ask_by}: {cancel.status} {cancel.explanation} ({heavy} reads)"
        assert heavy <= MAX_HEAVY_READS, said
        if self.fate in NOT_HERE:
            assert cancel.status in {CancelStatus.NOT_FOUND, CancelStatus.GONE}, said
            assert cancel.status == CancelStatus.NOT_FOUND or not self.fate.endswith("open"), said
            return
        meant = [truth[self.order_id]]
        if self.ask_by == "client id":
            meant = [one for one in truth.values() if one["client_order_id"] == NAME]
        ends = {one["order_status"] for one in meant}
        if cancel.status in {CancelStatus.CANCELLED, CancelStatus.FILLED}:
            assert cancel.status in ends, said
        if cancel.status == CancelStatus.CANCELLED and self.ask_by != "client id":
            assert not self.fate.startswith("edited"), said
        if cancel.status in {CancelStatus.GONE, CancelStatus.NOT_FOUND}:
            assert "open" not in ends, said
        if cancel.status == CancelStatus.NOT_FOUND:  # no open order has it, and what was not read
            assert (cancel.proof, "history" in cancel.explanation) == (Proof.BOOK, True), said


def ask_and_check(firm, data):
    """One question in one history."""
    draw, paper = data.draw, firm.paper
    firm.keypair = Keypair
    paper.reset(accounts=firm.bound)
    CreditPool.objects.all().delete()
    asked = Question(firm, draw)
    paper.rules(
        history_order=draw(st.sampled_from(["newest", "oldest", "mixed"])),
        history_cursor=draw(
            st.sampled_from(["right", "repeated", "endless", "missing", "shifting"])
        ),
        history_names=draw(st.sampled_from(["docs", "mcp"])),
        history_rows=draw(st.sampled_from([1, 3, 10, 25, 100])),
        history_grows=draw(st.integers(0, 3)),
        unknown_history=draw(st.sampled_from(["404", "empty"])),
    )
    for route in HISTORIES:
        trouble = draw(st.sampled_from(["none", "none", "once", "some", "for good"]))
        if trouble != "none":
            times = {"once": 1, "some": 5, "for good": None}[trouble]
            paper.fault(route, "status", times=times, skip=draw(st.integers(0, 3)), status=504)
    asked.ask()
    asked.check()


OPTIONS = {
    "deadline": None,
    "phases": [Phase.explicit, Phase.reuse, Phase.generate],
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}


@settings(max_examples=examples(15), **OPTIONS)
@given(data=st.data())
def test_nothing_false_is_concluded_and_the_reads_are_bounded(firm, data):
    ask_and_check(firm, data)


@pytest.mark.exhaustive
@settings(max_examples=500, **OPTIONS)
@given(data=st.data())
def test_nor_in_many_more_histories(firm, data):
    ask_and_check(firm, data)


def taken_unanswered(firm, order_id):
    """Ask for a cancel that the exchange takes, without an answer; what became of it."""
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    about = {"user": firm.operator, "actor": firm.actor(), "account_id": firm.account.pk}
    requests.cancel_by_id(order_id=order_id, symbol="BTC", kind=CancelKind.ORDER, **about)
    worker.deliver_account(account_id=firm.account.pk)
    assert run_on(firm.account) is not None
    return Cancel.objects.get()


def test_pages_that_newer_orders_shift_are_not_taken_for_the_oldest_first(firm):
    """One row a page, and two orders come before each: every page begins with a newer row."""
    account = firm.account
    order_id, *newer = firm.paper.orders(account.address, 100)
    for each in newer:
        firm.paper.close(each)
    firm.paper.rules(history_cursor="shifting", history_rows=1, history_grows=2)
    firm.paper.fault("/orders/history_by_id", "status", times=1, status=504)
    cancel = taken_unanswered(firm, order_id)
    assert (cancel.status, cancel.proof) == (CancelStatus.GONE, Proof.BOOK)
    assert "Whether it is this account's could not be told" in cancel.explanation


def test_nothing_is_called_absent_past_a_row_that_could_not_be_read(firm):
    """The rows fall to long before the order was made; the one that is not readable may be its."""
    account, made_ms = firm.account, int(timezone.now().timestamp() * 1000)
    (order_id,) = firm.paper.orders(account.address, 1)
    rows = [
        {"order_id": number, "symbol": "BTC", "side": "bid", "order_status": "filled"}
        | {"amount": "1", "filled_amount": "1", "order_type": "limit", "reduce_only": False}
        | dict.fromkeys(("created_at", "updated_at"), made_ms + 500_000 - number * 100_000)
        for number in range(1, 31)
    ]
    rows[1] = "unreadable"
    page = {"success": True, "data": rows, "next_cursor": "more", "has_more": True}
    firm.paper.fault("/orders/history", "status", times=None, status=200, body=json.dumps(page))
    cancel = taken_unanswered(firm, order_id)
    assert (cancel.status, cancel.proof) == (CancelStatus.GONE, Proof.BOOK)
    assert "could not be told" in cancel.explanation


def test_a_history_whose_rows_moved_while_it_was_read_is_not_whole(firm):
    """By when they changed, the oldest first, counted from the first: one slips past the edge."""
    account, now_ms = firm.account, int(timezone.now().timestamp() * 1000)
    (order_id,) = firm.paper.orders(account.address, 1)

    def page(*rows, more):
        rows = [
            {"order_id": number, "symbol": "BTC", "side": "bid", "order_status": status}
            | {"amount": "1", "filled_amount": "0", "order_type": "limit", "reduce_only": False}
            | {"created_at": now_ms - 10_000_000, "updated_at": now_ms + changed}
            for number, status, changed in rows
        ]
        return {"success": True, "data": rows, "next_cursor": more, "has_more": bool(more)}

    first = page((1, "open", -9_000), (2, "filled", -8_000), (3, "filled", -7_000), more="3")
    second = page((5, "filled", 1), (1, "filled", 2), more=None)
    for each in (first, second) * 60:
        firm.paper.fault("/orders/history", "status", times=1, status=200, body=json.dumps(each))
    cancel = taken_unanswered(firm, order_id)
    assert (cancel.status, cancel.proof) == (CancelStatus.GONE, Proof.BOOK)


def test_a_row_from_before_the_end_does_not_keep_the_end_from_being_looked_up(firm):
    """Where rows come oldest first, one order's first row tells how it began."""
    orders = firm.orders(5)
    firm.paper.fault("/orders/batch", "apply_then_drop")
    about = {"user": firm.operator, "actor": firm.actor()}
    requests.cancel_orders(order_ids=[order.pk for order in orders], **about)
    worker.deliver_account(account_id=firm.account.pk)
    rows = [
        {"order_id": one.order_id, "symbol": "BTC", "side": "bid", "order_status": "open"}
        | {"amount": "0.5", "filled_amount": "0", "order_type": "limit", "reduce_only": False}
        | {"created_at": 1_767_268_800_000, "updated_at": 1_767_268_800_000}
        for one in orders
    ]
    page = {"success": True, "data": rows, "next_cursor": "more", "has_more": True}
    firm.paper.fault("/orders/history", "status", times=None, status=200, body=json.dumps(page))
    assert run_on(firm.account) is not None
    for cancel in Cancel.objects.all():
        assert (cancel.status, cancel.proof) == (CancelStatus.GONE, Proof.HISTORY)
        assert cancel.explanation.startswith("Cancelled, by our request or by an edit")
        assert cancel.cancelled_amount == "0.5"
