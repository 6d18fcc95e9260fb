"""A yes to another question: not believed, asked, and told of at once; over HTTP."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.accounts import wallet_check
from orders.cancels import requests
from orders.delivery import worker
from orders.evidence import outcome_checks, verify
from orders.models import (
    AgentWallet,
    Alert,
    AlertKind,
    AuditRecord,
    Cancel,
    CancelKind,
    CancelStatus,
    Event,
    Order,
    OrderState,
    PanicLine,
    Proof,
)
from orders.operations.alerts import watch, webhook
from orders.panic import decision
from orders.panic import worker as panic_worker
from orders.reconcile import resolve, sync
from tests.helpers.panics import QUICK

THEIRS = "9" * 44
FOREIGN = [
    ({"data": {"order_id": 999}}, "order (999)"),
    ({"data": {"order_id": "999"}}, "order (999)"),
    ({"order_id": 999}, "order (999)"),
    ({"data": {"symbol": "ETH"}}, "symbol (ETH)"),
    ({"data": {"order": {"account": THEIRS}}}, f"account ({THEIRS})"),
    ({"data": {"client_order_id": "another"}}, "order (another)"),
]


def yes(**more):
    return {"success": True, "data": None, "error": None, "code": None} | more


def answer(firm, route, body, *, applied=False, times=None, status=200):
    about = {"status": status, "body": body, "applied": applied}
    firm.paper.fault(route, "status", times=times, **about)


def click(firm, *orders):
    ids = [order.pk for order in orders]
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)
    worker.deliver_account(account_id=firm.account.pk)


def by_id(firm, kind, order_id, **about):
    about = {"account_id": firm.account.pk, "symbol": "BTC", "order_id": order_id} | about
    requests.cancel_by_id(user=firm.operator, actor=firm.actor(), kind=kind, **about)
    worker.deliver_account(account_id=firm.account.pk)


def settled(firm, after_s=0):
    moment = timezone.now() + timedelta(seconds=after_s)
    resolve.settle_account(account_id=firm.account.pk, clock=lambda: moment)
    return Cancel.objects.latest("pk")


def told():
    return list(Alert.objects.filter(kind=AlertKind.FOREIGN_ANSWER).values_list("said", flat=True))


def open_at_exchange(firm):
    return [o for o, row in firm.paper.truth(firm.account.address).items() if row["is_open"]]


@pytest.mark.parametrize(("named", "words"), FOREIGN, ids=str)
def test_a_single_cancel_is_unknown_and_told_of_at_once(firm, named, words):
    order = firm.order(client_order_id="f47ac10b-58cc-4372-a567-0e02b2c3d479")
    answer(firm, "/orders/cancel", yes(**named))
    click(firm, order)
    cancel = Cancel.objects.get()
    assert cancel.status == CancelStatus.UNKNOWN
    said = f"The answer speaks of another {words}: the exchange is being asked."
    assert cancel.explanation == said
    assert Order.objects.get().state == OrderState.OPEN
    assert [f"another {words}" in each for each in told()] == [True]
    assert not AuditRecord.objects.filter(event=Event.OUTCOME).exists()
    record = AuditRecord.objects.get(event=Event.ANSWER)
    assert json.loads(record.data)["explanation"] == said


NAME = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


@pytest.mark.parametrize("count", [1, 3], ids=["single", "batch"])
def test_a_client_order_id_is_anothers_where_the_book_says_the_order_has_none(firm, count):
    orders = firm.orders(count)
    results = [{"success": True, "client_order_id": NAME}] * count
    answer(firm, "/orders/cancel", yes(data={"client_order_id": NAME}))
    answer(firm, "/orders/batch", yes(data={"results": results}))
    click(firm, *orders)
    assert set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.UNKNOWN}
    assert [f"another order ({NAME})" in each for each in told()] == [True]
    assert len(open_at_exchange(firm)) == count


@pytest.mark.parametrize(
    "values", [{"trouble": "Could not be read: client_order_id."}, {"client_order_id": NAME}]
)
def test_one_whose_client_order_id_was_not_read_may_have_any(firm, values):
    order = firm.order()
    Order.objects.update(**values)
    answer(firm, "/orders/cancel", yes(data={"client_order_id": NAME}), applied=True)
    click(firm, order)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    assert told() == []


@pytest.mark.parametrize("name", [None, ""])
def test_an_empty_client_order_id_is_believed_of_an_order_that_has_none(firm, name):
    answer(firm, "/orders/cancel", yes(data={"client_order_id": name}), applied=True)
    click(firm, firm.order())
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


@pytest.mark.parametrize(("named", "words"), FOREIGN[:1], ids=str)
@pytest.mark.parametrize(
    ("kind", "route"),
    [(CancelKind.STOP, "/orders/stop/cancel"), (CancelKind.TWAP, "/orders/twap/cancel")],
)
def test_a_stop_and_a_twap_are_too(firm, kind, route, named, words):
    answer(firm, route, yes(**named))
    by_id(firm, kind, 7)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    assert f"another {words}" in Cancel.objects.get().explanation
    assert len(told()) == 1


def test_a_cancel_by_client_order_id_is_held_against_that(firm):
    name = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
    order_id = firm.order(client_order_id=name).order_id
    Order.objects.all().delete()  # as if it were never seen
    answer(firm, "/orders/cancel", yes(data={"client_order_id": name[:-1] + "0"}), times=1)
    by_id(firm, CancelKind.ORDER, None, client_order_id=name)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    assert open_at_exchange(firm) == [order_id]


def test_what_really_happened_is_found_by_asking(firm):
    order = firm.order()
    answer(firm, "/orders/cancel", yes(data={"order_id": 999}), times=1)
    click(firm, order)
    assert settled(firm, after_s=2).status == CancelStatus.UNKNOWN  # still open: ours may yet act
    assert settled(firm, after_s=40).status == CancelStatus.QUEUED
    Cancel.objects.update(not_before_at=None)
    worker.deliver_account(account_id=firm.account.pk)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    assert open_at_exchange(firm) == []
    assert verify.verify().is_whole


def test_where_ours_was_carried_out_the_history_shows_it(firm):
    order = firm.order()
    answer(firm, "/orders/cancel", yes(data={"order_id": 999}), applied=True)
    click(firm, order)
    cancel = settled(firm, after_s=2)
    assert (cancel.status, cancel.proof) == (CancelStatus.CANCELLED, Proof.HISTORY)
    assert verify.verify().is_whole


def test_an_answer_that_names_what_was_asked_is_believed(firm):
    order = firm.order()
    named = {"order_id": str(order.order_id), "symbol": "BTC", "account": firm.account.address}
    answer(firm, "/orders/cancel", yes(data=named | {"new_field": 999}), applied=True)
    click(firm, order)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    assert told() == []


@pytest.mark.parametrize(
    "named", [{"account": THEIRS}, {"data": {"results": [{"success": True, "order_id": 999}] * 3}}]
)
def test_a_batch_is_unknown_as_a_whole(firm, named):
    results = [{"success": True, "order_id": None, "error": None}] * 3
    answer(firm, "/orders/batch", yes(data={"results": results}) | named)
    click(firm, *firm.orders(3))
    assert set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.UNKNOWN}
    assert len(told()) == 1
    assert len(open_at_exchange(firm)) == 3


def test_a_refusal_of_another_question_refuses_nothing(firm):
    body = {"success": False, "error": "Unauthorized", "code": 401, "data": {"order_id": 999}}
    order = firm.order()
    answer(firm, "/orders/cancel", body, status=401)
    click(firm, order)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN


# The alert


def test_the_matter_is_told_once_lasts_an_hour_and_is_over_then(firm, settings, monkeypatch):
    posted = []
    settings.ALERT_WEBHOOK_URL = "http://127.0.0.1:9/"
    monkeypatch.setattr(webhook, "post", posted.append)
    answer(firm, "/orders/cancel", yes(data={"order_id": 999}))
    click(firm, firm.order())
    now = timezone.now()
    for minutes in (0, 1, 59):
        watch.watch(now + timedelta(minutes=minutes))
    about = [(one["kind"], one["state"], one["desk"]) for one in posted if "foreign" in one["kind"]]
    assert about == [("foreign_answer", "raised", "Momentum")]
    watch.watch(now + timedelta(minutes=61))
    foreign = [one["state"] for one in posted if one["kind"] == "foreign_answer"]
    assert foreign == ["raised", "over"]


def test_of_many_such_answers_in_a_job_one_matter_stands(firm):
    answer(firm, "/orders/batch", yes(account=THEIRS))
    click(firm, *firm.orders(25))
    assert len(told()) == 1


# Panics


def pulled(firm, *, timings=QUICK, **about):
    about |= {"user": firm.operator, "actor": firm.actor(), "desk_id": firm.momentum.pk}
    decision.record_panic(**about)
    for line in panic_worker.claim_lines(timezone.now()):
        panic_worker.empty(line, timings=timings)
    return PanicLine.objects.get()


@pytest.mark.usefixtures("panic_of_one_pass")
@pytest.mark.parametrize(
    ("scope", "named", "words"),
    [
        ({}, {"account": THEIRS}, f"account ({THEIRS})"),
        ({}, {"symbol": "ETH"}, "symbol (ETH)"),
        ({"symbol": "BTC"}, {"symbol": "ETH"}, "symbol (ETH)"),
    ],
    ids=str,
)
def test_a_cancel_all_of_another_proves_nothing_and_the_line_says_so(firm, scope, named, words):
    firm.orders(2)
    answer(firm, "/orders/cancel_all", yes(data={"cancelled_count": 2} | named))
    answer(firm, "/orders/batch", {"success": False, "error": "Unauthorized"}, status=401)
    line = pulled(firm, **scope)
    assert f"The answer to cancel-all speaks of another {words}: it proves nothing." in (
        line.explanation
    )
    assert line.cancelled_count is None
    assert len(firm.paper.requests("/orders/cancel_all")) == 1
    assert len(told()) == 1


@pytest.mark.usefixtures("quick_panic")
def test_after_it_the_book_is_emptied_order_by_order(firm):
    firm.orders(2)
    answer(firm, "/orders/cancel_all", yes(data={"cancelled_count": 2, "account": THEIRS}))
    line = pulled(firm)
    assert line.get_status_display() == "Seen empty", line.explanation
    assert open_at_exchange(firm) == []
    assert verify.verify().is_whole


@pytest.mark.usefixtures("quick_panic")
def test_a_strategy_is_cancelled_again_after_an_answer_about_another(firm):
    two_rounds = replace(QUICK, deadline_s=20)  # however slow the machine
    row = {"symbol": "BTC", "side": "bid", "price": "1", "initial_amount": "1"}
    firm.paper.strategy(firm.account.address, orders=[row], replaces_after_ms=0)
    route = "/order_strategies/cancel"
    answer(firm, route, yes(data={"strategy_id": "another"}), times=1)
    line = pulled(firm, timings=two_rounds)
    assert len(firm.paper.requests(route)) == 2, line.explanation
    assert "another strategy (another)" in told()[0]


# Agent wallets and reads


def test_the_test_of_a_wallet_believes_no_list_of_another_account(firm):
    wallet = firm.account.agent_wallets.get()
    listed = {"agent_wallets": [wallet.public_key], "account": THEIRS}
    answer(firm, "/agent/list", yes(data=listed))
    wallet_check.ask_for_test(wallet=wallet, user=firm.head, actor=firm.actor(firm.head))
    wallet_check.probe(wallet_id=wallet.pk)
    wallet = AgentWallet.objects.get(pk=wallet.pk)
    assert wallet.test_outcome == wallet_check.CANNOT_TELL
    assert f"speaks of another account ({THEIRS})" in wallet.test_said
    assert len(told()) == 1


@pytest.mark.parametrize(
    "named", [{"account": THEIRS}, {"data": [{"account": THEIRS, "order_id": 1}]}], ids=str
)
def test_the_book_of_another_account_is_not_read(firm, named):
    order = firm.order()
    answer(firm, "/orders", yes(data=[], last_order_id=9) | named)
    synced = sync.sync_account(account_id=firm.account.pk)
    assert synced.problem == f"the answer speaks of another account ({THEIRS})"
    assert Order.objects.get(pk=order.pk).state == OrderState.OPEN
    assert len(told()) == 1


def test_the_book_of_our_account_may_say_so(firm):
    answer(firm, "/orders", yes(data=[], last_order_id=9, account=firm.account.address))
    assert sync.sync_account(account_id=firm.account.pk).open_orders == 0
    assert told() == []


# Proofs


def proven(record_data, body, event=Event.ANSWER):
    entry = outcome_checks.Entry.__new__(outcome_checks.Entry)
    row = (1, 5, "x", "BTC", 7, None, "", "")
    values = {"event": event, "account_address": "A", "outcome": "", "body_length": 0}
    for name, value in {"values": values, "rows": [row], "data": record_data, "body": body}.items():
        object.__setattr__(entry, name, value)
    return outcome_checks.shown_by(entry)


def test_a_stored_answer_is_judged_by_the_rule_of_its_time():
    body = json.dumps(yes(data={"order_id": 999})).encode()
    old = {"status": 200, "is_whole": True, "url": "http://x/api/v1/orders/cancel"}
    assert proven(old, body) == [5]
    assert proven(old | {"names_compared": True}, body) == []
    ours = json.dumps(yes(data={"order_id": 7})).encode()
    assert proven(old | {"names_compared": True}, ours) == [5]


def test_a_stored_read_of_another_account_shows_nothing():
    row = {"order_id": 7, "order_status": "cancelled"}
    ours, theirs = (json.dumps(yes(data=[row | {"account": one}])).encode() for one in "AB")
    new = {"status": 200, "names_compared": True}
    assert proven(new, ours, Event.READ) == [5]
    assert proven(new, theirs, Event.READ) == []
    assert proven({"status": 200}, theirs, Event.READ) == [5]


def test_an_outcome_that_rests_on_another_orders_yes_is_a_fault(firm, monkeypatch):
    answer(firm, "/orders/cancel", yes(data={"order_id": 999}))
    order = firm.order()
    real = worker.transitions.judge

    def believing(pack, now):
        (end,) = real(pack, now)
        changes = {"status": CancelStatus.CANCELLED, "next_check_at": None, "another": ""}
        return [worker.transitions.Conclusion(**{**vars(end), **changes})]

    monkeypatch.setattr(worker.transitions, "judge", believing)
    click(firm, order)
    assert "without a proof" in verify.verify().faults[0].what
