"""`manage.py panic`: empties books with everything else down, and ends with what is true."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.exchange import client
from orders.models import Account, Cancel, CancelStatus, PanicLine, PanicStatus
from orders.panic import decision, worker
from orders.reconcile import sync


@pytest.fixture(autouse=True)
def _quick(quick_panic):
    """Nothing here waits as long as it would on the desk."""


ASKED = ["panic", "--desk", "Momentum", "--operator", "olivia", "--reason", "all else is down"]


def test_what_could_not_be_sent_is_withdrawn_when_the_command_gives_up(
    committing_firm, run, settings
):
    firm = committing_firm
    firm.orders(1)
    settings.PACIFICA_URL = "http://127.0.0.1:9/api/v1"
    client.client.cache_clear()
    code, out, _ = run(*ASKED, "--wait", "0.5")
    assert code == 1
    assert "Withdrawn by olivia. The orders may be open." in out
    assert worker.claim_lines(timezone.now() + timedelta(hours=1)) == []


def test_leftovers_that_became_unknown_are_settled(committing_firm, run):
    firm = committing_firm
    firm.paper.rules(cancel_all_takes_stops=False)
    firm.orders(1, order_type="stop_limit", stop_price="40000")
    firm.paper.fault("/orders/stop/cancel", "apply_then_drop")
    code, _, _ = run(*ASKED)
    assert code == 0
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


def test_a_book_that_must_wait_holds_up_no_other(committing_firm, run):
    """Alpha is told to slow down for a second; Slow takes three to answer."""
    firm = committing_firm
    slow = firm.new_account("Slow", firm.momentum)
    delay = {"account": slow.address, "delay_ms": 3000}
    firm.paper.fault("/orders/cancel_all", "delay_before", **delay)
    limits = {"status": 429, "headers": {"ratelimit": '"credits";r=0;t=1'}}
    firm.paper.fault("/orders/cancel_all", "status", account=firm.account.address, **limits)
    code, _, _ = run(*ASKED)
    lines = {line.account.name: line for line in PanicLine.objects.select_related("account")}
    assert code == 0
    assert lines["Alpha"].seen_empty_at < lines["Slow"].answered_at


def test_books_that_cannot_be_read_in_do_not_make_an_empty_book_a_failure(
    committing_firm, run, monkeypatch
):
    monkeypatch.setattr(sync, "sync_account", lambda **_: 1 / 0)
    assert run(*ASKED)[0] == 0


def test_json_tells_scripts_the_job_the_status_and_what_was_left(committing_firm, run):
    firm = committing_firm
    firm.paper.rules(cancel_all_takes_stops=False)
    firm.orders(1, order_type="stop_limit", stop_price="40000")
    _, out, _ = run(*ASKED, "--json")
    (row,) = json.loads(out)
    line = PanicLine.objects.get()
    assert (row["job"], row["status"]) == (line.job_id, "empty")
    assert row["leftovers"] == {"cancelled": 1}


def test_deactivated_accounts_are_named(committing_firm, run):
    firm = committing_firm
    idle = firm.new_account("Idle", firm.momentum)
    Account.objects.filter(pk=idle.pk).update(is_active=False)
    code, _, err = run(*ASKED)
    assert code == 0
    assert "Not emptied: Idle is deactivated." in err


def test_a_line_is_left_to_others_when_its_process_must_go(committing_firm):
    firm = committing_firm
    firm.orders(1)
    firm.paper.fault("*", "stale_reads", for_ms=60_000)
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    emptier = worker.PanicWorker()
    emptier.take_due(timezone.now())
    emptier.close(is_hurried=True)
    line = PanicLine.objects.get()
    assert (line.status, line.lease_until) == (PanicStatus.FINISHING, None)
