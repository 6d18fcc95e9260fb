"""Alerts: once per matter, once more when it is over, without a secret, by one teller."""

import json
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from desk.alert_routes import parse
from orders.cancels import jobs, requests
from orders.delivery import expiry, worker
from orders.exchange import foreign_answers
from orders.management import sweep
from orders.models import Account, Alert, AuditRecord, Cancel, CancelStatus, Event, ExchangeClock
from orders.operations.alerts import telling, watch, webhook
from tests.helpers.hook import running_hook
from tests.reconcile.test_resolve import ask_and_deliver


@pytest.fixture
def hook(settings):
    with running_hook() as server:
        settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{server.server_port}/hook"
        yield server


@pytest.fixture
def question(firm):
    firm.paper.fault("/orders/cancel", "drop")
    cancel = ask_and_deliver(firm, firm.order())
    sweep.beat("sweep", timezone.now() + timedelta(seconds=100))
    return cancel


def in_(seconds):
    return timezone.now() + timedelta(seconds=seconds)


def test_an_unresolved_cancel_is_told_once_after_a_minute_and_once_when_over(question, hook):
    watch.watch(in_(50))
    assert hook.taken == []
    watch.watch(in_(61))
    watch.watch(in_(70))
    assert [(one["kind"], one["state"]) for one in hook.taken] == [("unresolved", "raised")]
    Cancel.objects.update(status=CancelStatus.CANCELLED)
    watch.watch(in_(80))
    watch.watch(in_(90))
    assert [one["state"] for one in hook.taken] == ["raised", "over"]
    assert AuditRecord.objects.filter(event=Event.ALERT).count() == 2


def test_many_cancels_of_one_job_are_one_matter(firm, hook):
    orders = firm.orders(3)
    firm.paper.fault("/orders/batch", "drop")
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[o.pk for o in orders])
    worker.deliver_account(account_id=firm.account.pk)
    sweep.beat("sweep", in_(60))
    watch.watch(in_(61))
    assert len(hook.taken) == 1
    assert "3 cancels" in hook.taken[0]["text"]


def test_the_same_goes_out_by_mail(question, settings):
    settings.ALERT_EMAILS = ["desk@example.com"]
    watch.watch(in_(61))
    watch.watch(in_(66))
    assert [message.to for message in mail.outbox] == [["desk@example.com"]]
    assert "unresolved" in mail.outbox[0].body


def test_what_could_not_be_told_is_tried_again_later(question, hook):
    hook.status = 500
    watch.watch(in_(61))
    watch.watch(in_(62))
    assert len(hook.taken) == 1
    hook.status = 200
    Alert.objects.update(next_tell_at=in_(60))
    watch.watch(in_(100))
    assert len(hook.taken) == 2
    assert Alert.objects.get().told_at is not None


def test_of_two_tellers_one_tells(question, hook):
    now = in_(61)
    watch.watch(now)
    Alert.objects.update(told_at=None, told_ways=[], next_tell_at=now + telling.TELL_LEASE)
    telling.tell(now)
    assert len(hook.taken) == 1


def foreign_answer(firm):
    foreign_answers.raise_alert(
        about="account 1", account=firm.account, another="account", now=timezone.now()
    )


def rounds(minutes):
    for minute in minutes:
        sweep.beat("sweep", in_(60 * minute))
        watch.watch(in_(60 * minute))


def told_of_it(hook):
    return [one["state"] for one in hook.taken if one["kind"] == "foreign_answer"]


def test_what_left_no_state_is_told_though_the_way_was_shut_for_longer_than_it_stands(firm, hook):
    foreign_answer(firm)
    hook.status = 503
    rounds(range(0, 75, 5))
    hook.status, hook.taken[:] = 200, []
    rounds(range(75, 100, 5))
    assert told_of_it(hook) == ["raised"]
    rounds([200])
    assert told_of_it(hook) == ["raised", "over"]


def test_a_way_that_never_takes_it_does_not_hold_it_for_ever(firm, hook, settings):
    settings.ALERT_ROUTES = parse("nosuchservice://hush")
    foreign_answer(firm)
    rounds([0, 61, 24 * 60])
    assert told_of_it(hook) == ["raised"]
    rounds([25 * 60 + 1])
    assert told_of_it(hook) == ["raised", "over"]


def test_a_redirect_is_not_followed(question, hook):
    hook.status, hook.elsewhere = 302, "/other"
    with pytest.raises(webhook.CannotTell):
        webhook.post({"text": "x"})
    assert len(hook.taken) == 1


def test_no_sender_alive_is_told_only_while_something_waits(firm, hook):
    watch.watch(timezone.now())
    assert hook.taken == []
    order = firm.order()
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    watch.watch(timezone.now())
    assert [one["kind"] for one in hook.taken] == ["no_sender"]


def test_a_stuck_job_is_told(firm, hook):
    order = firm.order()
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    sweep.beat("sweep", in_(60))
    watch.watch(in_(60))
    assert hook.taken == []
    sweep.beat("sweep", in_(180))
    Account.objects.update(synced_at=in_(180))
    watch.watch(in_(185))
    assert [one["kind"] for one in hook.taken] == ["stuck_job"]


def stuck(seconds):
    """Whether a job is told to be stuck at that time."""
    return [about for kind, about in watch.matters(in_(seconds)) if kind == "stuck_job"]


def test_tries_by_which_nothing_gets_through_do_not_hide_that_a_job_is_stuck(firm):
    order = firm.order()
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    firm.paper.fault("/orders/cancel", "status", status=429)
    later = in_(130)
    worker.deliver_account(account_id=firm.account.pk, clock=lambda: later)
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.sent_at) == (CancelStatus.QUEUED, later)
    assert stuck(131) == [f"job {cancel.job_id}"]


def test_what_expired_is_told_until_it_is_retried(firm):
    order = firm.order()
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    expiry.expire_unsent(in_(601))
    job_id = Cancel.objects.get().job_id
    assert stuck(602) == [f"job {job_id} expired"]
    jobs.retry(user=firm.operator, actor=firm.actor(), job_id=job_id)
    assert f"job {job_id} expired" not in stuck(602)


def test_a_clock_that_is_off_is_told(firm, hook):
    ExchangeClock.objects.update_or_create(
        pk=1, defaults={"offset_ms": 40_000, "measured_at": timezone.now()}
    )
    watch.watch(timezone.now())
    assert "40.0 s behind" in hook.taken[0]["text"]


def test_what_is_told_holds_no_key_and_no_address(firm, question, hook):
    watch.watch(in_(61))
    told = json.dumps(hook.taken)
    secret = str(firm.account.agent_keypair)
    assert secret not in told
    assert firm.account.address not in told


def test_the_watch_beside_the_senders_tells_that_none_is_alive(firm, hook):
    from django.core.management import CommandError, call_command

    order = firm.order()
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    with pytest.raises(CommandError, match="no sender is alive"):
        call_command("watch", once=True)
    assert [one["kind"] for one in hook.taken] == ["no_sender"]
