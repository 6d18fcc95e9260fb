"""Bulk cancels in the browser: seen before they run, run once, and accounted for."""

import csv
import re
import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.timezone import now

from orders import delivery, waking
from orders.admin import books, lists
from orders.admin.progress import Pace
from orders.models import (
    Account,
    AuditRecord,
    Cancel,
    CancelJob,
    CancelStatus,
    Desk,
    Event,
    JobStatus,
    Membership,
    Order,
    Preview,
    Role,
    Sender,
)
from tests.screens import click, known_order, nothing_asked, page, signed_in, url


def a_book(firm, count=30, first=71_000_000_000, **fields):
    """Orders of the app alone, all alike; the first one leads."""
    lead = known_order(firm.account, first, **fields)
    columns = {f.attname: getattr(lead, f.attname) for f in Order._meta.fields if f.name != "id"}
    rows = [Order(**columns | {"order_id": first + n}) for n in range(1, count)]
    Order.objects.bulk_create(rows)
    return list(Order.objects.filter(order_id__gte=first, order_id__lt=first + count))


def tick(client, orders, across=False, **query):
    """Tick rows, or all that match, and press *Cancel selected*."""
    data = {
        "action": "cancel_selected",
        "_selected_action": [order.pk for order in orders],
        "select_across": "1" if across else "0",
        "index": "0",
    }
    return client.post(url("orders_order_changelist"), data, query_params=query)


def ask_by_scope(client, firm, **fields):
    form = {"desk": firm.momentum.pk, "order_of_work": "oldest", **fields}
    return client.post(url("orders_preview_scope"), form)


def confirm(client, preview, **fields):
    return client.post(url("orders_preview_confirm", preview.pk), fields)


@pytest.fixture
def preview(firm):
    """Three bids of the desk head, frozen."""
    a_book(firm, 3)
    ask_by_scope(signed_in(firm.head), firm, side="bid")
    return Preview.objects.get()


# Starting from the list


def test_more_than_a_few_ticked_rows_go_to_a_preview_and_nothing_is_asked(firm, settings):
    settings.URGENT_UP_TO = 2
    orders, client = a_book(firm, 5), signed_in(firm.operator)
    answer = tick(client, orders[:3])
    made = Preview.objects.get()
    assert answer.url == url("orders_preview_change", made.pk)
    assert made.count == 3
    assert nothing_asked()


def test_more_ticked_rows_than_their_desk_lets_pass_are_confirmed_by_typing(firm):
    orders, client = a_book(firm, 5), signed_in(firm.operator)
    Desk.objects.filter(pk=firm.basis.pk).update(confirm_above=1)  # not the desk of these
    assert "request_key" in tick(client, orders[:3]).content.decode()
    Desk.objects.update(confirm_above=2)
    answer = tick(client, orders[:3])
    assert 'Type <b class="dk-key">3</b>' in client.get(answer.url).content.decode()
    forged = {"ids": ",".join(str(o.pk) for o in orders[:3]), "request_key": str(uuid.uuid4())}
    client.post(url("orders_order_cancel_selected"), forged)
    assert nothing_asked()


def test_all_that_match_means_exactly_the_filter_shown(firm):
    bids, _ = a_book(firm, 4), a_book(firm, 3, 72_000_000_000, side="ask")
    known_order(firm.account, 73_000_000_000, state="closed")
    tick(signed_in(firm.operator), bids[:1], across=True, side="bid", symbol="BTC")
    made = Preview.objects.get()
    assert made.count == 4
    assert made.scope == "every open order with symbol BTC, side Bid"
    confirm(signed_in(firm.operator), made)
    named = set(Cancel.objects.values_list("order_id", flat=True))
    assert named == {order.order_id for order in bids}


def test_a_search_bounds_all_that_match(firm):
    a_book(firm, 2)
    known_order(firm.account, 88_000_000_001)
    tick(signed_in(firm.operator), Order.objects.all()[:1], across=True, q="88")
    assert Preview.objects.get().count == 1


def test_all_without_a_filter_is_everything_and_asks_for_the_desks_name(firm):
    tick(signed_in(firm.operator), a_book(firm, 3), across=True)
    made = Preview.objects.get()
    text = page(signed_in(firm.operator), "orders_preview_change", made.pk)
    assert made.is_everything
    assert 'Type <b class="dk-key">Momentum</b>' in text


