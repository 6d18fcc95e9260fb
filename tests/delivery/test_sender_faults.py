"""What the world can do to a sender, one thing at a time."""

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone

from orders import tasks
from orders.cancels import requests
from orders.delivery import worker
from orders.lifecycle import transitions
from orders.management import sweep
from orders.models import AuditRecord, Cancel, CancelStatus, Event
from orders.models.cancels import LEASE
from orders.reconcile import closures, resolve
from tests.faults import checker, clocks
from tests.faults.world import POINTS, World
from tests.helpers.claims import claim

only_sqlite = pytest.mark.skipif(not settings.IS_SQLITE, reason="limits the file of SQLite")


def ask(firm, count=3):
    orders = firm.orders(count)
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[o.pk for o in orders])
    return orders


def findings(firm, orders):
    ledger = firm.paper.ledger()
    evidence = checker.Evidence(
        intents=[(firm.account.pk, order.order_id) for order in orders],
        requests=ledger["requests"],
        effects=ledger["effects"],
        truth=firm.paper.truth(),
        secrets=[firm.account.agent_keypair],
    )
    return list(checker.everything(evidence))


def fill_the_disk(page_count=None):
    """From here on the database cannot grow; or again as far as it likes."""
    with connection.cursor() as cursor:
        if page_count is None:
            cursor.execute("PRAGMA page_count")
            page_count = cursor.fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {page_count}")


@only_sqlite
def test_on_a_full_disk_nothing_is_sent_that_could_not_be_recorded(committing_firm):
    firm = committing_firm
    orders = ask(firm, 60)
    fill_the_disk()
    with pytest.raises(OperationalError, match="full"):
        while Cancel.objects.filter(status=CancelStatus.QUEUED).exists():
            worker.deliver_account(account_id=firm.account.pk)
    sent = {one["body_sha256"] for one in firm.paper.ledger()["requests"] if one["body_sha256"]}
    recorded = set(AuditRecord.objects.filter(event=Event.REQUEST).values_list("body_sha256"))
    assert {(sha,) for sha in sent} <= recorded
    fill_the_disk(2**30)
    Cancel.objects.filter(status=CancelStatus.SENDING).update(lease_until=timezone.now())
    sweep.recover_abandoned(timezone.now() + sweep.GRACE)
    worker.deliver_account(account_id=firm.account.pk)
    assert set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.CANCELLED}
    assert findings(firm, orders) == []


@only_sqlite
def test_on_a_full_disk_an_intent_is_refused_aloud_and_not_half_kept(committing_firm):
    firm = committing_firm
    orders = firm.orders(300)
    fill_the_disk()
    with pytest.raises(OperationalError, match="full"):
        requests.cancel_orders(
            user=firm.operator, actor=firm.actor(), order_ids=[o.pk for o in orders]
        )
    assert not Cancel.objects.exists()


def test_a_message_delivered_five_times_sends_once(firm):
    orders = ask(firm)
    for _ in range(5):
        tasks.deliver(firm.account.pk, True)
        tasks.settle(firm.account.pk)
    assert len(firm.paper.requests("/orders/batch")) == 1
    assert findings(firm, orders) == []


def test_a_sender_frozen_past_its_lease_sends_nothing_when_it_wakes(firm):
    orders = ask(firm, 1)
    chunk = claim(account_id=firm.account.pk, now=timezone.now())
    sweep.recover_abandoned(timezone.now() + LEASE * 2)
    worker.deliver(chunk)
    assert not firm.paper.requests("/orders/cancel")
    worker.deliver_account(account_id=firm.account.pk)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    assert findings(firm, orders) == []


@pytest.mark.parametrize("point", sorted(POINTS))
def test_wherever_a_sender_dies_nothing_is_lost_invented_or_doubled(firm, point):
    world = World(firm)
    world.place(3)
    world.submit(world.order_ids)
    firm.paper.fault("/orders/batch", "apply_then_drop")
    world.deliver(point)
    world.advance(3)
    world.settle(point)
    assert world.findings() == []
    assert world.come_to_rest()
    assert world.findings(is_over=True) == []
    assert {one["order_status"] for one in firm.paper.truth().values()} == {"cancelled"}


