"""A panic on all of a person's desks: one act, a panic for each desk, rights asked on each."""

import uuid

import pytest

from orders.models import AuditRecord, CancelJob, Desk, Event, PanicLine, Role
from tests.helpers.screens import folded, known_order, page, signed_in, url

ALL = "orders_panicline_pull_all"


@pytest.fixture
def head(firm):
    """Somebody who is head of both desks."""
    person = firm.person("hana", firm.momentum, Role.HEAD)
    person.memberships.create(desk=firm.basis, role=Role.HEAD)
    return person


def pull_all(person, *desks, key=None, **fields):
    form = {"desk": [desk.pk for desk in desks], "request_key": str(key or uuid.uuid4())}
    return signed_in(person).post(url(ALL), form | fields)


def test_the_page_names_each_desk_with_what_it_holds_and_pulls_nothing(firm, head):
    known_order(firm.account, 71_000_000_001)
    text = page(signed_in(head), ALL)
    assert "Pull: cancel everything on 2 desks now" in text
    assert firm.momentum.name in text
    assert firm.basis.name in text
    assert not PanicLine.objects.exists()


def test_one_post_is_a_panic_on_each_desk_under_ones_name(firm, head):
    answer = pull_all(head, firm.momentum, firm.basis, reason="the feed is wrong")
    assert answer.url == url("orders_canceljob_changelist")
    jobs = CancelJob.objects.filter(is_panic=True)
    assert {(job.desk, job.operator, job.reason) for job in jobs} == {
        (desk, head, "the feed is wrong") for desk in (firm.momentum, firm.basis)
    }
    assert AuditRecord.objects.filter(event=Event.PANIC).count() == 2
    accounts = {line.account for line in PanicLine.objects.all()}
    assert accounts == {firm.account, firm.foreign_account}


def test_the_same_post_again_is_the_same_panics(firm, head):
    key = uuid.uuid4()
    for _ in range(2):
        pull_all(head, firm.momentum, firm.basis, key=key)
    assert CancelJob.objects.count() == 2


def test_a_desk_that_is_not_ones_own_is_refused_on_the_record_and_holds_up_no_other(firm):
    answer = pull_all(firm.operator, firm.basis, firm.momentum)
    job = CancelJob.objects.get()
    assert job.desk == firm.momentum
    assert answer.url == url("orders_canceljob_change", job.pk)
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 1


def test_a_right_that_went_since_the_page_was_shown_counts(firm):
    Desk.objects.filter(pk=firm.momentum.pk).update(operators_may_panic=False)
    assert pull_all(firm.operator, firm.momentum).status_code == 403
    assert not PanicLine.objects.exists()


@pytest.mark.parametrize("named", [[], ["x"], ["9" * 40], ["-1"]])
def test_a_forged_or_missing_desk_is_refused_in_words(firm, head, named):
    answer = signed_in(head).post(url(ALL), {"desk": named})
    assert answer.status_code == 422
    assert "nothing was pulled" in folded(answer)
    assert not PanicLine.objects.exists()


def test_the_panic_page_leads_there_where_one_has_several_desks(firm, head):
    link = f'href="{url(ALL)}"'
    assert link in page(signed_in(head), "orders_panicline_pull")
    assert link not in page(signed_in(firm.operator), "orders_panicline_pull")
