"""The screens of open questions and of drift: acts by POST, within rights, on record."""

import pytest
from django.utils.timezone import now

from orders.models import (
    AuditRecord,
    Cancel,
    CancelStatus,
    Event,
    Order,
)
from tests.helpers.screens import click, folded, known_order, page, signed_in, url


@pytest.fixture
def question(firm):
    order = known_order(firm.account, 71_000_000_001)
    click(signed_in(firm.operator), order)
    Cancel.objects.update(
        status=CancelStatus.UNKNOWN, next_check_at=now(), first_sent_at=now(), explanation="Lost."
    )
    return Cancel.objects.get()


def choose(client, screen, what, row):
    data = {"action": what, "_selected_action": [row.pk]}
    return folded(client.post(url(screen), data, follow=True))


@pytest.mark.parametrize(
    ("what", "event", "said"),
    [
        ("check_now", Event.CHECK_ASKED, "1 question being checked now."),
        ("send_again", Event.SENT_AGAIN, "1 question being sent again."),
        ("take", Event.QUESTION_OWNED, "1 question minded by olivia."),
    ],
)
def test_an_operator_acts_on_a_question_and_is_told(firm, question, what, event, said):
    text = choose(signed_in(firm.operator), "orders_cancel_changelist", what, question)
    assert said in text
    assert AuditRecord.objects.get(event=event).operator_name == "olivia"


def test_a_desk_head_closes_a_question_after_saying_why(firm, question):
    head = signed_in(firm.head)
    text = choose(head, "orders_cancel_changelist", "close", question)
    assert "may still be open" in text
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    form = {"ids": str(question.pk), "reason": "seen closed on the exchange's own page"}
    head.post(url("orders_cancel_close"), form)
    assert Cancel.objects.get().status == CancelStatus.CLOSED_BY_OPERATOR


@pytest.mark.parametrize("reason", [" ", "ok"])
def test_closing_without_a_reason_says_so_and_loses_nothing(firm, question, reason):
    form = {"ids": str(question.pk), "list": "job=7", "reason": reason}
    answer = signed_in(firm.head).post(url("orders_cancel_close"), form)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "Say why: the reason is kept with your name." in text
    assert f'name="ids" value="{question.pk}"' in text
    assert f'value="{reason.strip()}" placeholder="How you know' in text
    assert f'href="{url("orders_cancel_changelist")}?job=7"' in text
    assert 'minlength="3"' in text
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN


@pytest.mark.parametrize("who", ["operator", "viewer", "auditor", "stranger", "administrator"])
def test_nobody_else_closes_it(firm, question, who):
    client = signed_in(getattr(firm, who))
    client.post(url("orders_cancel_close"), {"ids": str(question.pk), "reason": "because"})
    choose(client, "orders_cancel_changelist", "close", question)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN


def test_looking_closes_nothing(firm, question):
    text = page(signed_in(firm.head), "orders_cancel_close", ids=question.pk, list="job=7")
    assert "Close 1 question?" in text
    assert f'href="{url("orders_cancel_changelist")}?job=7"' in text
    assert signed_in(firm.head).get(url("orders_cancel_close")).status_code == 302
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN


@pytest.mark.parametrize("who", ["operator", "viewer", "auditor"])
def test_who_may_not_close_is_not_even_asked(firm, question, who):
    address = f"{url('orders_cancel_close')}?ids={question.pk}"
    assert signed_in(getattr(firm, who)).get(address).status_code == 403


def test_a_contradiction_and_its_minder_are_shown(firm, question):
    Cancel.objects.update(has_contradiction=True, owner=firm.head)
    text = page(signed_in(firm.operator), "orders_cancel_changelist")
    assert "contradicted" in text
    assert "hannah" in text


def says_contradicted(text):
    """Whether a page says it of what it shows: the menu's counts bear the word anyway."""
    return "contradicted" in text.replace("&quot;contradicted&quot;", "")


def test_the_order_its_list_and_its_job_say_that_they_were_contradicted(firm, question):
    client, job, order = signed_in(firm.operator), question.job, firm.account.orders.get()
    pages = [
        ("orders_canceljob_change", job.pk),
        ("orders_order_change", order.pk),
        ("orders_order_changelist",),
    ]
    for name in pages:
        assert not says_contradicted(page(client, *name))
    Cancel.objects.update(has_contradiction=True)
    Order.objects.update(has_contradiction=True)
    for name in pages:
        assert says_contradicted(page(client, *name))


def test_a_filter_that_fits_nothing_does_not_say_that_all_is_well(firm, question):
    other, head = firm.new_account("Beta", firm.momentum), signed_in(firm.head)
    well = {
        "orders_cancel_changelist": "every cancel that was sent has a proven outcome",
        "orders_drift_changelist": "open orders and ours agree",
    }
    for name, sentence in well.items():
        text = page(head, name, account=other.pk)
        assert "None fits the filter or the search in use." in text
        assert sentence not in text
    assert well["orders_drift_changelist"] in page(head, "orders_drift_changelist")
