"""An older copy of the database, put back, sends nothing that waited in it and blames nobody."""

import json
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from orders.access.permissions import NotAllowed
from orders.audit import log
from orders.cancels import requests, unresolved
from orders.cancels.bulk import previews
from orders.delivery import expiry, worker
from orders.evidence import checkpoints, verify
from orders.lifecycle import held_back, restored_copy, restored_copy_acceptance
from orders.lifecycle.targets import CannotAsk
from orders.management import sweep
from orders.models import (
    AuditCheckpoint,
    AuditRecord,
    Cancel,
    CancelJob,
    CancelStatus,
    Drift,
    Event,
    PanicLine,
    PanicStatus,
    Restore,
)
from orders.operations.alerts import watch
from orders.operations.errands import background
from orders.panic import actions, decision, exchange_requests
from orders.panic import worker as panic_worker
from orders.reconcile import resolve, sync
from tests.helpers.claims import claim
from tests.helpers.copies import Copy

LATER = timedelta(seconds=40)
STRANGERS = ("someone else", "never sent", "no request of ours")


@pytest.fixture
def firm(committing_firm):
    return committing_firm


@pytest.fixture(autouse=True)
def _unkept(monkeypatch):
    monkeypatch.setattr(restored_copy, "_told", set())


def ask(firm, order):
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])


def posts(firm):
    return [one for one in firm.paper.requests() if one["method"] == "POST"]


def put_back(copy):
    """The lost database had signed a checkpoint of what it did since the copy."""
    checkpoints.make()
    copy.put_back()


def everything(firm):
    """All that sends or settles, one round."""
    account_id = firm.account.pk
    worker.deliver_account(account_id=account_id)
    for line in panic_worker.claim_lines(timezone.now()):
        panic_worker.empty(line)
    for now in (timezone.now(), timezone.now() + LATER):
        sweep.recover_abandoned(now)
        sweep.deliver_urgent(now)
        sweep.deliver_overdue(now)
        Cancel.objects.open_questions().update(next_check_at=now)
        resolve.settle_account(account_id=account_id, clock=lambda now=now: now)
    worker.deliver_account(account_id=account_id)
    expiry.expire_unsent(timezone.now() + timedelta(hours=1))
    sync.sync_account(account_id=account_id)


def says_no_stranger():
    said = [cancel.explanation for cancel in Cancel.objects.all()]
    said += [line.explanation for line in PanicLine.objects.all()]
    said += [drift.said for drift in Drift.objects.all()]
    return not [one for one in said for word in STRANGERS if word in one.lower()]


def queued(firm, order):
    ask(firm, order)
    copy = Copy()
    worker.deliver_account(account_id=firm.account.pk)
    return copy


def claimed(firm, order):
    ask(firm, order)
    chunk = claim(account_id=firm.account.pk, now=timezone.now())
    copy = Copy()
    worker.deliver(chunk)
    return copy


def recorded(firm, order, *, sends_first=False):
    ask(firm, order)
    chunk, copies = claim(account_id=firm.account.pk, now=timezone.now()), []

    @contextmanager
    def while_sending():
        if not sends_first:
            copies.append(Copy())
        yield
        if sends_first:
            copies.append(Copy())

    worker.deliver(chunk, while_sending=while_sending)
    return copies[0]


def sent(firm, order):
    return recorded(firm, order, sends_first=True)


def unknown(firm, order):
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    ask(firm, order)
    worker.deliver_account(account_id=firm.account.pk)
    return Copy()


STAGES = [queued, claimed, recorded, sent, unknown]
at_every_stage = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)


@at_every_stage
def test_a_cancel_of_the_copy_is_not_sent_and_names_no_stranger(firm, stage):
    copy = stage(firm, firm.order())
    log.record(log.Fact(Event.LOGIN))
    put_back(copy)
    before = len(posts(firm))
    everything(firm)
    cancel = Cancel.objects.get()
    assert len(posts(firm)) == before
    assert cancel.status == CancelStatus.CANCELLED
    assert says_no_stranger()
    restored_copy_acceptance.accept(
        user=firm.administrator, actor=firm.actor(firm.administrator), reason="drill"
    )
    checkpoints.make()
    assert verify.verify().faults == []