def test_orders_of_two_desks_make_two_previews_to_be_confirmed_each(firm):
    Membership.objects.create(user=firm.operator, desk=firm.basis, role=Role.OPERATOR)
    a_book(firm, 2)
    known_order(firm.foreign_account, 66_000_000_001)
    text = tick(signed_in(firm.operator), Order.objects.all()[:1], across=True).content.decode()
    assert Preview.objects.count() == 2
    assert text.count("/change/") >= 2
    assert "Basis: 1 order" in text


def test_each_desks_preview_counts_its_own_orders(firm, settings):
    settings.URGENT_UP_TO = 2
    Membership.objects.create(user=firm.operator, desk=firm.basis, role=Role.OPERATOR)
    orders = [*a_book(firm, 3), known_order(firm.foreign_account, 66_000_000_001)]
    tick(signed_in(firm.operator), orders)
    told = {made.desk.name: made.scope for made in Preview.objects.select_related("desk")}
    assert told == {"Momentum": "3 selected orders", "Basis": "1 selected order"}


def test_orders_of_a_deactivated_account_are_left_out_and_counted(firm, settings):
    settings.URGENT_UP_TO = 2
    idle = firm.new_account("Idle", firm.momentum)
    orders = [*a_book(firm, 3), known_order(idle, 66_000_000_001)]
    Account.objects.filter(pk=idle.pk).update(is_active=False)
    client = signed_in(firm.operator)
    answer = tick(client, orders)
    assert Preview.objects.get().count == 3
    assert (
        "1 left out: no longer open, on a deactivated account"
        in client.get(answer.url).content.decode()
    )


def test_a_selection_made_anew_says_how_many_are_left_of_it(firm, settings):
    settings.URGENT_UP_TO = 2
    client, orders = signed_in(firm.operator), a_book(firm, 5)
    tick(client, orders)
    for order in orders[:2]:
        Order.objects.filter(pk=order.pk).update(state="closed")
        client.post(url("orders_preview_anew", Preview.objects.latest("made_at").pk))
    assert Preview.objects.latest("made_at").scope == "3 of 5 selected orders"


def test_words_that_are_cut_say_so(firm):
    a_book(firm, 2)
    symbols = ", ".join(["BTC", *(f"COIN{n}" * 5 for n in range(12))])
    ask_by_scope(signed_in(firm.head), firm, symbols=symbols)
    made = Preview.objects.get()
    assert (len(made.scope), made.scope[-1]) == (200, "…")


def test_what_is_not_yours_to_cancel_is_left_out_of_all_that_match(firm):
    Membership.objects.create(user=firm.operator, desk=firm.basis, role=Role.VIEWER)
    a_book(firm, 2)
    known_order(firm.foreign_account, 66_000_000_001)
    client = signed_in(firm.operator)
    answer = tick(client, Order.objects.all()[:1], across=True)
    assert Preview.objects.get().count == 2
    assert "1 left out" in client.get(answer.url).content.decode()


# Starting from a scope


def test_the_scope_form_freezes_what_matches(firm):
    a_book(firm, 3)
    a_book(firm, 2, 72_000_000_000, symbol="ETH")
    a_book(firm, 1, 73_000_000_000, symbol="ETH", reduce_only=True)
    fields = {"symbols": "ETH, SOL", "spare_reduce_only": "on", "min_price": "10"}
    answer = ask_by_scope(signed_in(firm.head), firm, **fields)
    made = Preview.objects.get()
    assert answer.url == url("orders_preview_change", made.pk)
    assert (made.count, made.made_by) == (2, firm.head)
    assert "sparing reduce-only" in made.scope


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"symbols": "BTC ETH"}, "Write the symbol as on Pacifica"),
        ({"min_price": "much"}, "Write the price as a number"),
        ({"min_price": "5", "max_price": "4"}, "The highest price is below the lowest."),
        ({"older_than": "soon"}, "Write the age as a whole number."),
        ({"symbols": "DOGE"}, "Nothing matches"),
        ({"accounts": "999"}, "999 is not one of the available choices"),
    ],
)
def test_each_wrong_input_has_its_sentence_and_nothing_typed_is_lost(firm, fields, sentence):
    a_book(firm, 1)
    answer = ask_by_scope(signed_in(firm.head), firm, **{"max_price": "77777"} | fields)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in text
    assert "77777" in text or "max_price" in fields
    assert not Preview.objects.exists()


