"""What the exchange answered is kept, though the database fails at that very moment."""

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from orders.audit import log
from orders.cancels import requests
from orders.delivery import worker
from orders.lifecycle import transitions
from orders.models import AuditRecord, Cancel, CancelStatus, Event
from tests.helpers.claims import claim, tells


@pytest.fixture
def failing(committing_firm, monkeypatch):
    """A firm with a claimed cancel; the database fails so many times when its answer is kept."""
    monkeypatch.setattr(transitions, "WAITS_S", (0, 0))
    orders = committing_firm.orders(1)
    about = {"user": committing_firm.operator, "actor": committing_firm.actor()}
    requests.cancel_orders(order_ids=[orders[0].pk], **about)
    left, real = {"times": 0}, log.append

    def append(*facts):
        if left["times"] and tells(facts, Event.ANSWER):
            left["times"] -= 1
            connection.connection.close()  # as when the server goes away
            raise OperationalError("server closed the connection unexpectedly")
        return real(*facts)

    monkeypatch.setattr(log, "append", append)
    left["chunk"] = claim(account_id=committing_firm.account.pk, now=timezone.now())
    return left


def test_an_answer_outlives_a_database_that_fails_for_a_moment(failing):
    failing["times"] = 2
    worker.deliver(failing["chunk"])
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    assert AuditRecord.objects.filter(event=Event.ANSWER).count() == 1


def test_a_database_that_stays_away_is_not_asked_for_ever(failing):
    failing["times"] = 9
    with pytest.raises(OperationalError):
        worker.deliver(failing["chunk"])
    assert failing["times"] == 6
    connection.close()
    assert Cancel.objects.get().status == CancelStatus.SENDING
