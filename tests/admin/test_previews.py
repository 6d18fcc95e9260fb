"""What a bulk cancel would do is seen before it runs, and it runs once."""

import re
from datetime import timedelta

import pytest
from django.utils.timezone import now

from orders.lifecycle import wakeups
from orders.models import Account, CancelJob, Desk, Order, Preview
from tests.helpers.bulk import a_book, ask_by_scope, confirm, frozen, send_list, tick
from tests.helpers.screens import folded, known_order, nothing_asked, page, signed_in, url


@pytest.fixture
def preview(firm):
    return frozen(firm)


def test_the_preview_says_what_would_happen(firm):
    a_book(firm, 2)
    known_order(firm.account, 72_000_000_000, order_type="stop_limit", symbol="ETH")
    known_order(firm.account, 72_000_000_001, reduce_only=True, side="ask")
    client = signed_in(firm.head)
    text = folded(client.get(ask_by_scope(client, firm).url))
    for said in (
        "1 reduce-only",
        "1 stop or take-profit",
        "100,000",  # notional: four times half a BTC at 50,000
        "Cancel 4 orders",
        "Sync first",
        "credits of 100 left",
        "Alpha",
    ):
        assert said in text
    assert nothing_asked()


def test_a_preview_of_a_few_orders_shows_each_with_price_size_and_notional(firm):
    known_order(firm.account, 72_000_000_000, price="61000", price_number=61000)
    client = signed_in(firm.head)
    text = folded(client.get(send_list(firm, client, text="72000000000,BTC\n72000000001,BTC").url))
    for said in ("61,000", ">0.5<", "30,500", "72000000001", "not known here"):
        assert said in text


def test_a_preview_of_more_orders_counts_them_alone(firm):
    a_book(firm, 21)
    client = signed_in(firm.head)
    assert "71000000001" not in folded(client.get(ask_by_scope(client, firm).url))


def test_the_preview_flags_what_is_closed_and_what_is_unknown_here(firm):
    orders = a_book(firm, 3)
    Order.objects.filter(pk=orders[0].pk).update(state="closed")
    Order.objects.filter(pk=orders[1].pk).update(state="vanished")
    names = [str(order.order_id) for order in orders] + ["29000000000"]
    client = signed_in(firm.operator)
    text = folded(client.get(send_list(firm, client, text="\n".join(names)).url))
    assert "<b>2 are closed</b> by our last look and <b>1 is unknown</b> to this app" in text
    assert "<b>25,000</b><span>notional, USD, 1 without a price</span>" in text


def test_confirming_runs_exactly_the_frozen_set_with_the_reason(firm, preview):
    known_order(firm.account, 79_000_000_000)
    answer = confirm(signed_in(firm.head), preview, reason="fed day")
    job = CancelJob.objects.get()
    assert answer.url == url("orders_canceljob_change", job.pk)
    assert (job.cancels.count(), job.reason, job.preview) == (3, "fed day", preview)


def test_a_double_click_a_replay_and_the_back_button_are_one_job(firm, preview):
    client = signed_in(firm.head)
    assert confirm(client, preview).url == confirm(client, preview).url
    assert CancelJob.objects.count() == 1
    text = page(client, "orders_preview_change", preview.pk)
    assert "This was confirmed already" in text
    assert "dk-solid" not in text


def test_what_must_be_typed_is_asked_for_without_losing_the_reason(firm, preview):
    Desk.objects.update(confirm_above=2)
    client = signed_in(firm.head)
    answer = confirm(client, preview, reason="fed day", typed="2")
    text = folded(answer)
    assert answer.status_code == 422
    assert "Type 3 to confirm." in text
    assert 'value="fed day"' in text
    assert nothing_asked()
    assert confirm(client, preview, reason="fed day", typed="3").status_code == 302


def test_a_desk_that_asks_for_a_reason_gets_one(firm, preview):
    Desk.objects.update(needs_reason=True)
    client = signed_in(firm.head)
    assert "Momentum asks for a reason." in folded(confirm(client, preview))
    assert nothing_asked()


def test_a_get_confirms_nothing(firm, preview):
    client = signed_in(firm.head)
    for act in ("confirm", "sync", "anew"):
        assert client.get(url(f"orders_preview_{act}", preview.pk)).status_code == 405
    assert nothing_asked()


