"""How a stream stands: when it may be relied on, and what others make of that."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.models import Account, AccountStream, Alert, AuditRecord, Event
from orders.models.account_stream import HEALTHY_FOR, LEASE
from orders.operations.alerts import watch

PERIOD_S = 30


@pytest.fixture
def now():
    return timezone.now()


def stream(account, now, **columns):
    """A row of a stream that is healthy, but for the columns named."""
    since = now - timedelta(hours=1)
    usual = {"token": "a", "leased_until": now + LEASE, "connected_at": since}
    usual |= {"subscribed_at": since, "caught_up_at": since, "healthy_at": now}
    return AccountStream.objects.create(account=account, **usual | columns)


UNHEALTHY = {
    "nobody reads it": {"token": ""},
    "its lease ran out": {"leased_until": timedelta(0)},
    "its lease is of a clock set back since": {"leased_until": timedelta(hours=2)},
    "it is catching up": {"caught_up_at": None},
    "nothing was ever heard": {"healthy_at": None},
    "nothing was heard lately": {"healthy_at": -HEALTHY_FOR},
    "it was heard by a clock set back since": {"healthy_at": timedelta(hours=2)},
}


def at(now, columns):
    return {k: now + v if isinstance(v, timedelta) else v for k, v in columns.items()}


def test_a_stream_that_is_read_caught_up_and_heard_is_healthy(firm, now):
    assert stream(firm.account, now).is_healthy(now)
    assert AccountStream.objects.healthy(now).exists()


@pytest.mark.parametrize("columns", UNHEALTHY.values(), ids=UNHEALTHY)
def test_a_stream_is_not_healthy_where(firm, now, columns):
    assert not stream(firm.account, now, **at(now, columns)).is_healthy(now)
    assert not AccountStream.objects.healthy(now).exists()


def due(account, now, seconds):
    """Whether a routine read is due so long after the last."""
    Account.objects.filter(pk=account.pk).update(sync_started_at=now - timedelta(seconds=seconds))
    return Account.objects.due_for_sync(now, PERIOD_S).filter(pk=account.pk).exists()


def test_routine_reads_go_at_a_tenth_of_the_rate_while_the_stream_is_healthy(firm, now):
    stream(firm.account, now)
    assert [due(firm.account, now, seconds) for seconds in (31, 299, 301)] == [False, False, True]


@pytest.mark.parametrize(("period_s", "rests_s"), [(10, 100), (60, 300), (900, 900)])
def test_a_read_is_due_every_five_minutes_at_least_or_as_often_as_is_set(
    firm, now, period_s, rests_s
):
    stream(firm.account, now)
    for seconds, is_due in ((rests_s - 1, False), (rests_s + 1, True)):
        began_at = now - timedelta(seconds=seconds)
        Account.objects.filter(pk=firm.account.pk).update(sync_started_at=began_at)
        found = Account.objects.due_for_sync(now, period_s).filter(pk=firm.account.pk)
        assert found.exists() is is_due


def test_another_account_is_read_as_ever(firm, now):
    stream(firm.account, now)
    assert due(firm.foreign_account, now, 31)


@pytest.mark.parametrize("columns", UNHEALTHY.values(), ids=UNHEALTHY)
def test_routine_reads_go_at_the_usual_rate_where(firm, now, columns):
    stream(firm.account, now, **at(now, columns))
    assert [due(firm.account, now, seconds) for seconds in (29, 31)] == [False, True]


def test_reads_are_rarer_only_after_one_that_cannot_lag_behind_the_subscription(firm, now):
    stream(firm.account, now, subscribed_at=now - timedelta(seconds=60))
    assert due(firm.account, now, 31)  # begun 29 s after it: what it showed may be older still
    AccountStream.objects.update(subscribed_at=now - timedelta(seconds=62))
    assert not due(firm.account, now, 31)


def told(now):
    watch.watch(now)
    return Alert.objects.filter(kind="not_followed")


def test_an_account_with_neither_stream_nor_read_is_told_once_and_once_when_over(firm, now):
    later = now + timedelta(seconds=3 * PERIOD_S + 61)
    Account.objects.update(synced_at=now)
    row = stream(firm.account, now)
    Account.objects.filter(pk=firm.foreign_account.pk).update(synced_at=later)
    assert not told(now)
    assert [alert.about for alert in told(later)] == [f"account {firm.account.pk}"]
    assert told(later + timedelta(seconds=5)).count() == 1
    row.healthy_at = later + timedelta(seconds=9)
    row.save()
    assert not told(later + timedelta(seconds=10)).current()
    records = AuditRecord.objects.filter(event=Event.ALERT).order_by("position")
    said = [json.loads(record.data)["is_over"] for record in records]
    assert said == [False, True]


@pytest.mark.parametrize("fresh", ["stream", "read"])
def test_either_of_the_two_is_enough(firm, now, fresh):
    later = now + timedelta(hours=1)
    Account.objects.update(synced_at=later if fresh == "read" else now)
    for account in Account.objects.all():
        stream(account, now, healthy_at=later if fresh == "stream" else now)
    assert not told(later)


def test_nobody_is_told_of_an_account_that_is_off(firm, now):
    Account.objects.update(is_active=False)
    assert not told(now + timedelta(hours=1))