def test_a_scope_on_a_foreign_desk_is_refused_on_the_record(firm):
    known_order(firm.foreign_account, 66_000_000_001)
    answer = ask_by_scope(signed_in(firm.head), firm, desk=firm.basis.pk)
    assert answer.status_code == 422
    assert "Basis" not in answer.content.decode()
    assert not Preview.objects.exists()
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED, operator=firm.head).exists()


@pytest.mark.parametrize("who", ["operator", "viewer", "auditor", "administrator"])
def test_the_scope_form_is_for_desk_heads(firm, who):
    client = signed_in(getattr(firm, who))
    assert client.get(url("orders_preview_scope")).status_code == 403
    assert ask_by_scope(client, firm).status_code == 403


# Starting from a list


def send_list(firm, client=None, **fields):
    client = client or signed_in(firm.operator)
    form = {"account": firm.account.pk, "symbol": "BTC"} | fields
    return client.post(url("orders_preview_list"), form)


def file_of(content, name="orders.csv"):
    return SimpleUploadedFile(name, content)


def test_a_pasted_list_goes_to_its_preview(firm):
    orders = a_book(firm, 2)
    send_list(firm, text=f"{orders[0].order_id}\n{orders[1].order_id},BTC\n29000000000,ETH,twap")
    assert Preview.objects.get().count == 3


def test_a_file_goes_to_its_preview_byte_order_mark_and_all(firm):
    send_list(firm, file=file_of(b"\xef\xbb\xbforder_id\r\n28000000001\r\n28000000002\r\n"))
    assert Preview.objects.get().count == 2


def test_bad_lines_are_named_what_was_pasted_stays_and_nothing_starts(firm):
    answer = send_list(firm, text="28000000001\nhello\n28000000001")
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "2 bad lines: nothing was started." in text
    assert "neither an order id nor a client order id" in text
    assert "same order as line 1" in text
    assert "28000000001\nhello" in text
    assert not Preview.objects.exists()


def test_one_odd_byte_makes_its_line_bad_not_the_file(firm):
    text = b"28000000001\r\n28000000002\xa0\r\n28000000003\r\n"
    text = send_list(firm, file=file_of(text)).content.decode()
    assert "1 bad line: nothing was started." in text
    assert "holds a byte that is no UTF-8 text" in text
    assert not Preview.objects.exists()


def test_what_a_spreadsheet_calls_unicode_text_is_read(firm):
    text = "order_id\tsymbol\r\n28000000001\tETH\r\n".encode("utf-16")
    send_list(firm, file=file_of(text))
    assert Preview.objects.get().count == 1


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Paste the order ids, or choose a file"),
        ({"text": "1", "file": file_of(b"2")}, "one of them"),
        ({"file": file_of(b"")}, "The file is empty."),
        ({"file": file_of(b"\x89PNG\r\n\x1a\n\xff", "p.png")}, "not plain text"),
        ({"file": file_of(b"1\x002")}, "not plain text"),
        ({"file": file_of(b"1\n" * 501)}, "larger than 1 MiB"),
        ({"text": "1\n" * 501}, "larger than 1 MiB"),
        ({"text": "1", "account": "999999"}, "There is no such account"),
    ],
    ids=["nothing", "both", "empty", "picture", "nul", "large", "large-text", "foreign"],
)
def test_each_wrong_list_has_its_sentence(firm, monkeypatch, fields, sentence):
    assert lists.MOST_BYTES == 1024 * 1024
    monkeypatch.setattr(lists, "MOST_BYTES", 1000)
    answer = send_list(firm, **fields)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Preview.objects.exists()


def test_a_long_list_of_unknown_orders_costs_few_queries(firm, django_assert_max_num_queries):
    text = "\n".join(str(29_000_000_000 + n) for n in range(1200))
    with django_assert_max_num_queries(40):
        send_list(firm, text=text)
    assert Preview.objects.get().count == 1200


# The preview


def test_the_preview_says_what_would_happen(firm):
    a_book(firm, 2)
    known_order(firm.account, 72_000_000_000, order_type="stop_limit", symbol="ETH")
    known_order(firm.account, 72_000_000_001, reduce_only=True, side="ask")
    client = signed_in(firm.head)
    text = client.get(ask_by_scope(client, firm).url).content.decode()
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


