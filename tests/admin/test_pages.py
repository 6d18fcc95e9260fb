"""The frame of every page, the overview, jobs, open questions, and the age of books."""

import html
import json
import re

import pytest
from django.test import Client
from django.utils.timezone import now

from orders.lifecycle import wakeups
from orders.models import AuditRecord, Cancel, CancelJob, CancelStatus, JobStatus, Sender
from orders.pacifica.client import VERSION
from tests.helpers.screens import click, folded, known_order, page, signed_in, url


@pytest.mark.parametrize(
    ("network", "word"), [("paper", "PAPER"), ("testnet", "TESTNET"), ("mainnet", "MAINNET")]
)
def test_every_page_says_where_orders_go_the_sign_in_page_too(firm, settings, network, word):
    settings.PACIFICA_NETWORK = network
    banner = f'class="dk-banner dk-banner-{network}"'
    for client, name in ((Client(), "login"), (signed_in(firm.operator), "index")):
        text = page(client, name)
        assert banner in text
        assert f"<b>{word}</b>" in text
    assert ("orders are real money" in text) is (network == "mainnet")


def test_pages_say_when_nothing_is_sending(firm):
    operator = signed_in(firm.operator)
    assert "Nothing is sending right now" in page(operator, "index")
    Sender.objects.create(name="s", kind="sweep", started_at=now(), seen_at=now())
    assert "Nothing is sending right now" not in page(operator, "index")


def test_the_foot_tells_the_version_to_whoever_is_signed_in(firm):
    foot = f"Pacifica Desk {VERSION}</footer>"
    assert foot in page(signed_in(firm.viewer), "index")
    assert foot in page(signed_in(firm.operator), "orders_order_changelist")
    assert "</footer>" not in page(Client(), "login")


def test_signing_in_leads_to_the_overview(firm):
    form = {"username": "olivia", "password": "correct horse battery staple"}
    assert Client().post(url("login"), form).url == url("index")


@pytest.mark.parametrize("person", ["operator", "viewer", "administrator"])
def test_the_way_around_shows_what_the_person_can_use(firm, person):
    text = page(signed_in(getattr(firm, person)), "index")
    assert (url("orders_order_cancel_by_id") in text) is (person == "operator")
    assert (url("auth_user_changelist") in text) is (person == "administrator")


def test_a_job_shows_its_counts_and_follows_itself_while_it_runs(firm):
    operator = signed_in(firm.operator)
    click(operator, known_order(firm.account, 71_000_000_001))
    job = CancelJob.objects.get()
    assert 'hx-trigger="every 700ms' in page(operator, "orders_canceljob_change", job.pk)
    Cancel.objects.update(status=CancelStatus.CANCELLED, concluded_at=now())
    CancelJob.objects.update(status=JobStatus.DONE, done_at=now())
    assert 'hx-trigger="every 700ms' not in page(operator, "orders_canceljob_change", job.pk)
    answer = operator.get(url("orders_canceljob_progress", job.pk))
    assert answer.status_code == 286  # htmx asks no more
    assert "Cancelled 1" in folded(answer)


def test_open_questions_stand_in_a_list_of_their_own_and_in_the_frame(firm):
    operator = signed_in(firm.operator)
    click(operator, known_order(firm.account, 71_000_000_001))
    assert "71000000001" not in page(operator, "orders_cancel_changelist")
    Cancel.objects.update(
        status=CancelStatus.UNKNOWN, next_check_at=now(), explanation="No answer: reset."
    )
    text = page(operator, "orders_cancel_changelist")
    assert "71000000001" in text
    assert "No answer: reset." in text


def test_sync_now_wakes_a_sender_for_visible_accounts_only(firm, monkeypatch):
    woken = []
    monkeypatch.setattr(wakeups, "sync", lambda *, account_id: woken.append(account_id))
    operator = signed_in(firm.operator)
    ids = [firm.account.pk, firm.foreign_account.pk]
    assert operator.get(url("orders_account_sync"), {"account": ids}).status_code == 405
    answer = operator.post(url("orders_account_sync"), {"account": ids})
    assert answer.status_code == 200
    assert "being read" in folded(answer)
    assert woken == [firm.account.pk]
    foreign = operator.post(url("orders_account_sync"), {"account": firm.foreign_account.pk})
    assert foreign.status_code == 404


