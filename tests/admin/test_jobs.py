"""A job's page: its acts are POSTs, guarded below, and each says what became of it."""

import uuid

import pytest

from orders.models import AuditRecord, Cancel, CancelJob, CancelStatus, Event, JobStatus
from tests.helpers.screens import click, known_order, page, signed_in, url


@pytest.fixture
def job(firm):
    click(signed_in(firm.operator), known_order(firm.account, 71_000_000_001))
    return CancelJob.objects.get()


def test_stop_and_resume_say_what_became_of_the_cancels(firm, job):
    operator = signed_in(firm.operator)
    operator.post(url("orders_canceljob_stop", job.pk))
    assert Cancel.objects.get().status == CancelStatus.STOPPED
    assert "Stopped: 1 not sent" in page(operator, "orders_canceljob_change", job.pk)
    operator.post(url("orders_canceljob_resume", job.pk))
    assert Cancel.objects.get().status == CancelStatus.QUEUED
    assert "Resumed: 1 waiting to be sent" in page(operator, "orders_canceljob_change", job.pk)


def test_retry_makes_one_linked_job_however_often_it_is_sent(firm, job):
    operator, key = signed_in(firm.operator), str(uuid.uuid4())
    Cancel.objects.update(status=CancelStatus.REFUSED)
    CancelJob.objects.update(status=JobStatus.DONE)
    assert "Retry what was refused" in page(operator, "orders_canceljob_change", job.pk)
    for _ in range(2):
        operator.post(url("orders_canceljob_retry", job.pk), {"request_key": key})
    assert job.retries.count() == 1


@pytest.mark.parametrize("act", ["stop", "resume", "retry"])
def test_acts_on_jobs_need_post_the_right_and_the_desk(firm, job, act):
    address = url(f"orders_canceljob_{act}", job.pk)
    assert signed_in(firm.operator).get(address).status_code == 405
    assert signed_in(firm.viewer).post(address).status_code == 403
    assert signed_in(firm.stranger).post(address).status_code == 404
    assert CancelJob.objects.get().status == JobStatus.RUNNING
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED, operator=firm.viewer).exists()
