"""`manage.py panic`: empties books with everything else down, and ends with what is true."""

import json
import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.exchange import client
from orders.management.commands import panic
from orders.models import Account, Cancel, CancelStatus, PanicLine, PanicStatus
from orders.panic import decision, exchange_requests, readback, worker
from orders.reconcile import sync
from tests.helpers.panics import QUICK


@pytest.fixture(autouse=True)
def _quick(quick_panic):
    """Nothing here waits as long as it would on the desk."""


ASKED = ["--desk", "Momentum", "--operator", "olivia", "--reason", "all else is down"]


def panicked(run, *options):
    """Run the command with quick timings."""
    return run(panic.Command(timings=QUICK), *ASKED, *options)


def test_what_could_not_be_sent_is_withdrawn_when_the_command_gives_up(
    committing_firm, run, settings
):
    firm = committing_firm
    firm.orders(1)
    settings.PACIFICA_URL = "http://127.0.0.1:9/api/v1"
    client.forget()
    code, out, _ = panicked(run, "--wait", "0.5")
    assert code == 1
    assert "Withdrawn by olivia. The orders may be open." in out
    assert worker.claim_lines(timezone.now() + timedelta(hours=1)) == []


def test_leftovers_that_became_unknown_are_settled(committing_firm, run):
    firm = committing_firm
    firm.paper.rules(cancel_all_takes_stops=False)
    firm.orders(1, order_type="stop_limit", stop_price="40000")
    firm.paper.fault("/orders/stop/cancel", "apply_then_drop")
    code, _, _ = panicked(run)
    assert code == 0
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


def test_a_book_that_must_wait_holds_up_no_other(committing_firm, run, monkeypatch):
    """Alpha is told to slow down for a second; Slow answers when Alpha was seen empty."""
    firm, is_alpha_empty = committing_firm, threading.Event()
    slow = firm.new_account("Slow", firm.momentum)
    limits = {"status": 429, "headers": {"ratelimit": '"credits";r=0;t=1'}}
    firm.paper.fault("/orders/cancel_all", "status", account=firm.account.address, **limits)
    really_send, really_empty = exchange_requests._sent, readback.record_empty

    def send(request, *given):
        if slow.address.encode() in request.body and "cancel_all" in request.route:
            assert is_alpha_empty.wait(60), "Alpha waits for Slow"
        return really_send(request, *given)

    def record_empty(line, *given):
        really_empty(line, *given)
        if line.account_id == firm.account.pk:
            is_alpha_empty.set()

    monkeypatch.setattr(exchange_requests, "_sent", send)
    monkeypatch.setattr(readback, "record_empty", record_empty)
    code, _, _ = panicked(run)
    lines = {line.account.name: line for line in PanicLine.objects.select_related("account")}
    assert code == 0
    assert lines["Alpha"].seen_empty_at < lines["Slow"].answered_at


def test_books_that_cannot_be_read_in_do_not_make_an_empty_book_a_failure(
    committing_firm, run, monkeypatch
):
    monkeypatch.setattr(sync, "sync_account", lambda **_: 1 / 0)
    assert panicked(run)[0] == 0


def test_json_tells_scripts_the_job_the_status_and_what_was_left(committing_firm, run):
    firm = committing_firm
    firm.paper.rules(cancel_all_takes_stops=False)
    firm.orders(1, order_type="stop_limit", stop_price="40000")
    _, out, _ = panicked(run, "--json")
    (row,) = json.loads(out)
    line = PanicLine.objects.get()
    assert (row["job"], row["status"]) == (line.job_id, "empty")
    assert row["leftovers"] == {"cancelled": 1}


def test_deactivated_accounts_are_named(committing_firm, run):
    firm = committing_firm
    idle = firm.new_account("Idle", firm.momentum)
    Account.objects.filter(pk=idle.pk).update(is_active=False)
    code, _, err = panicked(run)
    assert code == 0
    assert "Not emptied: Idle is deactivated." in err


def test_a_line_is_left_to_others_when_its_process_must_go(committing_firm):
    firm = committing_firm
    firm.orders(1)
    firm.paper.fault("*", "stale_reads", for_ms=60_000)
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    emptier = worker.PanicWorker(timings=QUICK)
    emptier.take_due(timezone.now())
    emptier.close(is_hurried=True)
    line = PanicLine.objects.get()
    assert (line.status, line.lease_until) == (PanicStatus.FINISHING, None)