def test_the_preview_flags_what_is_closed_and_what_is_unknown_here(firm):
    orders = a_book(firm, 3)
    Order.objects.filter(pk=orders[0].pk).update(state="closed")
    Order.objects.filter(pk=orders[1].pk).update(state="vanished")
    names = [str(order.order_id) for order in orders] + ["29000000000"]
    client = signed_in(firm.operator)
    text = client.get(send_list(firm, client, text="\n".join(names)).url).content.decode()
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
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "Type 3 to confirm." in text
    assert 'value="fed day"' in text
    assert nothing_asked()
    assert confirm(client, preview, reason="fed day", typed="3").status_code == 302


def test_a_desk_that_asks_for_a_reason_gets_one(firm, preview):
    Desk.objects.update(needs_reason=True)
    client = signed_in(firm.head)
    assert "Momentum asks for a reason." in confirm(client, preview).content.decode()
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
    monkeypatch.setattr(waking, "sync", lambda *, account_id: woken.append(account_id))
    client = signed_in(firm.head)
    answer = client.post(url("orders_preview_sync", preview.pk))
    assert woken == [firm.account.pk]
    text = client.get(answer.url).content.decode()
    fragment = re.search(r'hx-get="([^"]+/fresh/[^"]+)"', text)[1].replace("&amp;", "&")
    assert "Reading the book" in client.get(fragment).content.decode()
    Account.objects.update(synced_at=now())
    assert "hx-post" in client.get(fragment).content.decode()
    known_order(firm.account, 79_000_000_000)
    moved = client.post(url("orders_preview_anew", preview.pk), headers={"HX-Request": "true"})
    made = Preview.objects.order_by("made_at").last()
    assert moved.headers["HX-Redirect"] == url("orders_preview_change", made.pk)
    assert made.count == 4


def test_sync_first_reads_the_oldest_books_and_says_how_many_of_all(firm, monkeypatch):
    monkeypatch.setattr(books, "MOST_ACCOUNTS", 2)
    woken, client = [], signed_in(firm.head)
    monkeypatch.setattr(waking, "sync", lambda *, account_id: woken.append(account_id))
    accounts = [firm.account, *(firm.new_account(name, firm.momentum) for name in ("B", "C"))]
    for age_s, account in enumerate(accounts):
        known_order(account, 71_000_000_000 + age_s)
        synced_at = now() - timedelta(seconds=60 + age_s)
        Account.objects.filter(pk=account.pk).update(synced_at=synced_at)
    shown = ask_by_scope(client, firm, side="bid").url
    text = client.get(shown).content.decode()
    assert "the oldest of 3 accounts" in text
    assert "Reads the 2 oldest of 3 books" in text
    answer = client.post(url("orders_preview_sync", Preview.objects.get().pk))
    assert woken == [accounts[2].pk, accounts[1].pk]
    Account.objects.filter(pk__in=woken).update(synced_at=now())
    assert "Read 2 of 3 accounts" in client.get(answer.url).content.decode()
    client.post(url("orders_preview_sync", Preview.objects.get().pk))
    assert woken[2] == accounts[0].pk


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
    assert "older than 15 minutes" in confirm(client, preview).content.decode()
    assert nothing_asked()


def test_a_changed_set_is_not_run_and_says_so(firm, preview):
    Preview.objects.update(targets="[]")
    client = signed_in(firm.head)
    assert "changed after it was shown" in page(client, "orders_preview_change", preview.pk)
    confirm(client, preview)
    assert nothing_asked()


# The job


@pytest.fixture
def job(firm, preview):
    confirm(signed_in(firm.head), preview, reason="fed day")
    return CancelJob.objects.get()


def rest(job, *statuses):
    """Bring a job's cancels to rest with these outcomes, in the order they were asked."""
    for cancel, status in zip(job.cancels.order_by("pk"), statuses, strict=True):
        Cancel.objects.filter(pk=cancel.pk).update(status=status, concluded_at=now())
    CancelJob.objects.filter(pk=job.pk).update(status=JobStatus.DONE, done_at=now())


