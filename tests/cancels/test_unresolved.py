"""Open questions: what a person may do about one, each on the record."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.access.permissions import NotAllowed
from orders.cancels import jobs, unresolved
from orders.delivery import worker
from orders.lifecycle.targets import CannotAsk
from orders.models import AuditRecord, Cancel, CancelJob, CancelStatus, Event, JobStatus
from orders.reconcile import resolve
from tests.reconcile.test_resolve import CLIENT_ORDER_ID, ask_and_deliver, by_id


@pytest.fixture
def question(firm):
    """A cancel whose request was lost."""
    firm.paper.fault("/orders/cancel", "drop")
    return ask_and_deliver(firm, firm.order())


def later(seconds):
    return lambda: timezone.now() + timedelta(seconds=seconds)


def act(firm, what, question, user=None, **options):
    user = user or firm.operator
    return what(user=user, actor=firm.actor(user), cancel_ids=[question.pk], **options)


def test_check_now_makes_it_due_at_once(firm, question):
    Cancel.objects.update(next_check_at=timezone.now() + timedelta(hours=1))
    act(firm, unresolved.check_now, question)
    assert resolve.settle_account(account_id=firm.account.pk) == 1
    assert AuditRecord.objects.get(event=Event.CHECK_ASKED).operator_name == "olivia"


def test_it_is_not_sent_again_while_the_last_request_may_act(firm, question):
    with pytest.raises(CannotAsk, match="may still act"):
        act(firm, unresolved.send_again, question)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN


def test_it_is_not_sent_again_while_its_job_is_stopped(firm, question):
    """No sender would take it, and nobody would look at it again."""
    about = {"user": firm.operator, "actor": firm.actor(), "job_id": question.job_id}
    jobs.stop(**about)
    with pytest.raises(CannotAsk, match="was stopped: resume it"):
        act(firm, unresolved.send_again, question, clock=later(8))
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    jobs.resume(**about)
    act(firm, unresolved.send_again, question, clock=later(8))
    worker.deliver_account(account_id=firm.account.pk)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


def test_send_again_makes_a_fresh_attempt_on_record(firm, question):
    act(firm, unresolved.send_again, question, clock=later(8))
    worker.deliver_account(account_id=firm.account.pk)
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.attempt) == (CancelStatus.CANCELLED, 2)
    assert AuditRecord.objects.filter(event=Event.SENT_AGAIN).count() == 1


def test_a_client_order_id_alone_is_not_sent_again(firm):
    firm.paper.orders(firm.account.address, [{"client_order_id": CLIENT_ORDER_ID}])
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    cancel = by_id(firm, client_order_id=CLIENT_ORDER_ID)
    with pytest.raises(CannotAsk, match="client order id"):
        act(firm, unresolved.send_again, cancel, clock=later(60))


def test_closed_by_a_desk_head_with_a_reason_and_never_as_cancelled(firm, question):
    act(firm, unresolved.close, question, firm.head, reason="checked by phone")
    cancel = Cancel.objects.get()
    assert cancel.status == CancelStatus.CLOSED_BY_OPERATOR
    assert cancel.explanation == "Closed by hannah: checked by phone"
    assert CancelJob.objects.get().status == JobStatus.DONE
    record = AuditRecord.objects.get(event=Event.QUESTION_CLOSED)
    assert (record.operator_name, record.outcome) == ("hannah", "closed_by_operator")
    assert not AuditRecord.objects.filter(outcome="cancelled").exists()


def test_closing_takes_a_reason(firm, question):
    with pytest.raises(CannotAsk):
        act(firm, unresolved.close, question, firm.head, reason="  ")
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN


@pytest.mark.parametrize("who", ["operator", "viewer", "auditor", "stranger", "administrator"])
def test_only_a_desk_head_closes_and_a_refusal_is_recorded(firm, question, who):
    with pytest.raises(NotAllowed):
        act(firm, unresolved.close, question, getattr(firm, who), reason="enough")
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 1


@pytest.mark.parametrize("what", ["check_now", "send_again", "assign_owner"])
@pytest.mark.parametrize("who", ["viewer", "auditor", "stranger"])
def test_only_those_who_may_cancel_there_act_on_a_question(firm, question, what, who):
    with pytest.raises(NotAllowed):
        act(firm, getattr(unresolved, what), question, getattr(firm, who))


@pytest.mark.parametrize("what", ["check_now", "send_again", "close", "assign_owner"])
def test_what_was_settled_meanwhile_stays_settled(firm, question, what):
    Cancel.objects.update(status=CancelStatus.CANCELLED, concluded_at=timezone.now())
    options = {"reason": "enough"} if what == "close" else {}
    with pytest.raises(NotAllowed):
        act(firm, getattr(unresolved, what), question, firm.head, **options)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


def test_a_question_is_taken_by_name(firm, question):
    act(firm, unresolved.assign_owner, question)
    assert Cancel.objects.get().owner == firm.operator
    assert AuditRecord.objects.filter(event=Event.QUESTION_OWNED).count() == 1


def test_a_desk_head_gives_it_to_someone_of_the_desk_only(firm, question):
    act(firm, unresolved.assign_owner, question, firm.head, owner_id=firm.operator.pk)
    assert Cancel.objects.get().owner == firm.operator
    with pytest.raises(CannotAsk):
        act(firm, unresolved.assign_owner, question, firm.head, owner_id=firm.stranger.pk)
    with pytest.raises(NotAllowed):
        act(firm, unresolved.assign_owner, question, firm.operator, owner_id=firm.head.pk)


def test_every_act_on_a_question_reads_as_a_sentence_in_the_log(firm, question):
    from orders.audit import sentences

    act(firm, unresolved.check_now, question)
    act(firm, unresolved.assign_owner, question)
    act(firm, unresolved.send_again, question, clock=later(8))
    Cancel.objects.update(status=CancelStatus.UNKNOWN, next_check_at=timezone.now())
    act(firm, unresolved.close, question, firm.head, reason="seen by phone")
    events = [Event.CHECK_ASKED, Event.QUESTION_OWNED, Event.SENT_AGAIN, Event.QUESTION_CLOSED]
    records = AuditRecord.objects.filter(event__in=events).order_by("pk")
    assert [sentences.of_record(record) for record in records] == [
        "olivia had an order checked at once.",
        "olivia made olivia mind the open question of an order.",
        "olivia had the cancel of an order sent again.",
        "hannah closed the question of an order: “seen by phone”",
    ]
