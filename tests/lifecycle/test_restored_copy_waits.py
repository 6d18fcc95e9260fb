"""To accept a restored copy waits for a second person where the rule is on; what stops does not."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from orders.access.four_eyes import NoLonger, Waits
from orders.access.permissions import NotAllowed
from orders.audit import log
from orders.cancels import requests
from orders.delivery import worker
from orders.evidence import checkpoints
from orders.lifecycle import restored_copy, restored_copy_acceptance
from orders.models import (
    AuditRecord,
    Cancel,
    CancelStatus,
    Event,
    PanicLine,
    PanicStatus,
    Proposal,
    ProposalKind,
    Restore,
)
from orders.panic import decision
from orders.panic import worker as panic_worker
from tests.helpers.copies import Copy
from tests.helpers.proposals import approve, decline, second_person, with_second_person
from tests.helpers.screens import page, signed_in, url


@pytest.fixture
def strict(committing_firm, monkeypatch):
    """A firm that asks for a second person, whose database is older than its checkpoints."""
    monkeypatch.setattr(restored_copy, "_told", set())
    firm = committing_firm
    with_second_person(firm.momentum)
    firm.second = second_person(firm)
    firm.order_held, _ = firm.orders(2)
    copy = Copy()
    lose_records(copy)
    return firm


def lose_records(copy):
    """What was recorded and signed since the copy is lost with the copy put back."""
    log.record(*(log.Fact(Event.LOGIN) for _ in range(3)))
    checkpoints.make()
    copy.put_back()


def asked(firm, reason="disk failed"):
    """The proposal to accept it, of the administrator."""
    actor = firm.actor(firm.administrator)
    with pytest.raises(Waits) as waits:
        restored_copy_acceptance.accept(user=firm.administrator, actor=actor, reason=reason)
    return waits.value.proposal


def is_held():
    return restored_copy.is_behind(timezone.now())


def status_of(proposal):
    return Proposal.objects.get(pk=proposal.pk).status


def test_it_waits_until_another_administrator_approves_it(strict):
    proposal = asked(strict)
    assert (proposal.kind, proposal.desk) == (ProposalKind.RESTORED, None)
    assert is_held()
    assert not AuditRecord.objects.filter(event=Event.DATABASE_ACCEPTED).exists()
    assert approve(strict, proposal, strict.second).startswith("Accepted")
    assert not is_held()
    record = AuditRecord.objects.get(event=Event.DATABASE_ACCEPTED)
    assert (record.operator, '"disk failed"' in record.data) == (strict.second, True)
    assert Restore.objects.get().reason == "disk failed"


def test_where_no_desk_asks_for_it_nothing_waits(strict):
    strict.momentum.needs_second_person = False
    strict.momentum.save()
    actor = strict.actor(strict.administrator)
    restored_copy_acceptance.accept(user=strict.administrator, actor=actor, reason="disk failed")
    assert not is_held() and not Proposal.objects.exists()


def test_it_waits_on_the_page_and_in_the_terminal(strict):
    client = signed_in(strict.administrator)
    form = {"reason": "disk failed"}
    said = client.post(url("orders_restore_accept"), form, follow=True).content.decode()
    assert "waits for a second person" in said
    with pytest.raises(CommandError) as refused:
        name = strict.administrator.username
        call_command("accept_restored", operator=name, reason="disk failed", stdout=io.StringIO())
    assert refused.value.returncode == 3
    assert Proposal.objects.waiting().count() == 1, "the same is not asked twice"
    assert is_held()
    assert "Accept this database" in page(client, "orders_restore_changelist")


@pytest.mark.parametrize("who", ["head", "operator", "auditor", "administrator"])
def test_nobody_else_decides_it(strict, who):
    proposal, person = asked(strict), getattr(strict, who)
    for decide in (approve, decline):
        with pytest.raises(NotAllowed):
            decide(strict, proposal, person)
    assert status_of(proposal) == "waiting" and is_held()


def test_a_declined_one_stays_held(strict):
    proposal = asked(strict)
    decline(strict, proposal, strict.second)
    with pytest.raises(NoLonger):
        approve(strict, proposal, strict.second)
    assert is_held()


def test_it_is_bound_to_its_reason(strict):
    proposal = asked(strict)
    content = '{"reason":"all is well"}'
    Proposal.objects.filter(pk=proposal.pk).update(content=content)
    with pytest.raises(NoLonger, match="content"):
        approve(strict, proposal, strict.second)
    assert status_of(proposal) == "void" and is_held()


@pytest.mark.parametrize(
    "change", [{"number": 99}, {"count": 9_999}, {"line_hash": "0" * 64}, {"tip": 1}]
)
def test_it_is_void_once_more_is_known_to_be_lost(strict, change):
    proposal = asked(strict)
    Restore.objects.update(**change)
    with pytest.raises(NoLonger, match="has changed"):
        approve(strict, proposal, strict.second)
    assert status_of(proposal) == "void" and is_held()


def test_a_newer_checkpoint_that_no_sender_has_looked_at_voids_it(strict, settings):
    """The file tells of more that was lost, and nobody looked since it was asked."""
    proposal = asked(strict)
    sign_further(Path(settings.AUDIT_CHECKPOINT_FILE))
    with pytest.raises(NoLonger, match="has changed"):
        approve(strict, proposal, strict.second)
    assert status_of(proposal) == "void" and is_held()
    assert approve(strict, asked(strict), strict.second).startswith("Accepted")
    assert not is_held()


def sign_further(file):
    """Add a checkpoint of what the lost database recorded later still."""
    newest = json.loads(file.read_text().splitlines()[-1])
    for name in ("signature", "version", "format", "public_key"):
        del newest[name]
    later = newest | {"number": newest["number"] + 1, "count": newest["count"] + 50}
    later["head"] = "e" * 64
    with file.open("a") as lines:
        lines.write(checkpoints._signed(checkpoints.signing_key(), **later) + "\n")


def test_what_a_sender_finds_while_it_is_approved_voids_it(strict, monkeypatch):
    """Between the check of the state and the lock, another process finds more."""
    proposal, hold = asked(strict), restored_copy.hold

    def find_more():
        Restore.objects.update(number=99)
        hold()

    monkeypatch.setattr(restored_copy, "hold", find_more)
    with pytest.raises(NoLonger, match="lost has changed"):
        approve(strict, proposal, strict.second)
    monkeypatch.setattr(restored_copy, "hold", hold)
    assert status_of(proposal) == "void" and is_held()


def test_it_is_void_once_one_administrator_has_accepted_it_alone(strict):
    proposal = asked(strict)
    strict.momentum.needs_second_person = False
    strict.momentum.save()
    actor = strict.actor(strict.administrator)
    restored_copy_acceptance.accept(user=strict.administrator, actor=actor, reason="at once")
    with pytest.raises(NoLonger):
        approve(strict, proposal, strict.second)
    assert status_of(proposal) == "void"
    assert Restore.objects.get().reason == "at once"


def test_an_approval_of_one_copy_does_not_serve_for_the_next(strict):
    asked_before = asked(strict)
    copy = Copy()
    approve(strict, asked_before, strict.second)
    checkpoints.make()
    lose_records(copy)
    assert is_held()
    with pytest.raises(NoLonger):  # it waits again, in the copy that was taken before
        approve(strict, asked_before, strict.second)
    assert is_held()


def test_a_panic_is_sent_at_once_while_it_waits(strict):
    asked(strict)
    about = {"user": strict.operator, "actor": strict.actor(), "desk_id": strict.momentum.pk}
    decision.record_panic(**about)
    for line in panic_worker.claim_lines(timezone.now()):
        panic_worker.empty(line)
    assert PanicLine.objects.get().status == PanicStatus.EMPTY
    assert Proposal.objects.count() == 1, "nothing but the acceptance waits"
    assert is_held()


def test_a_cancel_waits_for_nobody_and_is_sent_once_it_is_accepted(strict):
    proposal = asked(strict)
    about = {"user": strict.operator, "actor": strict.actor()}
    requests.cancel_orders(order_ids=[strict.order_held.pk], **about)
    assert Cancel.objects.get().status == CancelStatus.QUEUED, "recorded at the click"
    assert Proposal.objects.count() == 1, "nothing but the acceptance waits"
    worker.deliver_account(account_id=strict.account.pk)
    assert Cancel.objects.get().status == CancelStatus.QUEUED
    approve(strict, proposal, strict.second)
    worker.deliver_account(account_id=strict.account.pk)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
