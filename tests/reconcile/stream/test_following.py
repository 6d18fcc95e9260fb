"""The whole way: what happens at the paper exchange is in the desk's rows."""

import pytest
from django.utils import timezone

from orders.lifecycle import restored_copy
from orders.models import Account, AuditRecord, Event, Order
from orders.pacifica.stream_frames import SOURCES
from orders.reconcile import stream_health
from orders.reconcile.stream.acts import apply_frames, look_up_orders, read_orders
from tests.helpers.stream_server import until
from tests.reconcile.stream.conftest import following, row, until_healthy, until_row

ACTS = {"apply": apply_frames, "read": read_orders, "look_up": look_up_orders}


@pytest.fixture
def account(committing_firm):
    Account.objects.filter(pk=committing_firm.foreign_account.pk).update(is_active=False)
    return committing_firm.account


@pytest.fixture
def followed(account):
    with following(**ACTS) as process:
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
    with following(**ACTS):
        until(lambda: state(before) == "open")


@pytest.mark.parametrize("count", [1, 5])
def test_what_happened_while_it_was_lost_is_read_after_it_stands_again(
    account, paper, server, count
):
    """The server here tells of nothing: only the read can have brought the orders."""
    with following(**ACTS):
        until_healthy(account)
        paper.orders(account.address, count)
        gone = paper.orders(account.address, count)
        for order_id in gone:
            paper.close(order_id)
        server.connections[0].end(1001)
        until_row(account, lambda found: found.reconnects == 1 and found.caught_up_at)
        assert Order.objects.filter(state="open").count() == count
        until(lambda: {state(order_id) for order_id in gone} == {"closed"})
        until_row(account, lambda found: not found.gap_began_at)


def test_a_restored_copy_that_is_behind_is_followed_and_sends_nothing(account, paper, monkeypatch):
    monkeypatch.setattr(restored_copy, "is_behind", lambda now: True)
    (order_id,) = paper.orders(account.address, 1)
    with following(**ACTS):
        until(lambda: state(order_id) == "open")
        paper.close(order_id)
        until(lambda: state(order_id) == "closed")
    assert {one["method"] for one in paper.requests()} == {"GET"}
    assert not row(account).token


FAULTS = {
    "dropped": ("stream_drop", {}),
    "reset": ("stream_drop", {"reset": True}),
    "closed in order": ("stream_close", {"code": 1000}),
    "going away": ("stream_close", {"code": 1001}),
    "an error of theirs": ("stream_close", {"code": 1011}),
    "stalled, pings unanswered": ("stream_stall", {}),
    "stalled, the protocol's pings answered": ("stream_stall", {"pings": True}),
    "refused for a while": ("stream_refuse", {"times": 5}),
}


@pytest.mark.parametrize(("kind", "about"), FAULTS.values(), ids=FAULTS)
def test_however_the_connection_ends_all_is_known_after_catching_up(
    followed, account, paper, kind, about
):
    (known,) = paper.orders(account.address, 1)
    until(lambda: state(known) == "open")
    first = row(account).subscribed_at
    paper.fault("*", kind, **about)
    if kind == "stream_refuse":
        paper.fault("*", "stream_drop")
    opened = paper.orders(account.address, 2)
    paper.close(known)
    until_row(account, lambda f: f.subscribed_at and f.subscribed_at > first and f.caught_up_at)
    until(lambda: [state(order_id) for order_id in (known, *opened)] == ["closed", "open", "open"])


@pytest.mark.parametrize("kind", ["stream_twice", "stream_swap", "stream_error", "stream_gap"])
def test_frames_that_come_oddly_are_harmless(followed, account, paper, kind):
    about = {"hold_ms": 50} if kind == "stream_swap" else {}
    paper.fault("*", kind, **{"times": 1} | about)
    opened = paper.orders(account.address, 3)
    paper.close(opened[0])
    until(lambda: [state(order_id) for order_id in opened] == ["closed", "open", "open"])


def test_lives_that_the_exchange_ends_one_after_another_lose_nothing(account, paper):
    """Connections that live for a part of a second, as a day's do: some orders in each life."""
    paper.rules(stream_life_s=0.5)
    opened = []
    with following(**ACTS):
        until_healthy(account)
        for number in range(8):
            opened += paper.orders(account.address, 2)
            paper.close(opened[-1])
            until(lambda least=number: len(paper.connections()) > least)
        until(lambda: [state(order_id) for order_id in opened[::2]] == ["open"] * 8)
        # One that came and went between two lives is in no read of the open orders.
        until(lambda: {state(order_id) for order_id in opened[1::2]} == {"closed"})
    assert {one["reason"] for one in paper.connections()[:-1]} == {"lived"}


def test_a_silence_of_ours_never_ends_it(account, paper):
    paper.rules(stream_silence_s=1.5)
    with following(**ACTS):
        until_healthy(account)
        until(lambda: paper.connections()[0]["received"] >= 3 + 5)  # pings, every half second
        assert len(paper.connections()) == 1


def test_an_unknown_subscription_is_met_with_silence_and_said(account, paper):
    paper.rules(stream_subscriptions=0)
    with following(**ACTS):
        said = f"Not acknowledged by the exchange: {', '.join(SOURCES)}."
        until_row(account, lambda found: found.trouble == said)
