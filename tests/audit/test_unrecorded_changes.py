"""The watch over unrecorded changes sees what it is there to see."""

import pytest
from django.conf import settings
from django.db import connection, transaction

from orders.audit import log
from orders.cancels import requests
from orders.delivery import worker
from orders.models import CancelStatus, Event
from orders.reconcile import sync
from tests.helpers import unrecorded

pytestmark = pytest.mark.skipif(not settings.IS_SQLITE, reason="it watches by SQLite's triggers")


@pytest.fixture
def culprit(monkeypatch):
    """Let what this file does pass for the product's."""
    monkeypatch.setattr(unrecorded, "nearest", lambda: "here")


def asked(firm):
    ids = [firm.order().pk]
    job = requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids).jobs[0]
    return job.cancels.all()


def found(firm, act):
    with unrecorded.watching(connection) as watch:
        act()
    return watch.found


def test_a_bare_update_is_seen(firm, culprit):
    rows = asked(firm)
    said = found(firm, lambda: rows.update(status=CancelStatus.GONE))
    assert said == ["here: [('orders_cancel', 'queued', 'gone')]"]


def test_an_update_in_a_transaction_without_record_is_seen(firm, culprit):
    rows = asked(firm)

    def act():
        with transaction.atomic(), transaction.atomic():
            rows.update(status=CancelStatus.GONE)

    assert found(firm, act)


def test_a_record_in_another_transaction_does_not_help(firm, culprit):
    rows = asked(firm)

    def act():
        rows.update(status=CancelStatus.GONE)
        log.record(log.Fact(Event.LOGIN))

    assert found(firm, act)


def test_a_record_in_the_same_transaction_is_what_is_asked_for(firm, culprit):
    rows = asked(firm)

    def act():
        with transaction.atomic():
            rows.update(status=CancelStatus.GONE)
            log.append(log.Fact(Event.LOGIN))

    assert found(firm, act) == []


def test_what_is_rolled_back_never_was(firm, culprit):
    rows = asked(firm)

    def act():
        with transaction.atomic():
            rows.update(status=CancelStatus.GONE)
            transaction.set_rollback(True)

    assert found(firm, act) == []


def test_a_claim_and_a_written_same_status_are_no_facts(firm, culprit):
    rows = asked(firm)
    assert found(firm, lambda: rows.update(status=CancelStatus.SENDING)) == []
    assert found(firm, lambda: rows.update(status=CancelStatus.SENDING)) == []


def test_the_whole_way_of_a_cancel_leaves_nothing_unrecorded(firm):
    """Without any pretence: the product's own lines, by their own stack frames."""
    asked(firm)
    firm.paper.fault("/orders/cancel", "apply_then_drop")

    def act():
        worker.deliver_account(account_id=firm.account.pk)
        firm.paper.orders(firm.account.address, 2)
        sync.sync_account(account_id=firm.account.pk)

    assert found(firm, act) == []