@pytest.mark.parametrize("stage", STAGES[:-1], ids=lambda stage: stage.__name__)
def test_a_cancel_of_the_copy_whose_order_is_open_waits_for_a_person(firm, stage):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    copy = stage(firm, order)
    put_back(copy)
    before = len(posts(firm))
    everything(firm)
    restored_copy_acceptance.accept(
        user=firm.administrator, actor=firm.actor(firm.administrator), reason="drill"
    )
    everything(firm)
    cancel = Cancel.objects.get()
    assert cancel.status == CancelStatus.UNKNOWN
    assert held_back.WAITED in cancel.explanation
    assert len(posts(firm)) == before
    about = {"user": firm.operator, "actor": firm.actor(), "cancel_ids": [cancel.pk]}
    unresolved.send_again(**about, clock=lambda: timezone.now() + LATER)
    worker.deliver_account(account_id=firm.account.pk)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(seconds=5)])
def test_one_sent_by_a_clock_that_was_ahead_waits_for_a_person_too(firm, ahead):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    copy = sent(firm, order)
    put_back(copy)
    Cancel.objects.update(sent_at=timezone.now() + ahead)
    before = len(posts(firm))
    everything(firm)
    restored_copy_acceptance.accept(
        user=firm.administrator, actor=firm.actor(firm.administrator), reason="drill"
    )
    everything(firm)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    assert len(posts(firm)) == before


def test_what_ended_in_the_copy_stays_as_it_is(firm):
    ask(firm, firm.order())
    worker.deliver_account(account_id=firm.account.pk)
    copy = Copy()
    log.record(log.Fact(Event.LOGIN))
    put_back(copy)
    everything(firm)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    assert Cancel.objects.get().restored_at is None


def waiting(firm, monkeypatch):
    copy = Copy()
    carry()
    return copy


def in_hand(firm, monkeypatch, *, sends_first=False):
    copies, send = [], exchange_requests._sent

    def copied(request, key):
        result = send(request, key) if sends_first else None
        copies.append(Copy())
        return result or send(request, key)

    with monkeypatch.context() as patch:
        patch.setattr(exchange_requests, "_sent", copied)
        carry()
    return copies[0]


def unanswered(firm, monkeypatch):
    return in_hand(firm, monkeypatch, sends_first=True)


def carry():
    for line in panic_worker.claim_lines(timezone.now()):
        panic_worker.empty(line)


@pytest.mark.parametrize("stage", [waiting, in_hand, unanswered], ids=lambda stage: stage.__name__)
def test_a_panic_of_the_copy_takes_no_newer_order(firm, monkeypatch, stage):
    firm.orders(2)
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    copy = stage(firm, monkeypatch)
    put_back(copy)
    newer = firm.paper.orders(firm.account.address, 2)
    before = len(posts(firm))
    everything(firm)
    line = PanicLine.objects.get()
    assert len(posts(firm)) == before
    assert (line.status, line.explanation) == (PanicStatus.NEEDS_YOU, held_back.PANIC_WAITED)
    assert all(firm.paper.truth()[order_id]["is_open"] for order_id in newer)
    restored_copy_acceptance.accept(
        user=firm.administrator, actor=firm.actor(firm.administrator), reason="drill"
    )
    everything(firm)
    assert len(posts(firm)) == before
    checkpoints.make()
    assert verify.verify().faults == []
    actions.close(user=firm.operator, actor=firm.actor(), line_id=line.pk)
    assert CancelJob.objects.get().status == "done"


def behind(firm):
    """A database that is older than its checkpoints, with nothing in it."""
    firm.orders(2)
    copy = Copy()
    log.record(*(log.Fact(Event.LOGIN) for _ in range(5)))
    put_back(copy)


def test_a_new_panic_is_sent_at_once(firm):
    behind(firm)
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    everything(firm)
    assert PanicLine.objects.get().status == PanicStatus.EMPTY


def test_a_new_panic_of_a_process_that_cannot_read_the_file_is_sent_all_the_same(firm, settings):
    behind(firm)
    file, settings.AUDIT_CHECKPOINT_FILE = settings.AUDIT_CHECKPOINT_FILE, "/nowhere/file"
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    settings.AUDIT_CHECKPOINT_FILE = file
    everything(firm)
    assert PanicLine.objects.get().status == PanicStatus.EMPTY


def test_a_new_click_waits_until_an_administrator_accepts(firm):
    behind(firm)
    ask(firm, firm.account.orders.first())
    worker.deliver_account(account_id=firm.account.pk)
    sweep.deliver_urgent(timezone.now() + LATER)
    assert Cancel.objects.get().status == CancelStatus.QUEUED
    assert posts(firm) == []
    restored_copy_acceptance.accept(
        user=firm.administrator, actor=firm.actor(firm.administrator), reason="drill"
    )
    worker.deliver_account(account_id=firm.account.pk)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


