"""What may have been missed is looked up from when it may have been, and until it was."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.models import AccountStream
from orders.models.cancels import READ_LAG
from tests.helpers.stream_server import until
from tests.reconcile.stream.conftest import QUICK, following, row, until_healthy, until_row, update


@pytest.fixture
def account(committing_firm):
    type(committing_firm.account).objects.filter(pk=committing_firm.foreign_account.pk).update(
        is_active=False
    )
    return committing_firm.account


def until_told(account):
    """Wait until nothing is missing any more; return the row."""
    return until_row(account, lambda found: found.healthy_at and not found.gap_began_at)


def test_of_an_account_that_was_never_followed_nothing_was_missed(server, account):
    with following() as process:
        until_told(account)
    assert not process.looked_up


@pytest.mark.parametrize("code", [1001, None])
def test_after_a_loss_all_since_it_was_last_whole_is_looked_up(server, account, code):
    with following() as process:
        before = until_told(account).healthy_at
        ended_at = timezone.now()
        server.connections[0].end(code)
        until(lambda: process.looked_up)
        until_told(account)
    ((pk, since),) = process.looked_up
    assert pk == account.pk
    assert before <= since <= ended_at


def test_what_another_process_left_is_looked_up_since_it_was_last_whole(server, account):
    """One that was killed wrote nothing of it."""
    died_at = timezone.now() - timedelta(minutes=3)
    AccountStream.objects.create(account=account, healthy_at=died_at, caught_up_at=died_at)
    with following() as process:
        until(lambda: process.looked_up)
        until_told(account)
    assert process.looked_up == [(account.pk, died_at)]


def test_a_gap_that_another_process_left_open_stays_as_old_as_it_is(server, account):
    began_at = timezone.now() - timedelta(hours=3)
    AccountStream.objects.create(
        account=account, gap_began_at=began_at, healthy_at=began_at + timedelta(hours=2)
    )
    with following() as process:
        until_told(account)
    assert process.looked_up == [(account.pk, began_at)]


def test_it_is_looked_up_again_once_no_read_can_lag_behind_the_subscription(server, account):
    began_at = timezone.now() - timedelta(hours=3)
    AccountStream.objects.create(account=account, healthy_at=began_at)
    with following(timings=replace(QUICK, reads_lag_s=1)) as process:
        until(lambda: process.looked_up)
        assert until_row(account, lambda found: found.healthy_at > began_at).gap_began_at
        until_told(account)
    first, second = [since for _, since in process.looked_up]
    assert first == began_at
    assert timedelta(0) <= timezone.now() - READ_LAG - second < timedelta(minutes=1)


def test_a_look_up_that_fails_is_tried_again_and_the_gap_stays(server, account):
    began_at = timezone.now() - timedelta(hours=3)
    AccountStream.objects.create(account=account, healthy_at=began_at)
    tries = []

    def look_up(account_id, since):
        tries.append(since)
        if len(tries) == 1:
            return "waiting 7 s for credits"
        if len(tries) == 2:
            raise OSError
        return None

    with following(look_up=look_up):
        until(lambda: len(tries) == 3)
        until_told(account)
    assert tries == [began_at] * 3


def test_a_gap_while_another_is_looked_up_is_looked_up_too(server, account):
    may_end, tries = threading.Event(), []

    def look_up(account_id, since):
        tries.append(since)
        if len(tries) == 1:
            may_end.wait(20)

    with following(look_up=look_up) as process:
        until_told(account)
        server.connections[0].end(1001)
        until(lambda: tries)
        server.connections[1].send("{")  # nobody knows what that was
        until(lambda: len(process.reads) == 3)
        may_end.set()
        until(lambda: len(tries) == 2)
        until_told(account)
    assert tries[0] == tries[1]


def test_changes_that_could_not_be_written_are_looked_up_since_they_came(server, account):
    may_fail = threading.Event()

    def apply(account_id, frames):
        may_fail.wait(20)
        raise OSError

    with following(apply=apply) as process:
        until_told(account)
        server.connections[0].send(update(account))
        came_at = until_row(account, lambda found: found.last_frame_at).last_frame_at
        pings = lambda: server.connections[0].received.count({"method": "ping"})  # noqa: E731
        before = pings()
        until(lambda: pings() == before + 2)  # by then the answer to the first has come
        may_fail.set()
        until(lambda: process.looked_up)
    assert process.looked_up[0][1] <= came_at


def test_no_look_up_waits_for_another_accounts_read_nor_the_reverse(server, committing_firm):
    began_at, is_over = timezone.now() - timedelta(hours=1), threading.Event()
    for each in (committing_firm.account, committing_firm.foreign_account):
        AccountStream.objects.create(account=each, healthy_at=began_at)
    with following(look_up=lambda account_id, since: is_over.wait(20) and None) as process:
        until(lambda: len(process.reads) == 2)
        for each in (committing_firm.account, committing_firm.foreign_account):
            until_row(each, lambda found: found.caught_up_at)
            assert row(each).gap_began_at == began_at
        is_over.set()


def test_a_stream_is_healthy_while_a_gap_is_looked_up(server, account):
    AccountStream.objects.create(account=account, healthy_at=timezone.now() - timedelta(hours=1))
    is_over = threading.Event()
    with following(look_up=lambda account_id, since: is_over.wait(20) and None):
        found = until_healthy(account)
        assert found.gap_began_at
        until(lambda: row(account).is_healthy(timezone.now()))
        is_over.set()
