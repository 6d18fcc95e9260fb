"""A page that asks for what it shows already is sent nothing, and is sent whatever changed."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.admin.jobs.job_pages import TIMES_HOLD_S
from orders.audit import log
from orders.models import Cancel, CancelJob, Event, Sender
from tests.helpers.screens import click, known_order, signed_in, url

pytestmark = pytest.mark.django_db


def asked(client, address, version=None):
    headers = {"Sec-Fetch-Mode": "cors"} | ({"Desk-Version": version} if version else {})
    return client.get(address, headers=headers)


NOW = timezone.now()


def stand_still(monkeypatch, *, after_s=0):
    """Let it be one moment, for all that asks."""
    monkeypatch.setattr(timezone, "now", lambda: NOW + timedelta(seconds=after_s))


def addresses(firm):
    """The parts that pages ask for by themselves."""
    client = signed_in(firm.operator)
    order = known_order(firm.account, 71_000_000_001)
    click(client, order)
    job = CancelJob.objects.get()
    return client, [
        f"{url('orders_order_cells')}?order={order.pk}",
        url("orders_canceljob_running"),
        url("orders_canceljob_progress", job.pk),
    ]


def test_a_part_is_sent_once_and_again_after_any_record(firm, monkeypatch):
    stand_still(monkeypatch)
    client, parts = addresses(firm)
    for address in parts:
        first = asked(client, address)
        version = first.headers["Desk-Version"]
        again = asked(client, address, version)
        assert (again.status_code, again.content) == (204, b"")
        log.record(log.Fact(Event.SYNC, account=firm.account))
        changed = asked(client, address, version)
        assert changed.content
        assert changed.headers["Desk-Version"] != version


def test_a_sender_that_falls_silent_changes_the_frame_though_nothing_was_recorded(firm):
    client, now = signed_in(firm.operator), timezone.now()
    sender = Sender.objects.create(name="s", kind="sweep", started_at=now, seen_at=now)
    version = asked(client, url("orders_canceljob_running")).headers["Desk-Version"]
    sender.delete()
    told = asked(client, url("orders_canceljob_running"), version)
    assert "Nothing is sending right now" in told.content.decode()


def test_the_times_of_a_job_are_told_though_nothing_was_recorded(firm, monkeypatch):
    client, (_, _, progress) = addresses(firm)
    stand_still(monkeypatch)
    version = asked(client, progress).headers["Desk-Version"]
    assert asked(client, progress, version).status_code == 204
    stand_still(monkeypatch, after_s=TIMES_HOLD_S)
    assert asked(client, progress, version).content


def test_the_rows_of_a_job_are_sent_only_where_they_changed(firm, monkeypatch):
    stand_still(monkeypatch)
    client, (_, _, progress) = addresses(firm)
    first = asked(client, progress).content.decode()
    shown = re.search(r'id="job-rows" data-version="(\w+)"', first)[1]
    again = client.get(progress, headers={"Desk-Rows": shown}).content.decode()
    assert ("71000000001" in first, "71000000001" in again) == (True, False)
    assert re.search(rf'id="job-rows" data-version="{shown}"\s+hx-preserve></div>', again)
    Cancel.objects.update(explanation="Another word.")
    changed = client.get(progress, headers={"Desk-Rows": shown}).content.decode()
    assert "Another word." in changed
    assert "hx-preserve></div>" not in changed


def test_a_version_opens_nothing_that_is_shut(firm):
    client, (_, frame, progress) = addresses(firm)
    version = asked(client, progress).headers["Desk-Version"]
    stranger = signed_in(firm.stranger)
    assert asked(stranger, progress, version).status_code == 404
    assert asked(stranger, f"{frame}", version).status_code in {200, 204}


def test_a_page_says_where_the_log_stood_before_it_was_read(firm, monkeypatch):
    client = signed_in(firm.operator)
    position = log.record(log.Fact(Event.SYNC, account=firm.account))[0]
    real = log.Fact(Event.SYNC, account=firm.account)
    monkeypatch.setattr(
        "orders.admin.orders.order_pages.accounts_in_view",
        lambda request: (log.record(real), firm.account.__class__.objects.none())[1],
    )
    text = client.get(url("orders_order_changelist")).content.decode()
    assert f'data-position="{position}"' in text


def test_where_no_push_process_is_in_front_the_site_says_that_there_is_no_stream(firm, client):
    assert client.get("/events").status_code == 204


def test_pages_are_told_another_port_where_one_is_set(firm, settings):
    client = signed_in(firm.operator)
    assert 'data-events="/events"' in client.get(url("index")).content.decode()
    settings.EVENTS_PORT = 8001
    assert 'data-events=":8001/events"' in client.get(url("index")).content.decode()
