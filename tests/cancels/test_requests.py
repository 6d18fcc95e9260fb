"""What an operator may ask: one act, one job, recorded before anything else."""

import threading
import time
import uuid

import pytest
from django.db import IntegrityError, connections, transaction

from desk import celery
from orders.access.permissions import NotAllowed
from orders.audit import sentences
from orders.cancels import requests
from orders.lifecycle import wakeups
from orders.models import (
    Account,
    AuditRecord,
    AuditRecordOrder,
    Cancel,
    CancelJob,
    CancelStatus,
    Event,
    Order,
    OrderState,
)
from tests.helpers.screens import known_order

CLIENT_ORDER_ID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


def ask(firm, *orders, user=None, **options):
    user = user or firm.operator
    ids = [order.pk for order in orders]
    return requests.cancel_orders(user=user, actor=firm.actor(user), order_ids=ids, **options)


def by_id(firm, user=None, **fields):
    user = user or firm.operator
    given = {"account_id": firm.account.pk, "symbol": "BTC"} | fields
    return requests.cancel_by_id(user=user, actor=firm.actor(user), **given)


def test_a_request_makes_one_job_its_cancels_and_their_record(firm):
    orders = firm.orders(2)
    asked = ask(firm, *orders, reason="risk off")
    assert asked.sentence() == "2 cancels recorded."
    job = CancelJob.objects.get()
    assert (job.operator, job.reason, job.scope) == (firm.operator, "risk off", "2 orders on Alpha")
    assert {c.order_id for c in job.cancels.all()} == {o.order_id for o in orders}
    record = AuditRecord.objects.get(event=Event.CANCEL_ASKED)
    assert {row.order_id for row in record.order_rows.all()} == {o.order_id for o in orders}


def test_a_second_cancel_of_the_same_order_is_skipped_and_said(firm):
    orders = firm.orders(2)
    ask(firm, orders[0])
    asked = ask(firm, *orders)
    assert asked.sentence() == "1 cancel recorded, 1 skipped: already being cancelled."
    assert Cancel.objects.count() == 2


def test_an_edited_order_is_cancelled_while_the_one_it_was_edited_from_is(firm):
    """It keeps the client order id under a new order id, and one live cancel may have that."""
    orders = [
        known_order(firm.account, 71_000_000_000 + n, client_order_id=CLIENT_ORDER_ID)
        for n in range(2)
    ]
    assert [ask(firm, order).recorded for order in orders] == [1, 1]
    assert (
        ask(firm, *orders).sentence() == "0 cancels recorded, 2 skipped: already being cancelled."
    )
    named = Cancel.objects.order_by("pk").values_list("order_id", "client_order_id")
    assert list(named) == [(71_000_000_000, CLIENT_ORDER_ID), (71_000_000_001, None)]
    assert by_id(firm, client_order_id=CLIENT_ORDER_ID).recorded == 0


@pytest.mark.parametrize("name", [CLIENT_ORDER_ID, CLIENT_ORDER_ID.upper()])
def test_an_order_that_may_be_the_one_of_a_live_client_order_id_is_skipped(firm, name):
    by_id(firm, client_order_id=CLIENT_ORDER_ID)
    order = known_order(firm.account, 71_000_000_000, client_order_id=name)
    assert ask(firm, order).recorded == 0


def test_the_log_names_every_order_that_was_skipped(firm):
    orders = firm.orders(3)
    ask(firm, orders[0])
    Order.objects.filter(pk=orders[1].pk).update(state=OrderState.CLOSED)
    ask(firm, *orders, reason="risk off")
    record = AuditRecord.objects.filter(event=Event.CANCEL_ASKED).latest("position")
    rows = record.order_rows.order_by("row").values_list("order_id", "outcome")
    assert list(rows) == [
        (orders[2].order_id, ""),
        (orders[1].order_id, "skipped"),
        (orders[0].order_id, "skipped"),
    ]
    data = sentences.data_of(record)
    assert (data["count"], data["frozen"], sum(data["skipped"].values())) == (1, 3, 2)
    said = sentences.of_record(record)
    assert said.endswith("1 skipped: already being cancelled. 1 skipped: no longer open.")


