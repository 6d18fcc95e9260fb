"""Exports and archives: a stranger can check them, and sees when anything in them was changed."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest
from django.utils import timezone

from orders.access.permissions import NotAllowed
from orders.audit import log, reader, search
from orders.cancels import requests
from orders.delivery import worker
from orders.evidence import archive as log_archive
from orders.evidence import bundle, filed, request_checks
from orders.evidence.standalone import verify_export
from orders.models import AuditRecord, ErrandStatus, Event, Export, Membership, Role
from orders.operations.errands import background, exports


@pytest.fixture(autouse=True)
def _folders(settings, tmp_path):
    settings.EXPORT_DIR = tmp_path / "exports"


@pytest.fixture
def busy(firm):
    """A firm with something in its log on either desk."""
    firm.paper.reset()
    for account in (firm.account, firm.foreign_account):
        agent = account.agent_wallets.get().public_key
        firm.paper.account(account.address, agents=[agent])
    orders = firm.orders(3)
    ids = [order.pk for order in orders]
    requests.cancel_orders(
        user=firm.operator, actor=firm.actor(), order_ids=ids, reason="=1+1, she said"
    )
    worker.deliver_account(account_id=firm.account.pk)
    firm.orders(2, account=firm.foreign_account)
    return firm


def export(firm, **query):
    asked = exports.ask(user=firm.auditor, actor=firm.actor(firm.auditor), query=query)
    background.run_due()
    asked.refresh_from_db()
    return asked


def unpacked(done, tmp_path):
    with zipfile.ZipFile(exports.path_of(done)) as bundle:
        bundle.extractall(tmp_path)
        return tmp_path / bundle.namelist()[0].partition("/")[0]


def verify(path, *options):
    """The verifier that the export brings along, in a Python that knows nothing of the app."""
    script = path / "verify_export.py" if path.is_dir() else bundle.VERIFIER
    command = [sys.executable, "-I", str(script), str(path), *options]
    return subprocess.run(command, capture_output=True, text=True, cwd="/", env={}, check=False)


def lines_of(folder):
    return [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]


def test_an_export_holds_exactly_what_was_asked_for_and_checks_out(busy, tmp_path):
    done = export(busy, event="request")
    folder = unpacked(done, tmp_path)
    assert (done.status, done.record_count) == (ErrandStatus.DONE, 1)
    assert [line["record"]["event"] for line in lines_of(folder)] == ["request"]
    said = verify(folder)
    assert (said.returncode, "3 signatures" in said.stdout) == (0, True), said.stderr
    assert verify(exports.path_of(done)).returncode == 0


def test_an_export_never_leaves_the_desks_of_its_asker(busy, tmp_path):
    lines = lines_of(unpacked(export(busy), tmp_path))
    assert {line["record"]["desk_name"] for line in lines} == {"Momentum"}
    assert (
        len(lines)
        == AuditRecord.objects.filter(
            desk=busy.momentum, position__lte=Export.objects.get().until
        ).count()
    )


def test_who_may_not_verify_may_not_export_and_it_is_recorded(busy):
    for user in (busy.operator, busy.head, busy.viewer, busy.administrator):
        with pytest.raises(NotAllowed):
            exports.ask(user=user, actor=busy.actor(user), query={})
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 4


def test_the_right_is_asked_again_when_the_export_is_written(busy):
    asked = exports.ask(user=busy.auditor, actor=busy.actor(busy.auditor), query={})
    busy.auditor.memberships.update(role="viewer")
    background.run_due()
    asked.refresh_from_db()
    assert (asked.status, asked.file_name) == (ErrandStatus.FAILED, "")


def test_asking_making_and_taking_away_an_export_are_records(busy):
    done = export(busy)
    exports.record_download(export=done, actor=busy.actor(busy.auditor))
    wanted = [Event.EXPORT_ASKED, Event.EXPORTED, Event.EXPORT_DOWNLOADED]
    found = AuditRecord.objects.filter(event__in=wanted).order_by("position")
    assert [one.event for one in found] == wanted
    assert {one.operator_name for one in found} == {"audrey"}


def test_cells_cannot_become_formulas(busy, tmp_path):
    folder = unpacked(export(busy), tmp_path)
    rows = list(csv.reader(io.StringIO((folder / "records.csv").read_text(), newline="")))
    assert len(rows) == len(lines_of(folder)) + 1
    for bad in ("=1+1", "+1", "-1", "@x", "\t=1", " =1", "\r=1", "＝1", "|x", "%x"):
        assert bundle.safe(bad).startswith("'")
    assert bundle.safe("BTC") == "BTC"


TAMPERINGS = {
    "a word": lambda one: one["record"].update(operator_name="nobody"),
    "a time": lambda one: one["record"].update(at="2020-01-01T00:00:00.000000+00:00"),
    "an order": lambda one: one["record"]["orders"][0].__setitem__(3, "ETH"),
    "the payload": lambda one: one.update(payload="e30="),
    "its hash": lambda one: one.update(hash="0" * 64),
    "its place": lambda one: one["record"].update(position=one["record"]["position"] + 1),
    "a payload that is no text": lambda line: line.update(payload=[1]),
    "a hash that is missing": lambda line: line["record"].pop("kept_sha256"),
    "data nested without end": lambda line: line["record"].update(data="[" * 100_000),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_a_changed_record_is_found_and_named(busy, tmp_path, what):
    folder = unpacked(export(busy, event="request"), tmp_path)
    (line,) = lines_of(folder)
    position = line["record"]["position"]
    TAMPERINGS[what](line)
    (folder / "records.jsonl").write_text(json.dumps(line) + "\n")
    said = verify(folder)
    assert said.returncode == 1
    assert "records.jsonl is not the file" in said.stderr
    assert f"record {position}" in said.stderr or f"record {position + 1}" in said.stderr


def test_a_left_out_or_added_record_is_found(busy, tmp_path):
    folder = unpacked(export(busy), tmp_path)
    whole = (folder / "records.jsonl").read_text().splitlines(keepends=True)
    for changed in (whole[:-1], whole[1:], [*whole, whole[-1]]):
        (folder / "records.jsonl").write_text("".join(changed))
        assert verify(folder).returncode == 1


def test_a_bundle_signed_anew_by_somebody_else_does_not_pass_for_ours(busy, settings, tmp_path):
    done = export(busy)
    ours = json.loads((unpacked(done, tmp_path / "a") / "manifest.json").read_text())["public_key"]
    assert verify(exports.path_of(done), "--key", ours).returncode == 0
    settings.AUDIT_CHECKPOINT_KEY = "A" * 43 + "="
    forged = verify(unpacked(export(busy), tmp_path / "b"), "--key", ours)
    assert (forged.returncode, "manifest is not signed" in forged.stderr) == (1, True)


def test_without_a_key_the_export_says_that_nobody_signed_it(busy, settings, tmp_path):
    settings.AUDIT_CHECKPOINT_KEY = ""
    done = export(busy)
    assert "Not signed" in done.explanation
    said = verify(exports.path_of(done))
    assert (said.returncode, "not signed" in said.stderr) == (1, True)


def test_an_export_that_broke_off_goes_on_where_it_was(busy, tmp_path, monkeypatch):
    monkeypatch.setattr("orders.audit.reader.CHUNK", 2)
    asked = exports.ask(user=busy.auditor, actor=busy.actor(busy.auditor), query={})
    real, written = bundle.write_records, []

    def dies(folder, entries, **options):
        def some():
            for number, entry in enumerate(entries):
                if number == 5:
                    raise KeyboardInterrupt
                yield entry

        return real(folder, some(), **options)

    monkeypatch.setattr(bundle, "write_records", dies)
    with pytest.raises(KeyboardInterrupt):
        background.run_due()
    monkeypatch.setattr(
        bundle, "write_records", lambda *a, **k: written.append(real(*a, **k)) or written[-1]
    )
    assert background.run_due() == 0  # its lease still stands
    later = timezone.now() + timedelta(minutes=2)
    assert background.run_due(clock=lambda: later) == 1
    asked.refresh_from_db()
    assert written[0] == asked.record_count - 4
    assert verify(exports.path_of(asked)).returncode == 0


def test_an_export_that_broke_off_ends_where_a_desk_is_its_askers_no_more(busy, monkeypatch):
    Membership.objects.create(user=busy.auditor, desk=busy.basis, role=Role.AUDITOR)
    asked = exports.ask(user=busy.auditor, actor=busy.actor(busy.auditor), query={})
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(bundle, "write_records", Mock(side_effect=KeyboardInterrupt))
        background.run_due()
    Membership.objects.get(user=busy.auditor, desk=busy.momentum).delete()
    later = timezone.now() + timedelta(minutes=2)
    background.run_due(clock=lambda: later)
    asked.refresh_from_db()
    assert (asked.status, asked.explanation) == (ErrandStatus.FAILED, exports.NO_LONGER)


def test_an_export_of_nothing_is_not_called_covered(busy):
    done = export(busy, symbol="NONE")
    assert (done.record_count, done.explanation) == (0, "Signed. No record fits.")


def test_a_query_in_other_words_than_ours_is_refused(firm):
    with pytest.raises(search.BadQuery):
        search.matching({"password": "x"})
    with pytest.raises(search.BadQuery):
        search.matching({"from": "yesterday"})


def test_an_archive_holds_everything_before_a_day_and_checks_out(busy, tmp_path):
    moment = timezone.now() + timedelta(seconds=1)
    count = AuditRecord.objects.count()
    archive = log_archive.archive(before=moment, folder=tmp_path)
    assert archive.count == count
    assert AuditRecord.objects.count() == count + 1  # the archive is itself a record
    said = verify(archive.path)
    assert said.returncode == 0, said.stderr


def test_an_archive_stands_in_the_log_as_it_was_filed(busy, tmp_path, run):
    count = AuditRecord.objects.count()
    made = log_archive.archive(before=timezone.now() + timedelta(days=1), folder=tmp_path)
    code, out, said = run("audit_archive", "--compare", str(made.path))
    assert (code, f"its {count} records stand" in out) == (0, True), said


def test_an_archive_that_was_cut_is_not_called_as_it_was_filed(busy, tmp_path, run):
    made = log_archive.archive(before=timezone.now() + timedelta(days=1), folder=tmp_path)
    cut = tmp_path / "cut.zip"
    with zipfile.ZipFile(made.path) as whole, zipfile.ZipFile(cut, "w") as target:
        for name in whole.namelist():
            lines = whole.read(name).splitlines(keepends=True)
            target.writestr(name, b"".join(lines[:-2] if name.endswith("records.jsonl") else lines))
    code, _, err = run("audit_archive", "--compare", str(cut))
    assert (code, "it tells of no archive of these bytes" in err) == (1, True)


def test_a_record_that_stands_otherwise_or_not_at_all_is_found(busy, tmp_path, run, monkeypatch):
    made = log_archive.archive(before=timezone.now() + timedelta(days=1), folder=tmp_path)
    usual = filed._of_log

    def otherwise(entry):
        line = usual(entry)
        return line | {"payload": "AA=="} if entry.position == 2 else line

    monkeypatch.setattr(filed, "_of_log", otherwise)
    code, _, err = run("audit_archive", "--compare", str(made.path))
    assert (code, f"1 of {made.count} records" in err, "First: 2." in err) == (1, True, True)
    monkeypatch.setattr(filed, "_of_log", usual)
    monkeypatch.setattr(filed, "_entries", lambda count: map(usual, reader.entries(until=3)))
    assert filed.compare(made.path).differing == made.count - 3


@pytest.mark.parametrize("text", [b"", b"no zip"])
def test_what_is_no_archive_is_not_compared(db, tmp_path, run, text):
    file = tmp_path / "x.zip"
    file.write_bytes(text)
    code, _, err = run("audit_archive", "--compare", str(file))
    assert code == 2 and "is no archive" in err
    assert run("audit_archive", "--before", "2026-01-01")[0] == 2


def test_without_a_day_the_log_before_this_month_is_filed_and_held_against_it(
    busy, tmp_path, run, monkeypatch
):
    code, out, said = run("audit_archive", "--to", str(tmp_path))
    assert (code, "no record before that day" in said) == (1, True)  # it all happened today
    this_month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    earlier = timezone.now() + timedelta(seconds=1)
    real = log_archive.archive

    def archive(*, before, folder):
        assert before == this_month
        return real(before=earlier, folder=folder)

    monkeypatch.setattr(log_archive, "archive", archive)
    count = AuditRecord.objects.count()
    code, out, said = run("audit_archive", "--to", str(tmp_path))
    assert (code, f"its {count} records stand in the log" in out) == (0, True), said


def test_a_broken_log_is_not_archived(busy, tmp_path, monkeypatch):
    monkeypatch.setattr("orders.evidence.verify.chained", lambda *hashes: "x")
    with pytest.raises(log_archive.CannotArchive):
        log_archive.archive(before=timezone.now(), folder=tmp_path)
    assert list(tmp_path.glob("*archive*")) == []


def test_ugly_bytes_survive_an_export(firm, tmp_path):
    for ugly in (b"\x00nul", b"\xff\xfe", b"", b"x" * 100_000):
        fact = log.Fact(Event.ANSWER, desk=firm.momentum, body=ugly, data={"t": "\x00\ud800"})
        log.record(fact)
    done = export(firm, event="answer")
    assert verify(unpacked(done, tmp_path)).returncode == 0


def test_the_standalone_verifier_knows_every_request_that_the_log_may_hold():
    assert verify_export.TYPES == request_checks.TYPES
    assert verify_export.ACTIONS == request_checks.ACTIONS
    assert verify_export.HEADER == request_checks.HEADER