def test_the_checker_sees_a_false_cancelled(firm):
    orders = ask(firm, 1)
    Cancel.objects.update(status=CancelStatus.CANCELLED)
    assert any("false cancelled" in finding for finding in findings(firm, orders))


def test_the_checker_sees_a_lost_intent(firm):
    orders = firm.orders(1)
    assert any(finding.startswith("lost") for finding in findings(firm, orders))


def test_the_checker_sees_a_request_without_a_record(firm, monkeypatch):
    orders = ask(firm, 1)
    monkeypatch.setattr(worker, "record_requests", lambda packs, now: packs)
    worker.deliver_account(account_id=firm.account.pk)
    assert any(finding.startswith("unrecorded") for finding in findings(firm, orders))


def test_the_checker_sees_a_request_that_left_twice(firm):
    orders = ask(firm, 1)
    chunk = claim(account_id=firm.account.pk, now=timezone.now())
    pairs, _ = worker.sign(chunk, timezone.now())
    packs = worker.record_requests(worker.packets.packed(pairs), timezone.now())
    for _ in range(2):
        worker.batches.send(packs, timezone.now, lambda: False)
    assert any(finding.startswith("doubled") for finding in findings(firm, orders))


def test_the_checker_sees_an_act_outside_rights(firm, monkeypatch):
    orders = ask(firm, 1)
    firm.operator.memberships.all().delete()
    monkeypatch.setattr(worker, "may_not_send", lambda job, account: "")
    worker.deliver_account(account_id=firm.account.pk)
    assert any(finding.startswith("rights") for finding in findings(firm, orders))


@pytest.mark.parametrize("form", range(7))
def test_the_checker_sees_a_key_in_any_spelling(firm, form):
    orders = ask(firm, 1)
    spelling = checker.forms_of(firm.account.agent_keypair)[form]
    if not spelling.isascii():
        return  # raw bytes are searched for in files and payloads
    Cancel.objects.update(explanation=spelling.decode("ascii")[:400])
    assert any(finding.startswith("key") for finding in findings(firm, orders))


def test_the_checker_sees_a_broken_log(firm):
    from orders.audit import log

    orders = ask(firm, 1)
    log.record(log.Fact(event=Event.OUTCOME, outcome="cancelled", lines=_line(firm)))
    assert any(finding.startswith("log") for finding in findings(firm, orders))
    assert resolve.settle_account(account_id=firm.account.pk) == 0


def _line(firm):
    from orders.audit import log

    return (log.line_of(Cancel.objects.get(), outcome="cancelled"),)


def test_a_late_answer_writes_nothing_into_the_attempt_that_followed(firm):
    orders = ask(firm, 1)
    first = claim(account_id=firm.account.pk, now=timezone.now())
    pairs, _ = worker.sign(first, timezone.now())
    packs = worker.record_requests(worker.packets.packed(pairs), timezone.now())
    worker.batches.send(packs, timezone.now, lambda: False)
    Cancel.objects.update(status=CancelStatus.QUEUED, claim_token=None)
    second = claim(account_id=firm.account.pk, now=timezone.now())
    transitions.conclude(packs, timezone.now())
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.claim_token) == (CancelStatus.SENDING, second[0].claim_token)
    assert orders[0].order_id == cancel.order_id


def test_the_checker_sees_our_own_cancel_called_somebody_elses(firm):
    orders = ask(firm, 1)
    worker.deliver_account(account_id=firm.account.pk)
    assert findings(firm, orders) == []
    Cancel.objects.update(status=CancelStatus.GONE, explanation=closures.BY_SOMEONE_ELSE)
    assert any("closed by our own request" in finding for finding in findings(firm, orders))


def test_the_checker_sees_what_was_sent_called_never_sent(firm):
    orders = ask(firm, 1)
    firm.paper.fault("/orders/cancel", "drop")
    worker.deliver_account(account_id=firm.account.pk)
    Cancel.objects.update(status=CancelStatus.EXPIRED)
    assert any("was sent" in finding for finding in findings(firm, orders))


def test_the_checker_reads_a_record_of_a_clock_that_had_jumped_as_without_the_jump():
    assert clocks.nearest(3_600_500, 600, jumps=(-3600, 3600)) == 500
    assert clocks.nearest(700, 600, jumps=(-3600, 3600)) == 700