def test_a_host_without_the_file_sends_nothing_once_another_has_found_it(firm, settings):
    behind(firm)
    assert restored_copy.is_behind(timezone.now())
    settings.AUDIT_CHECKPOINT_FILE = "/nowhere/file"
    ask(firm, firm.account.orders.first())
    everything(firm)
    assert posts(firm) == []


@pytest.mark.parametrize("ahead_h", [0, 1], ids=["clock right", "clock was an hour ahead"])
def test_a_new_cancel_of_an_order_that_was_cancelled_since_the_copy_names_no_stranger(
    firm, ahead_h
):
    order = firm.order()
    log.record(log.Fact(Event.LOGIN, at=timezone.now() + timedelta(hours=ahead_h)))
    checkpoints.make()
    copy = Copy()
    ask(firm, order)
    worker.deliver_account(account_id=firm.account.pk)
    put_back(copy)
    assert restored_copy.is_behind(timezone.now())
    restored_copy_acceptance.accept(
        user=firm.administrator, actor=firm.actor(firm.administrator), reason="drill"
    )
    ask(firm, order)
    everything(firm)
    cancel = Cancel.objects.get()
    assert cancel.status == CancelStatus.GONE
    assert "cannot be told" in cancel.explanation
    assert says_no_stranger()


def test_only_an_administrator_accepts_and_with_a_reason(firm):
    behind(firm)
    with pytest.raises(NotAllowed):
        restored_copy_acceptance.accept(
            user=firm.head, actor=firm.actor(firm.head), reason="because"
        )
    with pytest.raises(CannotAsk):
        restored_copy_acceptance.accept(
            user=firm.administrator, actor=firm.actor(firm.administrator), reason=" "
        )
    assert restored_copy.is_behind(timezone.now())


def test_verification_says_what_was_lost_and_who_accepted_it(firm):
    behind(firm)
    assert not verify.verify().is_whole
    about = {"user": firm.administrator, "actor": firm.actor(firm.administrator)}
    restored_copy_acceptance.accept(**about, reason="disk of host a failed")
    assert not restored_copy.is_behind(timezone.now())
    report = verify.verify()
    assert report.faults, "nobody signed it yet"
    assert "no checkpoint says so yet" in report.notes[0]
    assert firm.administrator.username in report.notes[0]
    background.checkpoint_due(timezone.now())  # at once, though the last is not a minute old
    report = verify.verify()
    assert report.faults == []
    assert "disk of host a failed" in report.notes[0]
    assert firm.administrator.username in report.notes[0]
    record = AuditRecord.objects.get(event=Event.DATABASE_ACCEPTED)
    assert record.operator_id == firm.administrator.pk
    log.record(log.Fact(Event.LOGIN))
    checkpoints.make()
    assert verify.verify().is_whole
    assert AuditCheckpoint.objects.exclude(lost_at=None).count() == 1


def test_without_an_acceptance_no_checkpoint_is_signed(firm):
    behind(firm)
    with pytest.raises(checkpoints.CannotCheckpoint, match="accept_restored"):
        checkpoints.make()


def test_a_copy_put_back_twice_is_found_twice(firm):
    firm.orders(1)
    copy, again = Copy(), None
    for times in (1, 2):
        log.record(log.Fact(Event.LOGIN))
        checkpoints.make()
        copy.put_back()
        again = copy = Copy()
        assert restored_copy.is_behind(timezone.now())
        about = {"user": firm.administrator, "actor": firm.actor(firm.administrator)}
        restored_copy_acceptance.accept(**about, reason=f"time {times}")
        checkpoints.make()
        assert verify.verify().faults == []
    assert again


def test_a_file_that_was_cut_or_is_missing_holds_nothing_up(firm, settings):
    for _ in range(3):
        log.record(log.Fact(Event.LOGIN))
        checkpoints.make()
    file = Path(settings.AUDIT_CHECKPOINT_FILE)
    lines = file.read_text().splitlines(keepends=True)
    for text in ("".join(lines[:2]), lines[0], "".join(lines)[:-9], "", "no checkpoint\n"):
        file.write_text(text)
        assert not restored_copy.is_behind(timezone.now())
    file.unlink()
    assert not restored_copy.is_behind(timezone.now())


def test_a_checkpoint_that_is_not_sound_does_not_hide_the_one_before_it(firm, settings):
    behind(firm)
    with Path(settings.AUDIT_CHECKPOINT_FILE).open("a") as file:
        file.write("no checkpoint\n")
    assert restored_copy.is_behind(timezone.now())