@pytest.mark.parametrize("who", ["operator", "stranger", "viewer", "auditor"])
def test_another_ones_preview_is_as_missing_as_a_missing_one(firm, preview, who):
    client = signed_in(getattr(firm, who))
    expected = 404 if who in {"operator", "stranger"} else 403
    assert client.get(url("orders_preview_change", preview.pk)).status_code == expected
    for act in ("confirm", "sync", "anew"):
        address = url(f"orders_preview_{act}", preview.pk)
        assert client.post(address).status_code == expected
    assert nothing_asked()


def test_sync_first_reads_the_books_and_makes_a_fresh_preview(firm, preview, monkeypatch):
    woken = []
    monkeypatch.setattr(wakeups, "sync", lambda *, account_id: woken.append(account_id))
    client = signed_in(firm.head)
    answer = client.post(url("orders_preview_sync", preview.pk))
    assert woken == [firm.account.pk]
    text = folded(client.get(answer.url))
    fragment = re.search(r'hx-get="([^"]+/fresh/[^"]+)"', text)[1].replace("&amp;", "&")
    assert "Reading the open orders" in folded(client.get(fragment))
    Account.objects.update(synced_at=now())
    assert "hx-post" in folded(client.get(fragment))
    known_order(firm.account, 79_000_000_000)
    moved = client.post(url("orders_preview_anew", preview.pk), headers={"HX-Request": "true"})
    made = Preview.objects.order_by("made_at").last()
    assert moved.headers["HX-Redirect"] == url("orders_preview_change", made.pk)
    assert made.count == 4


def test_sync_first_reads_the_oldest_books_and_says_how_many_of_all(firm, monkeypatch):
    woken, client = [], signed_in(firm.head)
    monkeypatch.setattr(wakeups, "sync", lambda *, account_id: woken.append(account_id))
    a_minute_ago = now() - timedelta(minutes=1)
    Account.objects.filter(pk=firm.account.pk).update(synced_at=a_minute_ago)
    others = [
        Account(
            name=f"Book {age_s}",
            desk=firm.momentum,
            address=str(firm.keypair().pubkey()),
            synced_at=a_minute_ago - timedelta(seconds=age_s),
        )
        for age_s in range(1, 52)
    ]
    accounts = [firm.account, *Account.objects.bulk_create(others)]
    for number, account in enumerate(accounts):
        known_order(account, 71_000_000_000 + number)
    shown = ask_by_scope(client, firm, side="bid").url
    text = folded(client.get(shown))
    assert "the oldest of 52 accounts" in text
    assert "Reads the 50 oldest of 52 accounts" in text
    answer = client.post(url("orders_preview_sync", Preview.objects.get().pk))
    assert woken == [account.pk for account in reversed(accounts[2:])]
    Account.objects.filter(pk__in=woken).update(synced_at=now())
    assert "Read 50 of 52 accounts" in folded(client.get(answer.url))
    client.post(url("orders_preview_sync", Preview.objects.get().pk))
    assert woken[50:52] == [accounts[1].pk, accounts[0].pk]


def test_a_filters_preview_is_made_anew_by_its_filter(firm):
    client = signed_in(firm.operator)
    tick(client, a_book(firm, 2), across=True, side="bid")
    known_order(firm.account, 72_000_000_000)
    known_order(firm.account, 72_000_000_001, side="ask")
    client.post(url("orders_preview_anew", Preview.objects.get().pk))
    assert set(Preview.objects.values_list("count", flat=True)) == {2, 3}


def test_an_old_preview_offers_to_be_made_anew_and_runs_nothing(firm, preview):
    Preview.objects.update(made_at=now() - timedelta(minutes=16))
    client = signed_in(firm.head)
    assert "Make it anew" in page(client, "orders_preview_change", preview.pk)
    assert "older than 15 minutes" in folded(confirm(client, preview))
    assert nothing_asked()


def test_a_changed_set_is_not_run_and_says_so(firm, preview):
    Preview.objects.update(targets="[]")
    client = signed_in(firm.head)
    assert "changed after it was shown" in page(client, "orders_preview_change", preview.pk)
    confirm(client, preview)
    assert nothing_asked()
