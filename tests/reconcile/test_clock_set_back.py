"""A clock that is set back holds nothing up until it has caught up with itself."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.accounts import wallet_check
from orders.cancels import requests
from orders.delivery import worker
from orders.exchange import credits
from orders.management import sweep
from orders.models import (
    Account,
    AgentWallet,
    Alert,
    Cancel,
    CancelStatus,
    CreditPool,
    Order,
    OrderState,
    Sender,
    Verification,
)
from orders.reconcile import resolve, sync
from tests.helpers.claims import claim


def ahead(**more):
    """A time written before the clock was set back by an hour."""
    return timezone.now() + timedelta(hours=1, **more)


@pytest.fixture
def asked(firm):
    order = firm.order()
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    return firm


def status():
    return Cancel.objects.get().status


def test_a_cancel_that_was_to_wait_is_sent(asked):
    Cancel.objects.update(not_before_at=ahead())
    worker.deliver_account(account_id=asked.account.pk)
    assert status() == CancelStatus.CANCELLED


def test_a_dead_senders_lease_lapses(asked):
    claim(account_id=asked.account.pk, now=ahead())
    sweep.recover_abandoned(timezone.now())
    assert status() == CancelStatus.QUEUED


def test_a_lease_by_the_clock_of_another_machine_stands(asked):
    claim(account_id=asked.account.pk, now=timezone.now() + timedelta(seconds=50))
    sweep.recover_abandoned(timezone.now())
    assert status() == CancelStatus.SENDING


def test_an_open_question_is_asked(asked):
    Cancel.objects.update(status=CancelStatus.UNKNOWN, next_check_at=ahead())
    assert resolve.settle_account(account_id=asked.account.pk) == 1


def test_a_pool_is_neither_paused_nor_spent(firm):
    about = {
        "account": firm.account,
        "purpose": credits.BULK,
        "price": credits.settings.CREDIT_PRICES["cancel"],
    }
    spent = credits.reserve(wanted=10**6, now=ahead(), **about)
    credits.pause(pool=spent.pool, until=ahead())
    assert credits.reserve(wanted=1, now=timezone.now(), **about).count == 1
    until = timezone.now() + timedelta(seconds=30)
    credits.pause(pool=spent.pool, until=until)
    assert CreditPool.objects.get().paused_until == until
    assert credits.reserve(wanted=1, now=timezone.now(), **about).count == 0


def test_an_account_is_synced_and_what_left_its_book_is_closed(firm):
    order = firm.order()
    Account.objects.update(synced_at=ahead(), sync_started_at=ahead())
    Order.objects.update(last_seen_at=ahead(), next_lookup_at=ahead(minutes=70))
    firm.paper.close(order.order_id)
    assert sync.sync_account(account_id=firm.account.pk, is_due_only=True).closed == 1
    assert Order.objects.get().state == OrderState.CLOSED


def test_a_dead_sender_does_not_pass_for_a_living_one(firm):
    sweep.beat("sweep", ahead())
    assert not Sender.objects.fresh(timezone.now()).exists()


def test_an_alert_an_errand_and_a_test_are_taken_up(firm):
    now = timezone.now()
    Alert.objects.create(kind="clock", said="x", raised_at=ahead(), next_tell_at=ahead())
    assert Alert.objects.to_tell(now).count() == 1
    Verification.objects.create(operator=firm.auditor, asked_at=now)
    assert Verification.objects.claim(ahead()) is not None
    assert Verification.objects.claim(now) is not None
    AgentWallet.objects.update(test_asked_at=ahead(), test_outcome=wallet_check.TESTING)
    assert len(wallet_check.overdue(now, sweep.GRACE)) == 2
    wallet_check.probe(wallet_id=firm.account.agent_wallets.get().pk)
    assert firm.account.agent_wallets.get().test_outcome == wallet_check.BOUND
