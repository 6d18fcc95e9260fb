"""The page of alerts: for administrators alone; a test goes out by every way, on the record."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from desk.alert_routes import parse
from orders.models import Alert, AlertKind, AuditRecord, Event
from orders.operations.alerts import ways
from tests.helpers.hook import running_hook

PAGE, TEST = "/admin/orders/alert/", "/admin/orders/alert/test/"


@pytest.fixture
def page(firm, client):
    client.force_login(firm.administrator)
    return client


def said(answer):
    return [str(one) for one in answer.context["messages"]]


def test_it_lists_what_stands_and_what_is_over(page):
    now = timezone.now()
    for minutes, words, over_at in ((1, "It stands.", None), (2, "It is over.", now)):
        at = now - timedelta(minutes=minutes)
        times = {"raised_at": at, "next_tell_at": at, "told_at": at, "over_at": over_at}
        Alert.objects.create(kind=AlertKind.CLOCK, about=words, said=words, **times)
    text = page.get(PAGE).text
    assert text.index("It stands.") < text.index("<h3>Over</h3>") < text.index("It is over.")


def test_where_nothing_is_set_it_says_so_and_offers_no_test(page):
    text = page.get(PAGE).text
    assert "No way of telling people is set" in text and "Send a test alert" not in text
    answer = page.post(TEST, follow=True)
    assert said(answer) == ["No way of telling people is set: nobody was told anything."]


def test_a_test_goes_out_by_every_way_and_what_became_of_each_is_said(page, firm, settings):
    settings.ALERT_EMAILS = ["desk@example.com"]
    with running_hook() as hook, running_hook() as shut:
        settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{hook.server_port}/hush"
        settings.ALERT_ROUTES = parse(f"json://127.0.0.1:{shut.server_port}/hush")
        shut.status = 500
        assert "route 1 (json)" in page.get(PAGE).text
        answer = page.post(TEST, follow=True)
    assert said(answer) == [
        "webhook: taken. See whether it arrived.",
        "mail: taken. See whether it arrived.",
        "route 1 (json): not sent, it was not taken.",
    ]
    assert "hush" not in answer.text
    assert hook.taken[0]["text"] == (
        f"This is a test, asked for by {firm.administrator.username}. Nothing is wrong."
    )
    assert len(mail.outbox) == 1
    record = AuditRecord.objects.get(event=Event.ALERT)
    assert record.operator_name == firm.administrator.username
    assert '"route 1 (json)":"it was not taken"' in record.data


def test_a_way_that_fails_oddly_is_named(page, settings, monkeypatch):
    def refuse(*_):
        raise ValueError("Invalid address: hush")

    monkeypatch.setattr(ways, "send_mail", refuse)
    settings.ALERT_EMAILS = ["ops@example.com;"]
    answer = page.post(TEST, follow=True)
    assert said(answer) == ["mail: not sent, it failed (ValueError)."]


def test_it_names_a_desk_that_is_not_there(page, settings):
    settings.ALERT_ROUTES = parse("desk=Momentums slack://hush")
    text = page.get(PAGE).text
    assert "no desk is named Momentums." in text
    assert "Nobody is told of alerts about" in text and "hush" not in text


def test_nobody_else_sees_it_or_sends_one(firm, client, settings):
    settings.ALERT_EMAILS = ["desk@example.com"]
    for user in (firm.head, firm.operator):
        client.force_login(user)
        assert client.get(PAGE).status_code == 403
        assert client.post(TEST).status_code == 403
    client.force_login(firm.administrator)
    assert client.get(TEST).status_code == 405
    assert mail.outbox == []
