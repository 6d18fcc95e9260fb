"""`manage.py cancel`: needs nothing else running, and its exit code is the truth."""

import json

import pytest
from django.conf import settings
from django.db import connection

from orders.cancels import requests
from orders.models import AuditRecord, Cancel, CancelStatus, Event
from tests.helpers.terminal import process


def cancel(run, firm, *args, **options):
    named = {"operator": "olivia", "account": "Alpha", "symbol": "BTC", "reason": "test"} | options
    flags = [text for name, value in named.items() for text in (f"--{name}", str(value))]
    return run("cancel", *flags, *args)


def test_cancel_needs_nothing_else_running_and_exits_0_once_proven(firm, run):
    orders = firm.orders(3)
    ids = [str(order.order_id) for order in orders]
    code, out, _ = cancel(run, firm, "--order-id", *ids)
    assert code == 0
    assert [line.split(":")[0] for line in out.splitlines()] == [f"BTC bid {one}" for one in ids]
    assert out.count("Cancelled.") == 3
    assert not any(truth["is_open"] for truth in firm.paper.truth(firm.account.address).values())


def test_several_ids_are_one_act_under_the_operators_name(firm, run):
    orders = firm.orders(2)
    cancel(run, firm, "--order-id", *[str(order.order_id) for order in orders], reason="too far")
    asked = AuditRecord.objects.get(event=Event.CANCEL_ASKED)
    assert (asked.operator_name, asked.address) == ("olivia", "(terminal)")
    assert asked.order_rows.count() == 2
    assert asked.job.reason == "too far"
    assert Cancel.objects.filter(job=asked.job).count() == 2


def test_an_order_the_app_never_saw_is_cancelled_by_client_order_id(firm, run):
    name = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
    row = {"symbol": "kBONK", "client_order_id": name}
    [order_id] = firm.paper.orders(firm.account.address, [row])
    address = firm.account.address
    args = ("--client-order-id", name.upper(), "--json")
    code, out, _ = cancel(run, firm, *args, account=address, symbol="kBONK")
    [said] = json.loads(out)
    assert (code, said["status"], said["client_order_id"]) == (0, "cancelled", name)
    assert said["account"] == "Alpha"
    assert said["concluded_at"] > said["first_sent_at"] > said["requested_at"]
    assert not firm.paper.truth()[order_id]["is_open"]


def test_a_single_cancel_does_not_wait_for_the_accounts_bulk(firm, run, settings):
    settings.URGENT_UP_TO = 1
    *many, one = firm.orders(4)
    about = {"user": firm.operator, "actor": firm.actor()}
    bulk = requests.cancel_orders(order_ids=[order.pk for order in many], **about).jobs[0]
    assert cancel(run, firm, "--order-id", str(one.order_id))[0] == 0
    assert set(bulk.cancels.values_list("status", flat=True)) == {CancelStatus.QUEUED}


def test_bulk_asked_for_at_a_terminal_is_delivered_there(firm, run, settings):
    settings.URGENT_UP_TO = 1
    ids = [str(order.order_id) for order in firm.orders(3)]
    assert cancel(run, firm, "--order-id", *ids)[0] == 0


def test_a_foreign_account_of_the_same_name_is_not_in_the_way(firm, run):
    order = firm.order()
    firm.new_account("Alpha", firm.basis)
    code, _, _ = cancel(run, firm, "--order-id", str(order.order_id))
    assert code == 0


def test_a_stop_order_goes_through_its_own_route(firm, run):
    order = firm.order(order_type="stop_limit", stop_price="40000")
    code, _, _ = cancel(run, firm, "--order-id", str(order.order_id), kind="stop")
    assert code == 0
    assert not firm.paper.requests("/orders/cancel")


def test_a_stop_asked_for_as_an_order_is_said_and_cancelled_all_the_same(firm, run):
    order = firm.order(order_type="stop_limit", stop_price="40000")
    code, _, said = cancel(run, firm, "--order-id", str(order.order_id))
    assert (code, "is a stop limit order: sent as order" in said) == (0, True)


def test_an_order_that_filled_first_is_exit_code_1(firm, run):
    order = firm.order()
    firm.paper.fill(order.order_id)
    code, out, _ = cancel(run, firm, "--order-id", str(order.order_id))
    assert (code, "Filled first" in out) == (1, True)