def test_the_age_is_followed_until_the_book_is_new(firm):
    operator, asked_at = signed_in(firm.operator), now()
    query = {"account": firm.account.pk, "asked_at": asked_at.isoformat()}
    assert "hx-trigger" in folded(operator.get(url("orders_account_book"), query))
    firm.account.synced_at = now()
    firm.account.save()
    assert "hx-trigger" not in folded(operator.get(url("orders_account_book"), query))


def test_looking_at_every_page_records_and_changes_nothing(firm):
    operator = signed_in(firm.operator)
    order = known_order(firm.account, 71_000_000_001)
    click(operator, order)
    before = (AuditRecord.objects.count(), Cancel.objects.count(), order.state)
    for noun in ("order", "canceljob", "cancel", "account", "agentwallet", "auditrecord"):
        page(operator, f"orders_{noun}_changelist")
    for name in ("index", "orders_order_cancel_by_id"):
        page(operator, name)
    page(operator, "orders_order_change", order.pk)
    page(operator, "orders_account_page", firm.account.pk)
    order.refresh_from_db()
    assert (AuditRecord.objects.count(), Cancel.objects.count(), order.state) == before


def test_no_page_holds_an_inline_handler_or_script_of_ours(firm):
    operator = signed_in(firm.operator)
    order = known_order(firm.account, 71_000_000_001)
    text = page(operator, "orders_order_change", order.pk)
    ours = text.split('<div class="dk-page">')[1]
    assert " onclick=" not in text
    assert "<script>" not in ours.split("</section>")[0]


def test_the_path_at_the_top_ends_at_the_page_itself(firm):
    head = signed_in(firm.head)
    for name, words in (
        ("orders_panicline_pull", "Panic"),
        ("orders_cancel_changelist", "Unresolved"),
    ):
        assert f'aria-current="page">{words}</span>' in page(head, name)


def test_accounts_and_people_lead_to_their_records(firm):
    log = url("orders_auditrecord_changelist")
    of_account = f'{log}?account={firm.account.pk}"'
    assert of_account in page(signed_in(firm.head), "orders_account_change", firm.account.pk)
    administrator = signed_in(firm.administrator)
    assert of_account in page(administrator, "orders_account_change", firm.account.pk)
    person = page(administrator, "auth_user_change", firm.operator.pk)
    assert f'{log}?operator={firm.operator.username}"' in person


def test_overview_is_the_first_entry_of_the_menu_and_alone_active_there(firm):
    text = page(signed_in(firm.viewer), "index")
    menu = text.split('id="nav-sidebar-apps"')[1]
    links = re.findall(r'<a href="([^"]+)" class="([^"]+)"', menu)
    assert links[0][0] == url("index")
    assert [link for link, classes in links if " active" in classes] == [url("index")]


def test_counts_of_menu_and_overview_follow(firm):
    operator = signed_in(firm.operator)
    order = known_order(firm.account, 71_000_000_001)
    known_order(firm.foreign_account, 71_000_000_002)
    before = operator.get(url("counts"))
    assert counts_of(before) == {
        "open_orders": "1 so far",  # nobody has read the account
        "running": 0,
        "unresolved": 0,
        "contradicted": 0,
        "drifts": 0,
    }
    version = {"Desk-Version": before["Desk-Version"]}
    assert operator.get(url("counts"), headers=version).status_code == 204
    click(operator, order)
    Cancel.objects.update(status=CancelStatus.UNKNOWN, next_check_at=now())
    after = operator.get(url("counts"), headers=version)
    assert counts_of(after) | {"drifts": 0} == counts_of(before) | {"running": 1, "unresolved": 1}
    text = page(operator, "index")
    assert text.count('data-count="unresolved"') == 2
    assert Client().get(url("counts")).status_code == 302


def counts_of(answer):
    return json.loads(html.unescape(re.search('data-counts="([^"]*)"', folded(answer))[1]))
