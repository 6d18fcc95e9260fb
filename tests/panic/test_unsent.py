"""A panic that nobody sends, or that needs somebody, is seen until a person acts on it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.cancels import jobs
from orders.management import sweep
from orders.models import Account, Alert, CancelJob, JobStatus, PanicLine, PanicStatus
from orders.operations.alerts import watch
from orders.panic import actions, decision, worker
from tests.helpers.screens import page, signed_in, url


@pytest.fixture
def line(firm):
    """One line that waits; a worker is alive, a sweep is not."""
    sweep.beat("worker", timezone.now())
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    return PanicLine.objects.get()


def waiting_for(seconds):
    PanicLine.objects.update(asked_at=timezone.now() - timedelta(seconds=seconds))


NOBODY = "No sweep is running: 1 account of a panic is not being emptied."


def test_a_panic_that_no_sweep_takes_is_told_on_every_page(firm, line):
    client = signed_in(firm.operator)
    assert NOBODY not in page(client, "orders_order_changelist")
    waiting_for(6)
    assert NOBODY in page(client, "orders_order_changelist")
    assert NOBODY in page(client, "orders_canceljob_change", line.job_id)
    assert NOBODY not in page(signed_in(firm.stranger), "orders_order_changelist")
    worker.claim_lines(timezone.now())
    assert NOBODY not in page(client, "orders_order_changelist")


def test_the_panic_page_says_beforehand_that_no_sweep_runs(firm, line):
    client = signed_in(firm.operator)
    assert "a panic is recorded and not sent" in page(client, "orders_panicline_pull")
    sweep.beat("sweep", timezone.now())
    assert "a panic is recorded and not sent" not in page(client, "orders_panicline_pull")


def told():
    return list(Alert.objects.current().values_list("kind", flat=True))


def test_people_are_told_of_a_panic_that_waits_and_of_one_that_needs_somebody(firm, line):
    watch.watch(timezone.now())
    assert told() == []
    waiting_for(6)
    watch.watch(timezone.now())
    assert told() == ["panic_waiting"]
    PanicLine.objects.update(status=PanicStatus.NEEDS_YOU)
    watch.watch(timezone.now())
    assert told() == ["panic_needs_you"]
    assert "the panic on Alpha was not seen empty" in Alert.objects.current().get().said
    actions.close(user=firm.operator, actor=firm.actor(), line_id=line.pk)
    watch.watch(timezone.now())
    assert told() == []


def test_a_panic_that_needs_somebody_is_not_done_and_stays_in_sight_of_who_may_act(firm, line):
    PanicLine.objects.update(status=PanicStatus.NEEDS_YOU)
    CancelJob.objects.update(status=JobStatus.DONE)
    client, scope = signed_in(firm.operator), CancelJob.objects.get().scope
    assert "needs you" in page(client, "orders_order_changelist")
    assert scope in page(client, "orders_order_changelist")
    assert "Needs you" in page(client, "orders_canceljob_changelist")
    needs = '<span class="dk-status dk-alarm">Needs you: 0 of 1 seen empty</span>'
    assert needs in page(client, "orders_canceljob_change", line.job_id)
    for shown in ("index",), ("orders_account_page", firm.account.pk):
        text = page(client, *shown)
        assert needs in text
        assert ">Done<" not in text
    assert scope not in page(signed_in(firm.viewer), "orders_order_changelist")
    client.post(url("orders_panicline_close", line.pk))
    assert scope not in page(client, "orders_order_changelist")


def test_a_panic_is_not_stopped_like_a_bulk_job(firm, line):
    said = jobs.stop(user=firm.operator, actor=firm.actor(), job_id=line.job_id)
    assert "A panic is not stopped" in said
    assert CancelJob.objects.get().status == JobStatus.RUNNING


def test_what_a_panic_leaves_out_or_takes_along_is_told_beforehand(firm):
    idle = firm.new_account("Idle", firm.momentum)
    Account.objects.filter(pk=idle.pk).update(is_active=False)
    client, about = signed_in(firm.operator), {"desk": firm.momentum.pk}
    assert "Not emptied:</b> Idle: deactivated." in page(client, "orders_panicline_warned", **about)
    text = page(client, "orders_panicline_warned", symbol="BTC", **about)
    assert "a strategy that does not name its symbol too" in text
