"""A bulk job in the browser: watched, stopped, resumed, and accounted for to the last order."""

import codecs
import csv
import re
from datetime import timedelta
from io import StringIO

import pytest
from django.utils.timezone import now

from orders.admin.jobs.progress import Pace
from orders.delivery import worker
from orders.exchange import credits
from orders.models import (
    AuditRecord,
    Cancel,
    CancelJob,
    CancelStatus,
    CreditPool,
    Event,
    JobStatus,
    Order,
    Preview,
    Sender,
)
from tests.helpers.bulk import a_book, ask_by_scope, confirm, frozen, tick
from tests.helpers.screens import click, folded, known_order, page, signed_in, url


@pytest.fixture
def job(firm):
    confirm(signed_in(firm.head), frozen(firm), reason="fed day")
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
    CancelJob.objects.update(status=JobStatus.STOPPING, created_at=now() - timedelta(seconds=120))
    job.refresh_from_db()
    assert Pace(job, now()).rate == pytest.approx(1 / 60, rel=0.1)
    CancelJob.objects.update(status=JobStatus.DONE)
    job.refresh_from_db()
    assert Pace(job, now()).rate == pytest.approx(1 / 120, rel=0.1)


def test_the_time_left_is_told_by_the_last_answers_and_not_before_there_are_any(firm, job):
    CancelJob.objects.update(created_at=now() - timedelta(seconds=120))
    job.refresh_from_db()
    assert Pace(job, now()).left == ""
    assert "no answer yet to tell by" in page(
        signed_in(firm.head), "orders_canceljob_change", job.pk
    )
    one = job.cancels.order_by("pk").first()
    Cancel.objects.filter(pk=one.pk).update(
        status=CancelStatus.CANCELLED, concluded_at=now() - timedelta(seconds=30)
    )
    assert Pace(job, now()).left == "2 min"  # two wait, and the last minute had one answer


def test_a_job_that_waits_for_credits_says_so(firm, job):
    CancelJob.objects.update(is_urgent=False)
    job.refresh_from_db()
    assert not Pace(job, now()).dry
    pool = CreditPool.objects.create(name=credits.KEYLESS, quota=100)
    credits.pause(pool=pool.name, until=now() + timedelta(seconds=30))
    assert Pace(job, now()).dry
    assert "Paused by the exchange" in page(signed_in(firm.head), "orders_canceljob_change", job.pk)


def test_every_page_follows_what_runs_and_whether_anything_sends(firm, job):
    CancelJob.objects.update(is_urgent=False)
    client, here = signed_in(firm.operator), url("orders_canceljob_change", job.pk)
    shown = page(client, "orders_account_changelist")
    address = re.search(r'hx-get="([^"]+/running/[^"]+)"', shown)[1]
    assert address.endswith(f"?here={url('orders_account_changelist')}")

    def followed(client=client, address=address):
        answer = client.get(address, headers={"HX-Request": "true"})
        assert answer.headers["Desk-Fragment"]
        return folded(answer)

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
    answer = client.get(url("orders_canceljob_download", job.pk))
    rows = answer.content.decode().splitlines()
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
        assert "3 cancels recorded" in folded(press_retry(client, job, text))
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
    listed = folded(client.get(link))
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
    rows = list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["outcome"] for row in rows] == ["cancelled", "gone", "refused"]
    assert {row["explanation"] for row in rows} == {'\'=HYPERLINK("http://x")'}
    assert {row["symbol"] for row in rows} == {"'@BTC"}
    record = AuditRecord.objects.get(event=Event.EXPORT_DOWNLOADED)
    assert (record.operator, record.job_id) == (firm.operator, job.pk)


def test_a_spreadsheet_opens_the_download_as_utf_8(firm, job):
    answer = signed_in(firm.operator).get(url("orders_canceljob_download", job.pk))
    assert answer.content.startswith(codecs.BOM_UTF8)


def test_the_download_tells_of_what_was_skipped(firm):
    job = one_was_skipped(firm)
    answer = signed_in(firm.head).get(url("orders_canceljob_download", job.pk))
    rows = list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"))))
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
    rows = list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"))))
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
    worker.deliver_account(account_id=firm.account.pk)
    text = page(client, "orders_canceljob_change", CancelJob.objects.get().pk)
    assert "= 3 cancelled." in " ".join(text.split())
    assert 'hx-trigger="every 700ms"' not in text
