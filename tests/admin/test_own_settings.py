"""A person's own page: times in their zone with UTC at hand, and views that are theirs alone."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from django.utils.timezone import get_current_timezone_name

from orders.models import Preference, SavedView
from orders.templatetags import desk
from tests.helpers.screens import click, known_order, page, signed_in, url

NOON = datetime(2026, 7, 1, 12, 0, 0, 5_000, tzinfo=UTC)


def choose(client, name):
    return client.post(url("own_settings"), {"time_zone": name}, follow=True)


def save(client, name, query=""):
    form = {"name": name, "query": query}
    return client.post(url("orders_savedview_save"), form, follow=True).content.decode()


def test_times_are_told_in_the_zone_of_the_person_with_utc_at_hand(firm):
    order = known_order(firm.account, 71_000_000_001, created_at=NOON)
    client = signed_in(firm.operator)
    assert "Placed (UTC)" in page(client, "orders_order_change", order.pk)
    choose(client, "America/New_York")
    text = page(client, "orders_order_change", order.pk)
    assert "Placed (New York)" in text
    assert '<time title="2026-07-01 12:00:00.005 UTC">2026-07-01 08:00:00.005</time>' in text
    other = page(signed_in(firm.head), "orders_order_change", order.pk)
    assert "2026-07-01 12:00:00.005" in other
    assert "08:00:00.005" not in other


def test_no_request_leaves_its_zone_behind(firm):
    client = signed_in(firm.operator)
    choose(client, "Asia/Tokyo")
    page(client, "index")
    assert get_current_timezone_name() == "UTC"


def test_downloads_stay_in_utc_and_the_log_is_filtered_by_utc(firm):
    client, order = signed_in(firm.operator), known_order(firm.account, 71_000_000_001)
    choose(client, "America/New_York")
    click(client, order)
    job = firm.operator.cancel_jobs.get()
    begin = f"{job.created_at - timedelta(seconds=2):%Y-%m-%dT%H:%M:%S}"
    text = page(client, "orders_auditrecord_changelist", **{"from": begin})
    assert "From (UTC)" in text
    assert "Time (New York)" in text  # a moment of UTC found the click
    csv = client.get(url("orders_canceljob_download", job.pk))
    assert f"{job.created_at:%Y-%m-%dT%H:%M}" in csv.content.decode()


def test_the_clock_of_the_zone_counts_summer_time():
    with timezone.override("Europe/Berlin"):
        assert "14:00:00.005" in desk.at(NOON)
        assert "13:00:00.005" in desk.at(NOON.replace(month=1))
        assert desk.zone() == "Berlin"
    assert desk.at(NOON) == desk.exact(NOON)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "Etc/GMT+5", "x" * 5_000])
def test_a_zone_that_is_none_is_refused_in_words(firm, name):
    client = signed_in(firm.operator)
    assert "Choose a time zone of the list" in choose(client, name).content.decode()
    assert not Preference.objects.exists()


def test_a_zone_that_the_system_does_not_know_any_more_is_utc(firm):
    Preference.objects.create(user=firm.operator, time_zone="Gone/Place")
    assert "UTC" in page(signed_in(firm.operator), "own_settings")


def test_a_view_keeps_filter_search_and_sorting_and_not_the_page(firm):
    client = signed_in(firm.operator)
    text = save(client, "  My  bids ", "o=-price&side=bid&p=3&since=17&symbol=")
    assert "View “My bids” saved." in text
    assert SavedView.objects.get().query == "o=-price&side=bid"
    assert f'href="{url("orders_order_changelist")}?o=-price&amp;side=bid"' in text
    assert 'aria-current="true"> My bids' in " ".join(text.split())


def test_a_view_can_be_passed_on_as_a_link(firm):
    client = signed_in(firm.operator)
    save(client, "mine", "side=bid")
    link = f"http://testserver{url('orders_order_changelist')}?side=bid"
    assert f'data-copy="{link}"' in page(client, "orders_order_changelist")
    assert signed_in(firm.head).get(link).status_code == 200


def test_a_view_of_the_same_name_is_replaced(firm):
    client = signed_in(firm.operator)
    save(client, "mine", "side=bid")
    save(client, "mine", "side=ask")
    assert SavedView.objects.get().query == "side=ask"


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\u202eb"])
def test_a_name_that_is_none_is_refused_in_words(firm, name):
    assert "Give the view a name" in save(signed_in(firm.operator), name)
    assert not SavedView.objects.exists()


def test_views_are_seen_and_deleted_by_their_owner_alone(firm):
    save(signed_in(firm.operator), "My bids", "side=bid")
    view, other = SavedView.objects.get(), signed_in(firm.head)
    assert "My bids" not in page(other, "own_settings")
    assert other.post(url("orders_savedview_delete", view.pk)).status_code == 404
    assert signed_in(firm.operator).get(url("orders_savedview_delete", view.pk)).status_code == 405
    assert SavedView.objects.exists()
    signed_in(firm.operator).post(url("orders_savedview_delete", view.pk))
    assert not SavedView.objects.exists()


def test_what_one_person_keeps_has_an_end(firm):
    SavedView.objects.bulk_create(
        SavedView(user=firm.operator, name=f"view {number}") for number in range(50)
    )
    client = signed_in(firm.operator)
    assert "delete one first" in save(client, "one more")
    assert "saved" in save(client, "view 7", "side=ask")
    assert SavedView.objects.count() == 50


def test_the_pages_of_a_new_password_are_in_our_own_words(firm):
    client = signed_in(firm.operator)
    text = page(client, "password_change")
    assert "Use the new password" in text
    assert "for security" not in text
    assert "Your new password counts from now on" in page(client, "password_change_done")