def test_a_running_job_shows_its_pace_and_is_seen_from_every_page(firm, job):
    CancelJob.objects.update(is_urgent=False)
    client = signed_in(firm.operator)
    text = page(client, "orders_canceljob_change", job.pk)
    for said in ("waiting to be sent", "a second", "credits left", "fed day", "hannah"):
        assert said in text
    assert job.scope in page(client, "orders_account_changelist")
    assert job.scope not in page(signed_in(firm.stranger), "orders_account_changelist")


def test_the_pace_counts_what_was_worked_off_not_what_was_stopped(firm, job):
    rest(job, CancelStatus.CANCELLED, CancelStatus.STOPPED, CancelStatus.EXPIRED)
    CancelJob.objects.update(status=JobStatus.STOPPING, created_at=now() - timedelta(seconds=20))
    job.refresh_from_db()
    assert Pace(job, now()).rate == pytest.approx(1 / 10, rel=0.1)
    CancelJob.objects.update(status=JobStatus.DONE)
    job.refresh_from_db()
    assert Pace(job, now()).rate == pytest.approx(1 / 20, rel=0.1)


def test_every_page_follows_what_runs_and_whether_anything_sends(firm, job):
    CancelJob.objects.update(is_urgent=False)
    client, here = signed_in(firm.operator), url("orders_canceljob_change", job.pk)
    shown = page(client, "orders_account_changelist")
    address = re.search(r'hx-get="([^"]+/running/[^"]+)"', shown)[1]
    assert address.endswith(f"?here={url('orders_account_changelist')}")

    def followed(client=client, address=address):
        answer = client.get(address, headers={"HX-Request": "true"})
        assert answer.headers["Desk-Fragment"]
        return answer.content.decode()

    assert job.scope in followed()
    assert "Nothing is sending right now" in followed()
    assert f"?here={url('orders_account_changelist')}" in followed()  # it goes on asking the same
    assert job.scope not in followed(address=f"{url('orders_canceljob_running')}?here={here}")
    assert job.scope not in followed(client=signed_in(firm.stranger))
    rest(job, *[CancelStatus.CANCELLED] * 3)
    Sender.objects.create(name="w", kind="worker", started_at=now(), seen_at=now())
    assert "Running" not in followed()
    assert "Nothing is sending" not in followed()


def test_the_frame_names_three_jobs_and_counts_the_others(firm, job):
    about = {"desk": firm.momentum, "created_at": now(), "is_urgent": False}
    for number in range(5):
        actor = firm.actor().columns()
        CancelJob.objects.create(scope=f"bulk number {number}", **about, **actor)
    shown = page(signed_in(firm.operator), "orders_account_changelist")
    assert len([n for n in range(5) if f"bulk number {n}" in shown]) == 3
    assert ">2 more</a>" in shown


def test_a_changed_set_breaks_neither_the_jobs_page_nor_its_download(firm):
    client, job = signed_in(firm.head), one_was_skipped(firm)
    rest(job, *[CancelStatus.CANCELLED] * 3)
    Preview.objects.update(targets="[]")
    assert "changed after it was shown" in page(client, "orders_canceljob_appeared", job.pk)
    rows = page(client, "orders_canceljob_download", job.pk).splitlines()
    assert len(rows) == 1 + 3 + 1
    assert "skipped orders cannot be told" in rows[-1]


def test_stop_is_offered_while_it_runs_and_resume_once_it_is_stopped(firm, job):
    client = signed_in(firm.head)
    assert 'id="stop"' in page(client, "orders_canceljob_change", job.pk)
    client.post(url("orders_canceljob_stop", job.pk))
    text = page(client, "orders_canceljob_change", job.pk)
    assert 'id="stop"' not in text
    assert 'id="resume"' in text


def test_another_ones_bulk_job_is_stopped_by_an_operator_and_not_resumed(firm, job):
    CancelJob.objects.update(is_urgent=False)
    client = signed_in(firm.operator)
    assert 'id="stop"' in page(client, "orders_canceljob_change", job.pk)
    client.post(url("orders_canceljob_stop", job.pk))
    assert 'id="resume"' not in page(client, "orders_canceljob_change", job.pk)
    assert client.post(url("orders_canceljob_resume", job.pk)).status_code == 403


def press_retry(client, job, text):
    """Press *Retry* on a page that was drawn before."""
    key = re.search(r'name="request_key" value="([^"]+)"', text)[1]
    return client.post(url("orders_canceljob_retry", job.pk), {"request_key": key}, follow=True)


