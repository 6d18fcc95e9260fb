"""What the exchange refuses in any form, an operator reads with what to do about it; over HTTP."""

import json
from functools import partial

import pytest
from django.utils import timezone

from orders.accounts import wallet_check
from orders.cancels import requests
from orders.delivery import worker
from orders.models import AgentWallet, Cancel, CancelKind, CancelStatus, PanicLine, PanicStatus
from orders.panic import decision
from orders.panic import worker as panic_worker
from orders.reconcile import sync
from tests.helpers.panics import QUICK

HINTS = {
    "Unauthorized": "not bound to this account. Bind it",
    "Agent not authorized for account": "not bound to this account. Bind it",
    "Verification failed": "did not accept the signature",
    "Invalid message": "clock",
    "Account not whitelisted": "IP whitelist",
    "Beta access required": "Redeem a beta code",
}
FORMS = {
    "text": lambda words: (words, "text/plain"),
    "JSON text": lambda words: (json.dumps(words), "application/json"),
    "envelope": lambda words: (envelope(words), "application/json"),
}


def envelope(words):
    return json.dumps({"success": False, "data": None, "error": words, "code": None})


def refuse(firm, route, words, form="text", status=401):
    body, content_type = FORMS[form](words)
    about = {"status": status, "body": body, "content_type": content_type}
    firm.paper.fault(route, "status", times=None, **about)


def click(firm, *orders):
    ids = [order.pk for order in orders]
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)
    worker.deliver_account(account_id=firm.account.pk)


def by_id(firm, kind):
    about = {"account_id": firm.account.pk, "symbol": "BTC", "order_id": 7}
    requests.cancel_by_id(user=firm.operator, actor=firm.actor(), kind=kind, **about)
    worker.deliver_account(account_id=firm.account.pk)


def emptied(firm):
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    for line in panic_worker.claim_lines(timezone.now()):
        panic_worker.empty(line, timings=QUICK)
    return PanicLine.objects.get()


def told_of_cancels():
    assert set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.REFUSED}
    return Cancel.objects.latest("pk").explanation


def single(firm, refused):
    order = firm.order()
    refused("/orders/cancel")
    click(firm, order)
    return told_of_cancels()


def a_kind(kind, route, firm, refused):
    refused(route)
    by_id(firm, kind)
    return told_of_cancels()


def batch(firm, refused):
    orders = firm.orders(3)
    for route in ("/orders/batch", "/orders/cancel"):  # each alone, where one may be the culprit
        refused(route)
    click(firm, *orders)
    worker.deliver_account(account_id=firm.account.pk)
    return told_of_cancels()


def cancel_all(firm, refused):
    firm.orders(2)
    refused("/orders/cancel_all")
    line = emptied(firm)
    assert line.status == PanicStatus.NEEDS_YOU
    return line.explanation


def strategy(firm, refused):
    row = {"symbol": "BTC", "side": "bid", "price": "50000", "initial_amount": "0.5"}
    firm.paper.strategy(firm.account.address, orders=[row], replaces_after_ms=0)
    refused("/order_strategies/cancel")
    return emptied(firm).explanation


def wallet(firm, refused):
    refused("/agent/list")
    wallet = firm.account.agent_wallets.get()
    wallet_check.ask_for_test(wallet=wallet, user=firm.head, actor=firm.actor(firm.head))
    wallet_check.probe(wallet_id=wallet.pk)
    return AgentWallet.objects.get(pk=wallet.pk).test_said


def read(firm, refused):
    refused("/orders")
    return sync.sync_account(account_id=firm.account.pk).problem


PLACES = {
    "cancel": single,
    "stop": partial(a_kind, CancelKind.STOP, "/orders/stop/cancel"),
    "TWAP": partial(a_kind, CancelKind.TWAP, "/orders/twap/cancel"),
    "batch": batch,
    "cancel-all": cancel_all,
    "strategy": strategy,
    "read": read,
}


@pytest.mark.usefixtures("panic_of_one_pass")
@pytest.mark.parametrize(
    ("words", "form", "status"),
    [
        ("Unauthorized", "text", 401),
        ("Unauthorized", "JSON text", 400),
        ("Unauthorized", "envelope", 403),
        ("Verification failed", "JSON text", 401),
        ("Account not whitelisted", "text", 403),
    ],
)
@pytest.mark.parametrize("place", PLACES)
def test_the_operator_reads_what_to_do(firm, place, words, form, status):
    told = PLACES[place](firm, lambda route: refuse(firm, route, words, form, status))
    assert HINTS[words] in told
    assert words in told
    assert "region" not in told


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize(
    ("words", "outcome", "says"),
    [
        ("Unauthorized", wallet_check.NOT_BOUND, "Not bound: bind this agent wallet"),
        ("Verification failed", wallet_check.REFUSED, "Signature refused"),
        ("Beta access required", wallet_check.BETA, "redeem a beta code"),
        ("Account not whitelisted", wallet_check.CANNOT_TELL, "IP whitelist"),
    ],
)
def test_the_test_of_a_wallet_knows_them_too(firm, words, outcome, says, form, status):
    said = wallet(firm, lambda route: refuse(firm, route, words, form, status))
    assert AgentWallet.objects.get(account=firm.account).test_outcome == outcome
    assert says in said


@pytest.mark.parametrize("words", HINTS)
def test_one_item_of_a_batch_is_refused_with_its_hint(firm, words):
    items = [{"success": True}, {"success": False, "order_id": None, "error": words}]
    body = {"success": True, "data": {"results": items}, "error": None, "code": None}
    orders = firm.orders(2)
    firm.paper.fault("/orders/batch", "status", status=200, body=body)
    click(firm, *orders)
    first, second = Cancel.objects.order_by("pk")
    assert (first.status, second.status) == (CancelStatus.CANCELLED, CancelStatus.REFUSED)
    assert HINTS[words] in second.explanation


@pytest.mark.parametrize("words", HINTS)
@pytest.mark.parametrize("is_text", [True, False], ids=["text", "without success"])
def test_words_alone_in_place_of_an_item_refuse_it(firm, words, is_text):
    items = [{"success": True}, words if is_text else {"error": words}]
    body = {"success": True, "data": {"results": items}, "error": None, "code": None}
    orders = firm.orders(2)
    firm.paper.fault("/orders/batch", "status", status=200, body=body)
    click(firm, *orders)
    first, second = Cancel.objects.order_by("pk")
    assert (first.status, second.status) == (CancelStatus.CANCELLED, CancelStatus.REFUSED)
    assert HINTS[words] in second.explanation


@pytest.mark.parametrize(
    "item", ['"cancelled"', '{"error":"Unauthorized","success":true,"success":false}']
)
def test_an_item_that_is_no_clear_refusal_is_unknown(firm, item):
    body = f'{{"success":true,"data":{{"results":[{{"success":true}},{item}]}}}}'
    orders = firm.orders(2)
    firm.paper.fault("/orders/batch", "status", status=200, body=body)
    click(firm, *orders)
    assert Cancel.objects.order_by("pk")[1].status == CancelStatus.UNKNOWN


@pytest.mark.parametrize("form", FORMS)
def test_a_server_in_trouble_refuses_nothing(firm, form):
    order = firm.order()
    refuse(firm, "/orders/cancel", "Unauthorized", form, 503)
    click(firm, order)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN


def test_a_page_that_holds_the_word_refuses_nothing(firm):
    order = firm.order()
    refuse(firm, "/orders/cancel", "<html><h1>401 Unauthorized</h1></html>")
    click(firm, order)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
