"""Leases: each account's stream is read by one process, by another soon after its end."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from orders.models import Account, AccountStream
from orders.models.account_stream import LEASE
from orders.reconcile.stream import leases
from tests.helpers.stream_server import until
from tests.reconcile.stream.conftest import SMALL, following, row, until_healthy, until_row, update


@pytest.fixture
def now():
    return timezone.now()


def take(token, now, at_most=100):
    leases.add_missing()
    return leases.take(token=token, now=now, at_most=at_most)


def holders():
    return set(AccountStream.objects.values_list("token", flat=True))


def test_what_one_process_reads_no_other_takes(firm, now):
    assert take("a", now) == 2
    assert take("b", now) == 0
    assert holders() == {"a"}


def test_a_process_takes_no_more_than_it_may(firm, now):
    assert [take("a", now, 1), take("b", now, 1), take("c", now, 0)] == [1, 1, 0]
    assert holders() == {"a", "b"}


def test_what_a_dead_process_held_another_takes_once_its_lease_ran_out(firm, now):
    take("a", now)
    assert take("b", now + LEASE - timedelta(seconds=1)) == 0
    assert take("b", now + LEASE) == 2
    assert holders() == {"b"}


def test_a_lease_of_a_clock_set_back_since_holds_nobody_up(firm, now):
    take("a", now + timedelta(days=1))
    assert take("b", now) == 2


def test_what_is_renewed_is_kept(firm, now):
    take("a", now)
    leases.renew(token="a", now=now + LEASE / 2)
    assert take("b", now + LEASE) == 0


def test_what_another_took_meanwhile_is_neither_renewed_nor_written(firm, now):
    take("a", now)
    later = now + LEASE
    take("b", later)
    columns = dict.fromkeys(leases.STANDING) | {"frames_per_minute": 1, "reconnects": 1}
    columns |= {"trouble": "of the first one"}
    leases.renew(token="a", now=later + LEASE)
    leases.write(token="a", standing={firm.account.pk: columns})
    leases.told(token="a", account_ids=[firm.account.pk], at=later)
    leases.give_back(token="a")
    found = row(firm.account)
    assert (found.token, found.trouble, found.leased_until) == ("b", "", later + LEASE)


def test_what_cannot_be_stored_of_one_stream_harms_no_other_and_counts_as_unknown(firm, now):
    take("a", now)
    known = {"frames_per_minute": 1, "reconnects": 1, "trouble": "", "caught_up_at": now}
    sound = dict.fromkeys(leases.STANDING) | known
    odd = sound | {"lag_ms": 2**70}
    leases.write(token="a", standing={firm.account.pk: sound})
    leases.write(token="a", standing={firm.foreign_account.pk: sound, firm.account.pk: odd})
    found = row(firm.account)
    assert (found.trouble, found.caught_up_at) == (leases.UNKNOWN, None)
    assert row(firm.foreign_account).caught_up_at == now


def test_what_is_given_back_another_takes_at_once(firm, now):
    take("a", now)
    leases.give_back(token="a", but=[firm.account.pk])
    assert take("b", now) == 1
    assert row(firm.account).token == "a"


def test_an_account_that_is_off_or_of_a_desk_that_is_off_is_not_taken(firm, now):
    Account.objects.filter(pk=firm.account.pk).update(is_active=False)
    firm.basis.is_active = False
    firm.basis.save()
    assert take("a", now) == 0


def test_two_processes_share_and_one_takes_over_from_the_other(server, committing_firm):
    account = committing_firm.account
    with following() as first:
        until_healthy(account)
        with following() as second:
            assert until_healthy(account).token == first.worker._token
            first.stop()
            until_row(account, lambda found: found.token == second.worker._token)
            found = until_healthy(account)
    assert found.trouble == ""
    assert holders() == {""}
    assert second.reads.count(account.pk) == 1


def test_a_process_that_lost_its_lease_follows_the_account_no_more(server, committing_firm):
    with following() as process:
        until_healthy(committing_firm.account)
        AccountStream.objects.update(token="another", leased_until=timezone.now() + LEASE)
        until(lambda: not server.connections[0].is_open)
        assert not process.worker._followers


def test_leases_are_renewed_while_every_burst_waits_for_a_lock(server, committing_firm):
    account, is_over, is_stuck = committing_firm.account, threading.Event(), threading.Event()
    let_go = []

    def stuck(*, account_id, frames):
        is_stuck.set()
        let_go.append(is_over.wait(20))

    with following(apply=stuck):
        until_healthy(account)
        server.connections[0].send(update(account))
        assert is_stuck.wait(10)
        until_then = row(account).leased_until
        until_row(account, lambda found: found.leased_until > until_then)
        assert not let_go
        is_over.set()


def test_an_account_that_goes_as_another_comes_is_given_back(server, committing_firm):
    account, other = committing_firm.account, committing_firm.foreign_account
    Account.objects.filter(pk=other.pk).update(is_active=False)
    with following():
        until_healthy(account)
        with transaction.atomic():
            Account.objects.filter(pk=account.pk).update(is_active=False)
            Account.objects.filter(pk=other.pk).update(is_active=True)
        until_healthy(other)
        until_row(account, lambda found: found.token == "" and found.caught_up_at is None)


def test_at_most_twenty_accounts_share_a_connection(server, committing_firm):
    for number in range(20):
        committing_firm.new_account(f"Account {number}", committing_firm.momentum)
    with following():
        until(lambda: AccountStream.objects.filter(caught_up_at__isnull=False).count() == 22)
        counts = sorted(len(connection.subscriptions) for connection in server.connections)
    assert counts == [2 * 3, 20 * 3]


def test_desks_that_share_an_address_share_its_subscription(server, committing_firm):
    twin = Account.objects.create(
        desk=committing_firm.basis, name="Twin", address=committing_firm.account.address
    )
    with following() as process:
        until_healthy(committing_firm.account)
        until_healthy(twin)
        server.connections[0].send(
            {"channel": "account_order_updates", "data": [{"u": twin.address, "i": 1}]}
        )
        until(lambda: {committing_firm.account.pk, twin.pk} == {pk for pk, _ in process.applied})
        assert len(server.connections[0].subscriptions) == 2 * 3


def test_a_process_follows_no_more_accounts_than_it_may(server, committing_firm):
    with following(limits=replace(SMALL, accounts=1)) as process:
        until_healthy(committing_firm.account)
        assert len(process.worker._followers) == 1
        assert not row(committing_firm.foreign_account).token