def test_an_act_of_which_all_was_skipped_is_recorded_and_makes_no_job(firm):
    order = firm.order()
    ask(firm, order)
    assert ask(firm, order).sentence() == "0 cancels recorded, 1 skipped: already being cancelled."
    record = AuditRecord.objects.filter(event=Event.CANCEL_ASKED).latest("position")
    assert (record.outcome, record.job, record.desk) == ("skipped", None, firm.momentum)
    assert record.order_rows.get().order_id == order.order_id
    assert CancelJob.objects.count() == 1


def test_the_same_click_twice_makes_one_job(firm):
    order, key = firm.order(), uuid.uuid4()
    first = ask(firm, order, request_key=key)
    second = ask(firm, order, request_key=key)
    assert second.jobs == first.jobs
    assert second.sentence() == "Already recorded: 1 cancel."
    assert AuditRecord.objects.filter(event=Event.CANCEL_ASKED).count() == 1


def test_a_click_replayed_once_the_order_is_over_tells_of_the_job_it_made(firm):
    orders, key = firm.orders(2), uuid.uuid4()
    first = ask(firm, *orders, request_key=key)
    Order.objects.update(state=OrderState.CLOSED)
    Cancel.objects.update(status=CancelStatus.CANCELLED)
    second = ask(firm, *orders, request_key=key)
    assert (second.jobs, second.sentence()) == (first.jobs, "Already recorded: 2 cancels.")


def test_an_order_that_is_no_longer_open_is_skipped_and_said(firm):
    orders = firm.orders(2)
    Order.objects.filter(pk=orders[0].pk).update(state=OrderState.CLOSED)
    assert ask(firm, *orders).sentence() == "1 cancel recorded, 1 skipped: no longer open."


def test_an_order_of_a_deactivated_account_is_skipped_and_said(firm):
    order = firm.order()
    Account.objects.filter(pk=firm.account.pk).update(is_active=False)
    assert "account is deactivated" in ask(firm, order).sentence()
    assert not Cancel.objects.exists()


@pytest.mark.parametrize("who", ["viewer", "auditor", "stranger", "administrator"])
def test_who_may_not_cancel_is_refused_and_the_refusal_recorded(firm, who):
    order = firm.order()
    with pytest.raises(NotAllowed) as refusal:
        ask(firm, order, user=getattr(firm, who))
    assert str(order.order_id) not in str(refusal.value)
    assert not Cancel.objects.exists()
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 1


def test_a_foreign_order_and_a_missing_one_are_refused_alike(firm):
    foreign = firm.orders(account=firm.foreign_account)[0]
    sentences = set()
    for ids in ([foreign.pk], [10**9]):
        with pytest.raises(NotAllowed) as refusal:
            requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)
        sentences.add(str(refusal.value))
    assert len(sentences) == 1


def test_a_foreign_order_among_ones_own_is_left_out_unmentioned(firm):
    own, foreign = firm.order(), firm.orders(account=firm.foreign_account)[0]
    assert ask(firm, own, foreign).sentence() == "1 cancel recorded."


def test_cancel_by_id_needs_no_known_order(firm):
    assert by_id(firm, order_id=28_123_456_789).recorded == 1
    assert Cancel.objects.get().known_order is None


def test_cancel_by_id_uses_what_we_know_of_the_order(firm):
    order = firm.order(client_order_id=CLIENT_ORDER_ID)
    by_id(firm, client_order_id=CLIENT_ORDER_ID.upper())
    cancel = Cancel.objects.get()
    assert (cancel.known_order, cancel.order_id) == (order, order.order_id)


def test_one_order_under_two_names_is_one_live_cancel(firm):
    order = firm.order(client_order_id=CLIENT_ORDER_ID)
    by_id(firm, order_id=order.order_id)
    assert by_id(firm, client_order_id=CLIENT_ORDER_ID).recorded == 0


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"order_id": 1, "symbol": ""}, "symbol", "as on Pacifica"),
        ({"order_id": 1, "symbol": "A" * 65}, "symbol", "at most 64 characters"),
        ({"order_id": 1, "symbol": "BTC USD"}, "symbol", "as on Pacifica"),
        ({"order_id": 1, "symbol": "ВТС"}, "symbol", "as on Pacifica"),
        ({}, "order_id", "one of them"),
        ({"order_id": 1, "client_order_id": CLIENT_ORDER_ID}, "order_id", "one of them"),
        ({"order_id": 0}, "order_id", "whole number"),
        ({"order_id": 2**53 + 1}, "order_id", "whole number"),
        ({"client_order_id": "f47ac10b"}, "client_order_id", "full UUID"),
        ({"order_id": 1, "kind": "sandwich"}, "kind", "order, stop or TWAP"),
    ],
)
def test_every_wrong_input_has_its_own_sentence(firm, fields, field, words):
    with pytest.raises(requests.CannotAsk) as wrong:
        by_id(firm, **fields)
    assert (wrong.value.field, words in str(wrong.value)) == (field, True)
    assert not Cancel.objects.exists()


