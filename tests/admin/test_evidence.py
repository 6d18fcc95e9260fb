"""The pages on which the log is verified and exported."""

import zipfile
from io import BytesIO

import pytest

from orders.admin.audit.verification_and_export_pages import OF_OTHERS
from orders.admin.shared import timings
from orders.audit import log
from orders.cancels import requests
from orders.delivery import worker
from orders.evidence import checkpoints
from orders.models import AuditRecord, ErrandStatus, Event, Export, Membership, Role, Verification
from orders.operations.errands import background
from tests.helpers.screens import click, folded, page, signed_in, url


@pytest.fixture(autouse=True)
def _folders(settings, tmp_path):
    settings.EXPORT_DIR = tmp_path / "exports"


def test_the_page_says_what_was_verified_and_what_is_newer(firm):
    browser = signed_in(firm.auditor)
    assert "never verified" in page(browser, "orders_verification_changelist")
    checkpoints.make()
    assert browser.post(url("orders_verification_ask")).status_code == 302
    background.run_due()
    text = page(browser, "orders_verification_changelist")
    assert "was whole when it was last verified" in text
    walk = Verification.objects.get()
    assert (walk.status, walk.fault_count) == (ErrandStatus.DONE, 0)
    asked, found = AuditRecord.objects.filter(event__startswith="verif").order_by("position")
    assert (asked.event, found.outcome) == (Event.VERIFICATION_ASKED, "whole")


def test_a_broken_log_is_said_to_be_broken(firm, monkeypatch):
    monkeypatch.setattr("orders.evidence.verify.content_hash", lambda *_: "x")
    browser = signed_in(firm.auditor)
    browser.post(url("orders_verification_ask"))
    background.run_due()
    assert "not whole" in page(browser, "orders_verification_changelist")


def test_without_a_checkpoint_the_page_says_what_that_means(firm):
    assert "No checkpoint covers any record" in page(
        signed_in(firm.auditor), "orders_verification_changelist"
    )


def test_one_verification_serves_all_who_ask_meanwhile(firm):
    browser = signed_in(firm.auditor)
    for _ in range(3):
        browser.post(url("orders_verification_ask"))
    assert Verification.objects.count() == 1


def test_only_auditors_and_administrators_see_the_page(firm):
    for user, status in ((firm.auditor, 200), (firm.administrator, 200), (firm.operator, 403)):
        browser = signed_in(user)
        assert browser.get(url("orders_verification_changelist")).status_code == status
        assert browser.get(url("orders_verification_state")).status_code == status
    assert signed_in(firm.operator).post(url("orders_verification_ask")).status_code == 403
    assert not Verification.objects.exists()


def test_the_filter_shown_is_the_filter_exported(firm):
    firm.order()
    browser = signed_in(firm.auditor)
    text = page(browser, "orders_auditrecord_changelist", event="sync", symbol="BTC")
    assert 'name="event" value="sync"' in text
    assert browser.post(url("orders_export_ask"), {"event": "sync", "symbol": "BTC"}).status_code
    background.run_due()
    done = Export.objects.get()
    assert (done.status, done.record_count) == (ErrandStatus.DONE, 1)
    assert "event sync" in done.words
    answer = browser.get(url("orders_export_download", done.pk))
    names = zipfile.ZipFile(BytesIO(b"".join(answer.streaming_content))).namelist()
    assert any(name.endswith("verify_export.py") for name in names)
    assert AuditRecord.objects.filter(event=Event.EXPORT_DOWNLOADED).count() == 1


def test_an_export_belongs_to_who_asked_for_it(firm):
    signed_in(firm.auditor).post(url("orders_export_ask"), {})
    background.run_due()
    done = Export.objects.get()
    other = firm.person("ada", firm.basis, "auditor")
    assert signed_in(other).get(url("orders_export_download", done.pk)).status_code == 404
    for user in (firm.operator, firm.head, firm.administrator):
        browser = signed_in(user)
        assert browser.get(url("orders_export_download", done.pk)).status_code == 403
        assert browser.post(url("orders_export_ask"), {}).status_code == 403
    assert not AuditRecord.objects.filter(event=Event.EXPORT_DOWNLOADED).exists()