def test_another_database_than_the_files_says_so(firm, settings):
    other = json.loads(checkpoints.make().line) | {"first": "f" * 64, "count": 10_000}
    other |= {"number": 7, "head": "e" * 64}
    for name in ("signature", "version", "format", "public_key"):
        del other[name]
    line = checkpoints._signed(checkpoints.signing_key(), **other)
    Path(settings.AUDIT_CHECKPOINT_FILE).write_text(f"{line}\n")
    said = restored_copy.words(restored_copy.look(timezone.now()))
    assert "This is not the database of the checkpoint file" in said
    assert "installed anew" in said


def test_people_are_alerted_until_somebody_accepts(firm):
    behind(firm)
    assert ("restored", "") in watch.matters(timezone.now())
    restored_copy_acceptance.accept(
        user=firm.administrator, actor=firm.actor(firm.administrator), reason="drill"
    )
    assert ("restored", "") not in watch.matters(timezone.now())


def test_a_preview_of_the_copy_is_not_confirmed(firm):
    orders = firm.account.orders.all()
    firm.orders(2)
    [preview] = previews.of_orders(user=firm.operator, actor=firm.actor(), orders=orders)
    copy = Copy()
    log.record(log.Fact(Event.LOGIN))
    put_back(copy)
    assert restored_copy.is_behind(timezone.now())
    with pytest.raises(CannotAsk, match="make the preview anew"):
        previews.confirm(user=firm.operator, actor=firm.actor(), preview_id=preview.pk)


def test_the_finding_is_one_however_many_look(firm):
    behind(firm)
    for _ in range(3):
        assert restored_copy.is_behind(timezone.now())
    assert Restore.objects.count() == 1
    assert AuditRecord.objects.filter(event=Event.DATABASE_BEHIND).count() == 1


def test_what_a_panic_did_is_under_a_checkpoint_within_seconds(firm):
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    background.checkpoint_due(timezone.now())
    copy = Copy()
    carry()
    background.checkpoint_due(timezone.now())
    copy.put_back()
    assert restored_copy.is_behind(timezone.now())


def test_a_copy_that_lacks_the_newest_checkpoint_is_older_though_its_records_stand(firm):
    firm.orders(2)
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    copy = Copy()
    checkpoints.make()
    carry()
    copy.put_back()
    before = len(posts(firm))
    everything(firm)
    assert len(posts(firm)) == before
    restored_copy_acceptance.accept(
        user=firm.administrator, actor=firm.actor(firm.administrator), reason="drill"
    )
    checkpoints.make()
    assert verify.verify().faults == []


def test_nothing_is_sent_again_before_somebody_accepts(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    copy = queued(firm, order)
    put_back(copy)
    everything(firm)
    about = {"user": firm.operator, "actor": firm.actor()}
    with pytest.raises(CannotAsk, match="no administrator has accepted"):
        unresolved.send_again(cancel_ids=[Cancel.objects.get().pk], **about)


def test_a_click_that_waited_too_long_for_the_acceptance_expires(firm):
    behind(firm)
    ask(firm, firm.account.orders.first())
    expiry.expire_unsent(timezone.now() + timedelta(seconds=601))
    assert Cancel.objects.get().status == CancelStatus.EXPIRED


def test_people_are_alerted_of_what_is_left_to_decide(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    copy = queued(firm, order)
    put_back(copy)
    assert restored_copy.is_behind(timezone.now())
    told = watch.matters(timezone.now() + timedelta(minutes=2))
    assert ("unresolved", f"job {Cancel.objects.get().job_id}") in told


def test_a_sender_that_looked_before_an_acceptance_does_not_find_the_copy_again_after_it(firm):
    copy = Copy()
    log.record(log.Fact(Event.LOGIN))
    put_back(copy)
    seen = restored_copy.look(timezone.now())
    actor = firm.actor(firm.administrator)
    about = {"user": firm.administrator, "actor": actor, "reason": "drill"}
    assert restored_copy_acceptance.accept(**about).startswith("Accepted")
    ask(firm, firm.order())
    restored_copy._find(seen, timezone.now())
    assert not restored_copy.is_behind(timezone.now())
    assert Restore.objects.get().is_waiting is False
    assert Cancel.objects.get().status == CancelStatus.QUEUED
    assert restored_copy_acceptance.accept(**about).startswith("Nothing to accept")