def test_two_people_who_press_the_same_retry_ask_for_two(firm, job):
    rest(job, *[CancelStatus.REFUSED] * 3)
    clients = [signed_in(firm.head), signed_in(firm.operator)]
    drawn = [page(client, "orders_canceljob_change", job.pk) for client in clients]
    for client, text in zip(clients, drawn, strict=True):
        assert "3 cancels recorded" in press_retry(client, job, text).content.decode()
        rest(CancelJob.objects.latest("pk"), *[CancelStatus.REFUSED] * 3)
    assert CancelJob.objects.count() == 3


@pytest.mark.parametrize("act", ["resume", "retry"])
def test_resume_and_retry_are_offered_only_while_something_is_left(firm, job, act):
    rest(job, *[CancelStatus.STOPPED] * 3)
    CancelJob.objects.update(status=JobStatus.STOPPED)
    client = signed_in(firm.head)
    assert f'id="{act}"' in page(client, "orders_canceljob_change", job.pk)
    Order.objects.update(state="closed")
    assert f'id="{act}"' not in page(client, "orders_canceljob_change", job.pk)


def test_a_jobs_unresolved_cancels_are_a_click_away(firm, job):
    other = known_order(firm.account, 79_000_000_000)
    click(signed_in(firm.operator), other)
    client = signed_in(firm.operator)
    assert 'id="unresolved"' not in page(client, "orders_canceljob_change", job.pk)
    Cancel.objects.update(status=CancelStatus.UNKNOWN, next_check_at=now())
    text = page(client, "orders_canceljob_change", job.pk)
    assert "3 unresolved: check or send again" in text
    link = re.search(r'id="unresolved" href="([^"]+)"', text)[1]
    listed = client.get(link).content.decode()
    assert "71000000000" in listed
    assert "79000000000" not in listed
    for nonsense in ("x", "1" * 30):
        assert "71000000000" not in page(client, "orders_cancel_changelist", job=nonsense)
    assert 'id="unresolved"' not in page(signed_in(firm.viewer), "orders_canceljob_change", job.pk)


def one_was_skipped(firm):
    """A job of four frozen orders, of which somebody was quicker with one."""
    orders, client = a_book(firm, 4), signed_in(firm.head)
    ask_by_scope(client, firm, side="bid")
    click(client, orders[0])
    confirm(client, Preview.objects.get())
    return CancelJob.objects.get(preview__isnull=False)


def test_the_sum_at_the_end_adds_up_to_the_frozen_set(firm):
    client, job = signed_in(firm.head), one_was_skipped(firm)
    rest(job, CancelStatus.CANCELLED, CancelStatus.CANCELLED, CancelStatus.FILLED)
    text = " ".join(page(client, "orders_canceljob_change", job.pk).split())
    assert "<b>4 orders</b> frozen = 2 cancelled + 1 filled first + 1 skipped" in text


def test_what_appeared_since_the_freeze_is_listed_and_left_open(firm, job):
    newer = known_order(firm.account, 79_000_000_000)
    known_order(firm.account, 79_000_000_001, side="ask")  # not in the scope
    rest(job, *[CancelStatus.CANCELLED] * 3)
    Order.objects.filter(order_id__lt=79_000_000_000).update(state="closed")
    client = signed_in(firm.viewer)
    assert "/appeared/" in page(client, "orders_canceljob_change", job.pk)
    text = page(client, "orders_canceljob_appeared", job.pk)
    assert "1 order appeared in the scope since it was frozen: not cancelled" in text
    assert str(newer.order_id) in text


def test_what_appeared_under_a_lists_filter_is_listed_too(firm):
    client = signed_in(firm.operator)
    tick(client, a_book(firm, 2), across=True, side="bid", symbol="BTC")
    confirm(client, Preview.objects.get())
    known_order(firm.account, 79_000_000_000)
    known_order(firm.account, 79_000_000_001, symbol="ETH")
    text = page(client, "orders_canceljob_appeared", CancelJob.objects.get().pk)
    assert "1 order appeared" in text
    assert "79000000000" in text