def test_a_known_orders_symbol_is_held_against_the_input(firm):
    stop = firm.order(order_type="stop_limit", stop_price="40000")
    with pytest.raises(requests.CannotAsk, match="is on BTC, not btc"):
        by_id(firm, order_id=stop.order_id, symbol="btc", kind="stop")


def test_the_database_holds_one_live_cancel_an_order(firm):
    ask(firm, firm.order())
    cancel = Cancel.objects.get()
    cancel.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        cancel.save(force_insert=True)
    cancel.status, cancel.pk = CancelStatus.CANCELLED, None
    cancel.save(force_insert=True)


def test_workers_are_woken_only_after_the_commit(
    firm, monkeypatch, django_capture_on_commit_callbacks
):
    sent = []
    monkeypatch.setattr(wakeups, "_running_publisher", lambda: type("P", (), {"put": sent.append}))
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        ask(firm, firm.order())
        assert sent == []
    (message,) = sent
    assert message[:3] == ("orders.deliver", [firm.account.pk, True], "urgent")
    assert callbacks


def test_each_order_row_of_the_log_names_its_own_cancel(firm):
    ask(firm, *firm.orders(5))
    ask(firm, *firm.orders(1))
    rows = AuditRecordOrder.objects.filter(record__event=Event.CANCEL_ASKED)
    named = dict(rows.values_list("cancel_id", "order_id"))
    assert len(named) == 6
    assert named == dict(Cancel.objects.values_list("pk", "order_id"))


def test_many_cancels_are_recorded_in_as_many_statements_as_few(firm, django_assert_num_queries):
    counts = []
    for count in (5, 200):
        orders = firm.orders(count)
        with django_assert_num_queries(99, exact=False) as asked:
            ask(firm, *orders)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_two_people_racing_for_one_order_make_one_live_cancel(committing_firm):
    firm = committing_firm
    order = firm.order()
    gate, results = threading.Barrier(4), []

    def click():
        gate.wait()
        try:
            results.append(ask(firm, order).recorded)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 0, 0, 1]
    assert Cancel.objects.count() == 1


@pytest.fixture
def publisher(monkeypatch):
    """Start a publisher of the test's own, whose pages wait so long for it."""

    def start(hand_over_s):
        mine = wakeups._Publisher(wakeups.Limits(hand_over_s=hand_over_s))
        monkeypatch.setattr(wakeups, "_running_publisher", lambda: mine)
        return mine

    return start


def wake(count=1):
    """Seconds for which waking that many accounts keeps a page."""
    started = time.monotonic()
    with transaction.atomic():
        wakeups.deliver(account_ids=range(count), is_urgent=True)
    return time.monotonic() - started


def test_a_broker_that_hangs_does_not_delay_the_request(committing_db, publisher, monkeypatch):
    blocked = threading.Event()
    monkeypatch.setattr(celery.app, "send_task", lambda *a, **k: blocked.wait(30))
    mine = publisher(hand_over_s=0.2)
    assert wake(count=60) < 6  # waited for once, not sixty times
    assert not mine.keeps_up
    blocked.set()


def test_a_page_lets_its_wake_up_call_go_first(committing_db, publisher, monkeypatch):
    publisher(hand_over_s=30)
    sent = []

    def send(*about, args, **how):
        time.sleep(0.003)
        sent.append(args[0])

    monkeypatch.setattr(celery.app, "send_task", send)
    with transaction.atomic():
        wakeups.deliver(account_ids=[777], is_urgent=True)
    assert 777 in sent  # and whatever an earlier publisher still had to say
