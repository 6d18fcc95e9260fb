"""Lists that follow: an open page is told of its rows, of those alone that its person may see."""

import pytest
from django.utils.timezone import now

from orders.models import Cancel, CancelJob, CancelStatus, JobStatus
from tests.helpers.screens import click, known_order, page, signed_in, url

LISTS = ("orders_canceljob", "orders_cancel")


@pytest.fixture
def question(firm):
    click(signed_in(firm.operator), known_order(firm.account, 71_000_000_001))
    Cancel.objects.update(
        status=CancelStatus.UNKNOWN, next_check_at=now(), first_sent_at=now(), explanation="Lost."
    )
    return Cancel.objects.get()


def rows(client, noun, *named, **headers):
    return client.get(url(f"{noun}_rows"), {"row": named}, headers=headers)


def named(noun, question):
    return question.pk if noun == "orders_cancel" else question.job_id


@pytest.mark.parametrize("noun", LISTS)
def test_a_row_that_goes_on_is_marked_and_told_as_the_list_draws_it(firm, question, noun):
    client, pk = signed_in(firm.viewer), named(noun, question)
    row = f'<tr data-row="{pk}" data-goes>'
    assert row in page(client, f"{noun}_changelist")
    answer = rows(client, noun, pk)
    assert answer.headers["Desk-Fragment"]
    assert answer.content.decode().startswith(row)
    assert "action-select" not in answer.content.decode()


def test_a_question_that_was_answered_is_told_with_its_end_though_the_list_has_it_no_more(
    firm, question
):
    Cancel.objects.update(status=CancelStatus.CANCELLED, next_check_at=None)
    text = rows(signed_in(firm.operator), "orders_cancel", question.pk).content.decode()
    assert f'<tr data-row="{question.pk}">' in text
    assert "Cancelled" in text


def test_a_job_that_is_done_is_asked_for_no_more(firm, question):
    CancelJob.objects.update(status=JobStatus.DONE)
    Cancel.objects.update(status=CancelStatus.CANCELLED)
    text = page(signed_in(firm.operator), "orders_canceljob_changelist")
    assert f'<tr data-row="{question.job_id}">' in text
    assert "data-goes" not in text


@pytest.mark.parametrize("noun", LISTS)
def test_nobody_is_told_of_a_foreign_row_or_of_one_not_named(firm, question, noun):
    pk = named(noun, question)
    assert rows(signed_in(firm.stranger), noun, pk).content == b""
    for odd in ("", "x", "-1", "9" * 30, pk + 1):
        assert rows(signed_in(firm.operator), noun, odd).content == b""


@pytest.mark.parametrize("noun", LISTS)
def test_what_is_shown_already_is_not_sent_again(firm, question, noun, monkeypatch):
    monkeypatch.setattr("orders.admin.shared.following_list.HOLDS_S", 10**12)
    client, pk = signed_in(firm.operator), named(noun, question)
    version = rows(client, noun, pk).headers["Desk-Version"]
    assert rows(client, noun, pk, **{"Desk-Version": version}).status_code == 204


@pytest.mark.parametrize("noun", LISTS)
def test_a_page_of_rows_takes_no_more_queries_than_one(
    firm, question, noun, django_assert_max_num_queries
):
    client = signed_in(firm.operator)
    for number in range(2, 6):
        click(client, known_order(firm.account, 71_000_000_000 + number))
    Cancel.objects.update(status=CancelStatus.UNKNOWN, next_check_at=now())
    model = Cancel if noun == "orders_cancel" else CancelJob
    with django_assert_max_num_queries(14):
        answer = rows(client, noun, *model.objects.values_list("pk", flat=True))
    assert answer.content.count(b"<tr ") == 5
