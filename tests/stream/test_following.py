"""The whole way: what happens at the paper exchange is in the desk's rows."""

import pytest
from django.utils import timezone

from orders.evidence import restored_copy
from orders.models import Account, AuditRecord, Event, Order
from orders.reconcile import stream_health
from orders.stream.acts import apply_frames, read_orders
from tests.helpers.stream_server import until
from tests.stream.conftest import following, row, until_healthy, until_row


@pytest.fixture
def account(committing_firm):
    Account.objects.filter(pk=committing_firm.foreign_account.pk).update(is_active=False)
    return committing_firm.account


@pytest.fixture
def followed(account):
    with following(apply=apply_frames, read=read_orders) as process:
        until_healthy(account)
        yield process


def state(order_id):
    return Order.objects.filter(order_id=order_id).values_list("state", flat=True).first()


def reads(paper):
    return len(paper.requests("/orders"))


def test_an_order_placed_filled_and_cancelled_is_known_without_a_read(followed, account, paper):
    before = reads(paper)
    (order_id,) = paper.orders(account.address, 1)
    until(lambda: state(order_id) == "open")
    paper.fill(order_id, "0.04")
    until(lambda: str(Order.objects.get().filled_amount) == "0.04")
    paper.close(order_id)
    until(lambda: state(order_id) == "closed")
    assert reads(paper) == before
    assert AuditRecord.objects.filter(event=Event.STREAM).count() == 3
    assert until_row(account, lambda found: found.lag_ms is not None).lag_ms < 60_000


def test_a_healthy_stream_is_what_settling_asks_for(followed, account):
    until(lambda: stream_health.is_healthy(account.pk, timezone.now()))
    followed.stop()
    assert not stream_health.is_healthy(account.pk, timezone.now())


def test_what_happened_before_it_was_subscribed_is_read(account, paper):
    (before,) = paper.orders(account.address, 1)
    with following(apply=apply_frames, read=read_orders):
        until(lambda: state(before) == "open")


@pytest.mark.parametrize("count", [1, 5])
def test_what_happened_while_it_was_lost_is_read_after_it_stands_again(
    account, paper, server, count
):
    """The server here tells of nothing: only the read can have brought the orders."""
    with following(apply=apply_frames, read=read_orders):
        until_healthy(account)
        paper.orders(account.address, count)
        server.connections[0].end(1001)
        until_row(account, lambda found: found.reconnects == 1 and found.caught_up_at)
        assert Order.objects.filter(state="open").count() == count


def test_a_restored_copy_that_is_behind_is_followed_and_sends_nothing(account, paper, monkeypatch):
    monkeypatch.setattr(restored_copy, "is_behind", lambda now: True)
    (order_id,) = paper.orders(account.address, 1)
    with following(apply=apply_frames, read=read_orders):
        until(lambda: state(order_id) == "open")
        paper.close(order_id)
        until(lambda: state(order_id) == "closed")
    assert {one["method"] for one in paper.requests()} == {"GET"}
    assert not row(account).token