def test_the_download_holds_every_order_of_the_frozen_set_and_is_recorded(firm, job):
    rest(job, CancelStatus.CANCELLED, CancelStatus.GONE, CancelStatus.REFUSED)
    Cancel.objects.update(explanation='=HYPERLINK("http://x")', symbol="@BTC")
    answer = signed_in(firm.operator).get(url("orders_canceljob_download", job.pk))
    rows = list(csv.DictReader(StringIO(answer.content.decode())))
    assert [row["outcome"] for row in rows] == ["cancelled", "gone", "refused"]
    assert {row["explanation"] for row in rows} == {'\'=HYPERLINK("http://x")'}
    assert {row["symbol"] for row in rows} == {"'@BTC"}
    record = AuditRecord.objects.get(event=Event.EXPORT_DOWNLOADED)
    assert (record.operator, record.job_id) == (firm.operator, job.pk)


def test_the_download_tells_of_what_was_skipped(firm):
    job = one_was_skipped(firm)
    answer = signed_in(firm.head).get(url("orders_canceljob_download", job.pk))
    rows = list(csv.DictReader(StringIO(answer.content.decode())))
    assert len(rows) == 4
    assert rows[-1]["order_id"] == "71000000000"
    assert rows[-1]["outcome"] == "skipped: already being cancelled"


def test_the_download_tells_of_a_skipped_order_whose_client_order_id_ran_under_another(firm):
    client, name = signed_in(firm.head), "f47ac10b-58cc-4372-a567-0e02b2c3d479"
    orders = [known_order(firm.account, 71_000_000_000 + n, client_order_id=name) for n in range(2)]
    ask_by_scope(client, firm, side="bid")
    click(client, orders[0])
    confirm(client, Preview.objects.get())
    job = CancelJob.objects.get(preview__isnull=False)
    Cancel.objects.exclude(job=job).update(client_order_id=None)
    Cancel.objects.filter(job=job).update(client_order_id=name)
    answer = client.get(url("orders_canceljob_download", job.pk))
    rows = list(csv.DictReader(StringIO(answer.content.decode())))
    assert [row["order_id"] for row in rows] == ["71000000001", "71000000000"]


def test_a_foreign_jobs_pieces_are_missing(firm, job):
    client = signed_in(firm.stranger)
    for piece in ("change", "progress", "appeared", "download"):
        assert client.get(url(f"orders_canceljob_{piece}", job.pk)).status_code == 404
    assert not AuditRecord.objects.filter(event=Event.EXPORT_DOWNLOADED).exists()


def test_the_table_is_filtered_by_outcome_symbol_and_account(firm, job):
    first, second, _ = job.cancels.order_by("pk")
    Cancel.objects.filter(pk=first.pk).update(status=CancelStatus.REFUSED)
    Cancel.objects.filter(pk=second.pk).update(symbol="ETH")
    client = signed_in(firm.operator)

    def shown(**query):
        text = page(client, "orders_canceljob_progress", job.pk, **query)
        return [n for n in range(3) if f">{71_000_000_000 + n}<" in text]

    assert shown() == [0, 1, 2]
    assert shown(status="refused") == [0]
    assert shown(symbol="ETH") == [1]
    assert shown(account=firm.account.pk) == [0, 1, 2]
    assert shown(account=firm.foreign_account.pk) == []
    assert shown(status="nonsense", p="zzz", account="x") == [0, 1, 2]


def test_thousands_of_cancels_show_and_refresh_in_as_many_queries_as_three(
    firm, job, django_assert_num_queries
):
    client = signed_in(firm.operator)

    def asked(piece):
        with django_assert_num_queries(40, exact=False) as queries:
            page(client, f"orders_canceljob_{piece}", job.pk)
        return len(queries)

    few = asked("change"), asked("progress")
    about = {"job": job, "account": firm.account, "symbol": "BTC", "requested_at": now()}
    ids = range(72_000_000_000, 72_000_001_500)
    Cancel.objects.bulk_create(Cancel(order_id=one, **about) for one in ids)
    assert (asked("change"), asked("progress")) == few
    assert few[1] < 20


def test_a_bulk_job_runs_from_form_to_summary_on_the_paper_exchange(firm):
    firm.orders(3)
    client = signed_in(firm.head)
    ask_by_scope(client, firm, side="bid")
    confirm(client, Preview.objects.get(), reason="flat")
    delivery.deliver_account(account_id=firm.account.pk)
    text = page(client, "orders_canceljob_change", CancelJob.objects.get().pk)
    assert "= 3 cancelled." in " ".join(text.split())
    assert 'hx-trigger="every 700ms"' not in text