def test_who_is_auditor_of_one_of_its_desks_no_more_takes_an_export_away_no_more(firm):
    Membership.objects.create(user=firm.auditor, desk=firm.basis, role=Role.AUDITOR)
    browser = signed_in(firm.auditor)
    browser.post(url("orders_export_ask"), {"desk": firm.momentum.pk})
    background.run_due()
    done = Export.objects.get()
    answer = browser.get(url("orders_export_download", done.pk))
    assert b"".join(answer.streaming_content)
    Membership.objects.get(user=firm.auditor, desk=firm.momentum).delete()
    browser = signed_in(firm.auditor)
    answer = browser.get(url("orders_export_download", done.pk), follow=True)
    assert [str(message) for message in answer.context["messages"]] == [OF_OTHERS]
    assert AuditRecord.objects.filter(event=Event.EXPORT_DOWNLOADED).count() == 1
    Export.objects.update(query="{}")  # an earlier release did not keep the desks
    assert browser.get(url("orders_export_download", done.pk)).status_code == 302


def test_administrators_see_who_exported_what_and_auditors_their_own(firm):
    signed_in(firm.auditor).post(url("orders_export_ask"), {"symbol": "BTC"})
    background.run_due()
    own = page(signed_in(firm.auditor), "orders_export_changelist")
    seen = page(signed_in(firm.administrator), "orders_export_changelist")
    assert "symbol BTC" in own
    assert "Download" in own
    assert "symbol BTC" in seen
    assert "audrey" in seen
    assert "Download" not in seen
    other = firm.person("ada", firm.basis, "auditor")
    assert "symbol BTC" not in page(signed_in(other), "orders_export_changelist")
    assert signed_in(firm.operator).get(url("orders_export_changelist")).status_code == 403


def test_an_unreadable_query_is_told_and_exports_nothing(firm):
    browser = signed_in(firm.auditor)
    said = browser.post(url("orders_export_ask"), {"from": "yesterday"}, follow=True)
    assert "Not exported" in folded(said)
    assert not Export.objects.exists()


def test_asking_by_get_does_nothing(firm):
    browser = signed_in(firm.auditor)
    for name in ("orders_export_ask", "orders_verification_ask"):
        assert browser.get(url(name)).status_code == 405


@pytest.mark.parametrize(
    ("name", "value", "found"), [("job", "1x", False), ("address", "::1", True)]
)
def test_the_log_is_filtered_by_job_and_address(firm, name, value, found):
    log.record(log.Fact(Event.LOGOUT, log.Actor(address="::1"), desk=firm.momentum))
    text = page(signed_in(firm.auditor), "orders_auditrecord_changelist", **{name: value})
    assert ("signed out" in text) is found


def test_an_orders_page_tells_each_step_in_milliseconds(firm):
    order = firm.order()
    click(signed_in(firm.operator), order)
    worker.deliver_account(account_id=firm.account.pk)
    text = page(signed_in(firm.auditor), "orders_order_change", order.pk)
    for label in ("Clicked", "Recorded for sending", "Sent", "First byte back", "Answered"):
        assert f">{label}</td>" in text
    found = timings.of_order(order)
    assert [step.at for step in found] == sorted(step.at for step in found)
    assert sum(step.gap_ms for step in found) == pytest.approx(found[-1].total_ms, abs=len(found))


def test_a_jobs_life_adds_up(firm, django_assert_max_num_queries):
    orders = firm.orders(12)
    ids = [order.pk for order in orders]
    asked = requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)
    worker.deliver_account(account_id=firm.account.pk)
    browser = signed_in(firm.auditor)
    with django_assert_max_num_queries(34):
        text = page(browser, "orders_canceljob_life", asked.jobs[0].pk)
    sums = timings.sums_of(asked.jobs[0])
    assert (sums["cancels"], sums["outcomes"]) == (12, [("cancelled", 12)])
    assert {one["event"]: one["n"] for one in sums["kinds"]}["request"] == 2
    assert "Its records, newest first" in text
    assert (
        signed_in(firm.stranger).get(url("orders_canceljob_life", asked.jobs[0].pk)).status_code
        == 404
    )


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "pacifica-desk-export-{}.zip"])
def test_an_export_comes_from_its_own_folder_whatever_its_row_says(firm, settings, name):
    browser = signed_in(firm.auditor)
    browser.post(url("orders_export_ask"))
    background.run_due()
    export = Export.objects.get()
    others = f"pacifica-desk-export-{export.pk + 1}.zip"  # the database counts on from test to test
    (settings.EXPORT_DIR.parent / "secret").write_text("hush")
    (settings.EXPORT_DIR / others).write_text("hush")
    Export.objects.update(file_name=name.format(export.pk + 1))
    answer = browser.get(url("orders_export_download", export.pk))
    assert b"".join(answer.streaming_content).startswith(b"PK")
    own = settings.EXPORT_DIR / f"pacifica-desk-export-{export.pk}.zip"
    assert own.name in answer["Content-Disposition"]
    own.unlink()
    own.symlink_to(settings.EXPORT_DIR.parent / "secret")
    assert browser.get(url("orders_export_download", export.pk)).status_code == 302
