"""Who loses the right while requests go out: nothing more is signed or sent from then on."""

import pytest
from django.contrib.auth import get_user_model
from django.utils.timezone import now

from orders.cancels import requests
from orders.delivery import send_permission, worker
from orders.models import (
    Account,
    AuditRecord,
    Cancel,
    CancelStatus,
    Desk,
    Event,
    Membership,
    PanicLine,
    Role,
)
from orders.panic import decision, open_orders
from orders.panic import worker as panic_worker

pytestmark = pytest.mark.django_db

LOSSES = {
    "their account": lambda firm: (
        get_user_model().objects.filter(pk=firm.operator.pk).update(is_active=False)
    ),
    "their place on the desk": lambda firm: Membership.objects.filter(user=firm.operator).delete(),
    "their role": lambda firm: Membership.objects.filter(user=firm.operator).update(
        role=Role.VIEWER
    ),
    "the account": lambda firm: Account.objects.filter(pk=firm.account.pk).update(is_active=False),
    "the desk": lambda firm: Desk.objects.filter(pk=firm.momentum.pk).update(is_active=False),
    "the account to another desk": lambda firm: Account.objects.filter(pk=firm.account.pk).update(
        desk=firm.basis
    ),
}
losses = pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)


def losing_at_look(monkeypatch, firm, lose, number):
    """The right is lost right before a sender looks for the so-many-th time whether to go on."""
    must_halt, looks = send_permission.must_halt, []

    def look(job_id, wallet):
        looks.append(job_id)
        if len(looks) == number:
            lose(firm)
        return must_halt(job_id, wallet)

    monkeypatch.setattr(worker, "must_halt", look)


def ask(firm, count):
    ids = [order.pk for order in firm.orders(count)]
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)


@losses
def test_what_was_signed_and_has_not_left_stays(firm, monkeypatch, lose):
    ask(firm, 200)
    losing_at_look(monkeypatch, firm, lose, 3)
    worker.deliver_account(account_id=firm.account.pk)
    sent = len(firm.paper.requests("/orders/batch"))
    assert sent <= 2  # either may still have waited for its thread
    left = Cancel.objects.exclude(status=CancelStatus.CANCELLED)
    assert left.count() == 200 - 10 * sent
    assert set(left.values_list("status", flat=True)) <= {"refused", "queued"}


@losses
def test_what_was_not_signed_yet_never_is(firm, lose):
    ask(firm, 15)
    lose(firm)
    worker.deliver_account(account_id=firm.account.pk)
    assert not AuditRecord.objects.filter(event=Event.REQUEST).exists()
    assert set(Cancel.objects.values_list("status", flat=True)) == {"refused"}
    assert "Not sent: " in Cancel.objects.first().explanation


def look_first(monkeypatch, then):
    """Something happens once a panic has read the book for the first time."""
    look, looks = open_orders.read_everything_open, []

    def looking(line, reader):
        found = look(line, reader)
        if not looks:
            then()
        looks.append(found)
        return found

    monkeypatch.setattr(open_orders, "read_everything_open", looking)


@losses
def test_a_panic_signs_nothing_for_what_its_cancel_all_left(firm, monkeypatch, lose):
    firm.paper.rules(cancel_all_takes_stops=False)
    firm.orders(3, order_type="stop_limit", stop_price="40000")
    decision.record_panic(desk_id=firm.momentum.pk, user=firm.operator, actor=firm.actor())
    look_first(monkeypatch, lambda: lose(firm))
    (line,) = panic_worker.claim_lines(now())
    panic_worker.empty(line)
    assert AuditRecord.objects.filter(event=Event.REQUEST).count() == 1  # the cancel-all
    line = PanicLine.objects.get()
    assert line.status == "needs_you"
    assert "Not sent: " in line.explanation
    assert line.explanation.endswith("3 still listed.")


@losses
def test_a_panic_that_nobody_may_pull_any_more_sends_no_cancel_all(firm, lose):
    decision.record_panic(desk_id=firm.momentum.pk, user=firm.operator, actor=firm.actor())
    lose(firm)
    (line,) = panic_worker.claim_lines(now())
    panic_worker.empty(line)
    assert not AuditRecord.objects.filter(event=Event.REQUEST).exists()
    assert PanicLine.objects.get().status == "needs_you"
