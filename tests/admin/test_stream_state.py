"""The overview says of each account how its stream stands."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.admin.shared import freshness, stream_state
from orders.models import Account, AccountStream
from orders.models.account_stream import LEASE
from orders.models.clocks import MAY_DIFFER
from orders.reconcile import sync
from tests.helpers.screens import folded

NOW = timezone.now()
SINCE = NOW - timedelta(minutes=5)
LIVE = {
    "token": "a",
    "leased_until": NOW + LEASE,
    "connected_at": SINCE,
    "subscribed_at": SINCE,
    "caught_up_at": SINCE,
    "healthy_at": NOW,
}


def state(firm, **columns):
    firm.account.stream = AccountStream(account=firm.account, **LIVE | columns)
    return stream_state.of(firm.account, NOW)


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({}, "live"),
        ({"token": ""}, "off"),
        ({"leased_until": NOW}, "off"),
        ({"subscribed_at": None, "caught_up_at": None}, "connecting"),
        ({"subscribed_at": None, "caught_up_at": None, "trouble": "It broke off."}, "lost"),
        ({"caught_up_at": None}, "catching up"),
        ({"caught_up_at": None, "trouble": "No credits are left."}, "catching up"),
        ({"caught_up_at": NOW, "healthy_at": SINCE}, "catching up"),
        ({"healthy_at": NOW - timedelta(seconds=21)}, "silent"),
    ],
)
def test_each_way_it_can_stand_has_a_word(firm, columns, word):
    assert state(firm, **columns).word == word


def test_an_account_that_nobody_followed_yet_is_off(firm):
    assert stream_state.of(firm.account, NOW).word == "off"


def test_its_facts_are_said_and_trouble_with_them(firm):
    seen = {"last_frame_at": NOW - timedelta(seconds=3), "lag_ms": 12, "frames_per_minute": 4}
    found = state(firm, reconnects=2, trouble="Odd.", **seen)
    assert found.facts == (
        "connected 5 min ago",
        "last change 3.0 s ago",
        "lag 12 ms",
        "4 frames a minute",
        "2 reconnects",
    )
    assert found.trouble == "Odd."


def test_a_lag_is_never_less_than_nought(firm):
    assert "lag 0 ms" in state(firm, lag_ms=-237).facts


def stream(account, **columns):
    """A stream that is live now, but for these columns."""
    now = timezone.now()
    moments = {"leased_until": now + LEASE + MAY_DIFFER, "healthy_at": now + MAY_DIFFER}
    return AccountStream.objects.create(account=account, **LIVE | moments | columns)


def test_the_overview_shows_it_and_spells_out_what_is_hidden_in_it(client, firm):
    stream(firm.account, caught_up_at=None, trouble="<b>told\u202e</b>")
    client.force_login(firm.operator)
    page = client.get("/admin/").content.decode()
    assert ">catching up</span>" in page
    assert "&lt;b&gt;told‹U+202E›&lt;/b&gt;" in page


def test_a_stranger_to_the_desk_sees_nothing_of_it(client, firm):
    stream(firm.account, trouble="Of Momentum.")
    client.force_login(firm.stranger)
    assert "Of Momentum." not in client.get("/admin/").content.decode()


@pytest.mark.parametrize(("columns", "is_live"), [({}, True), ({"caught_up_at": None}, False)])
def test_open_orders_are_called_live_only_where_each_account_follows_the_stream(
    firm, django_assert_num_queries, columns, is_live
):
    accounts = Account.objects.filter(pk__in=[firm.account.pk, firm.foreign_account.pk])
    stream(firm.foreign_account)
    assert not freshness.book_of(accounts).is_live
    stream(firm.account, **columns)
    with django_assert_num_queries(1):
        assert freshness.book_of(accounts).is_live == is_live


def test_the_list_of_orders_says_so(client, firm):
    sync.sync_account(account_id=firm.account.pk)
    stream(firm.account)
    client.force_login(firm.operator)
    page = folded(client.get("/admin/orders/order/"))
    assert "Open orders are live, and were all read" in page