def test_one_that_was_not_cancelled_is_enough_for_exit_code_1(firm, run):
    kept, filled = firm.orders(2)
    firm.paper.fill(filled.order_id)
    code, out, _ = cancel(run, firm, "--order-id", str(kept.order_id), str(filled.order_id))
    assert (code, out.count("Cancelled."), out.count("Filled first.")) == (1, 1, 1)


def test_what_is_not_settled_in_time_is_exit_code_3_and_stays_recorded(firm, run):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop", times=9)
    code, out, _ = cancel(run, firm, "--order-id", str(order.order_id), wait=0)
    assert code == 3
    assert "Cancelled" not in out
    assert Cancel.objects.live().count() == 1


def test_a_cancel_that_another_asked_for_is_waited_for(firm, run):
    order = firm.order()
    requests.cancel_orders(user=firm.head, actor=firm.actor(firm.head), order_ids=[order.pk])
    code, out, _ = cancel(run, firm, "--order-id", str(order.order_id))
    assert (code, out.count("Cancelled.")) == (0, 1)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


CANNOT = {
    "unknown operator": ({"operator": "nobody"}, "no active operator"),
    "role without the right": ({"operator": "victor"}, "no such account"),
    "foreign account": ({"account": "Canary"}, "no such account"),
    "account that is not there": ({"account": "Nowhere"}, "no such account"),
    "no reason": ({"reason": " "}, "Give a reason"),
    "a reason that nobody sees": ({"reason": "\u200b"}, "Give a reason"),
    "wrong case": ({"symbol": "btc"}, "on BTC, not btc"),
    "impossible symbol": ({"symbol": "B TC"}, "Write the symbol"),
}


@pytest.mark.parametrize("what", CANNOT)
def test_what_may_not_be_asked_is_one_sentence_exit_code_2_and_no_cancel(firm, run, what):
    order = firm.order()
    options, sentence = CANNOT[what]
    code, out, said = cancel(run, firm, "--order-id", str(order.order_id), **options)
    assert (code, out) == (2, "")
    assert sentence in said
    assert not Cancel.objects.exists()


@pytest.mark.parametrize("ids", [["--order-id", "0"], ["--client-order-id", "abc"]])
def test_an_impossible_id_is_named(firm, run, ids):
    code, _, said = cancel(run, firm, *ids)
    assert (code, " id is " in said) == (2, True)


def test_one_bad_id_stops_the_whole_act(firm, run):
    order = firm.order()
    code, _, _ = cancel(run, firm, "--order-id", str(order.order_id), str(2**53 + 1))
    assert (code, Cancel.objects.count()) == (2, 0)


def test_a_stranger_who_tries_is_recorded(firm, run):
    cancel(run, firm, "--order-id", "5", account="Canary")
    record = AuditRecord.objects.get(event=Event.ACT_REFUSED)
    assert (record.operator_name, record.address) == ("olivia", "(terminal)")


def test_a_terminal_that_cannot_open_keys_asks_nothing(firm, run, settings):
    settings.AGENT_KEY_OPENING_KEYS = ""
    code, _, said = cancel(run, firm, "--order-id", "5")
    assert code == 2
    assert "AGENT_KEY" in said
    assert not Cancel.objects.exists()


@pytest.mark.thorough
def test_a_terminal_cancels_with_web_worker_sweep_and_broker_all_down(committing_firm, paper):
    order = committing_firm.order()
    name = connection.settings_dict["NAME"]
    done = process(
        *("cancel", "--operator", "olivia", "--account", "Alpha", "--symbol", "BTC"),
        *("--order-id", str(order.order_id), "--reason", "everything is down", "--json"),
        DATABASE_URL=f"sqlite:///{name}" if settings.IS_SQLITE else replaced_name(name),
        PACIFICA_PAPER_URL=paper.url,
        CELERY_BROKER_URL="redis://127.0.0.1:1/0",
        AGENT_KEY_OPENING_KEYS=settings.AGENT_KEY_OPENING_KEYS,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["status"] == "cancelled"
    assert not paper.truth()[order.order_id]["is_open"]


def replaced_name(name):
    """The address of a database beside the configured one."""
    return settings.DATABASE_URL.rpartition("/")[0] + f"/{name}"
