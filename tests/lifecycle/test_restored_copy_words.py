"""What people are told of a restored copy: on pages, in the terminal, by exports."""

import io
import json
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from orders.audit import log
from orders.cancels import requests
from orders.evidence import checkpoints
from orders.lifecycle import restored_copy, restored_copy_acceptance
from orders.management.commands import panic
from orders.models import AuditRecord, Cancel, Event, Export, PanicLine, PanicStatus, Restore
from orders.operations.errands import exports
from tests.helpers.copies import Copy
from tests.helpers.panics import QUICK
from tests.helpers.screens import page, signed_in, url


@pytest.fixture
def firm(committing_firm, monkeypatch):
    monkeypatch.setattr(restored_copy, "_told", set())
    return committing_firm


@pytest.fixture
def behind(firm):
    """A database that is older than its checkpoints, with a cancel and a panic waiting in it."""
    order, other = firm.orders(2)
    checkpoints.make()
    about = {"user": firm.operator, "actor": firm.actor()}
    requests.cancel_orders(order_ids=[order.pk], **about)
    copy = Copy()
    log.record(*(log.Fact(Event.LOGIN) for _ in range(5)))
    checkpoints.make()
    copy.put_back()
    firm.other = other
    return firm


@pytest.mark.parametrize("person", ["viewer", "operator", "head", "auditor", "administrator"])
def test_every_page_says_why_nothing_is_sent(behind, person):
    said = page(signed_in(getattr(behind, person)), "index")
    assert "older than its checkpoints" in said
    assert ("accept it or not" in said) == (person == "administrator")
    assert Restore.objects.count() == 0  # looking changes nothing


def test_an_administrator_accepts_on_the_page_with_a_reason(behind):
    client = signed_in(behind.administrator)
    assert "Accept this database" in page(client, "orders_restore_changelist")
    assert client.get(url("orders_restore_accept")).status_code == 405
    client.post(url("orders_restore_accept"), {"reason": ""})
    assert restored_copy.is_behind(timezone.now())
    answer = client.post(url("orders_restore_accept"), {"reason": "disk failed"}, follow=True)
    assert "1 cancel that waited" in answer.content.decode()
    assert "disk failed" in answer.content.decode()
    assert not restored_copy.is_behind(timezone.now())
    assert "older than" not in page(client, "index")


@pytest.mark.parametrize("person", ["viewer", "operator", "head", "auditor"])
def test_nobody_else_accepts_it_or_sees_that_page(behind, person):
    client = signed_in(getattr(behind, person))
    assert client.get(url("orders_restore_changelist")).status_code == 403
    assert client.post(url("orders_restore_accept"), {"reason": "because"}).status_code == 403
    assert restored_copy.is_behind(timezone.now())


def test_accepting_asks_for_a_fresh_proof(behind, monkeypatch):
    client = signed_in(behind.administrator)
    session = client.session
    session["desk_fresh_at"] = 0
    session.save()
    client.post(url("orders_restore_accept"), {"reason": "disk failed"})
    assert restored_copy.is_behind(timezone.now())


def test_the_terminal_cancels_nothing_and_says_why(behind):
    with pytest.raises(CommandError, match="older than its checkpoints") as error:
        call_command(
            "cancel",
            operator="olivia",
            account="Majors",
            symbol="BTC",
            order_id=[behind.other.order_id],
            reason="because",
        )
    assert error.value.returncode == 2
    assert Cancel.objects.count() == 1


def test_a_panic_from_the_terminal_says_why_and_is_sent(behind, quick_panic):
    told = io.StringIO()
    about = {"desk": "Momentum", "operator": "olivia", "reason": "because"}
    call_command(panic.Command(timings=QUICK), stderr=told, stdout=io.StringIO(), **about)
    assert "older than its checkpoints" in told.getvalue()
    assert PanicLine.objects.get().status == PanicStatus.EMPTY


def test_the_command_accepts_it_and_signs_that(behind):
    told = io.StringIO()
    name = behind.administrator.username
    call_command("accept_restored", operator=name, reason="disk failed", stdout=told)
    assert "Left to decide, one by one: 1 cancel" in told.getvalue()
    assert "Checkpoint 3 tells of it" in told.getvalue()
    log.record(log.Fact(Event.LOGIN))
    call_command("accept_restored", operator=name, reason="disk failed", stdout=told)
    assert told.getvalue().endswith("as far as is known.\nCheckpoint 4 is signed.\n")
    with pytest.raises(CommandError, match="Only administrators"):
        call_command("accept_restored", operator="olivia", reason="disk failed")


def test_without_any_checkpoint_the_pages_say_that_a_copy_could_not_be_noticed(firm):
    said = "could not be noticed"
    assert said in page(signed_in(firm.operator), "index")
    checkpoints.make()
    assert said not in page(signed_in(firm.operator), "index")


def test_records_of_it_read_as_sentences(behind):
    assert restored_copy.is_behind(timezone.now())
    actor = behind.actor(behind.administrator)
    restored_copy_acceptance.accept(user=behind.administrator, actor=actor, reason="disk failed")
    said = page(signed_in(behind.administrator), "orders_auditrecord_changelist")
    assert "An older copy of the database was put back: checkpoint 2 signed" in said
    assert "accepted the database that was put back" in said
    assert "Found waiting in a copy of the database that was put back: BTC" in said


@pytest.mark.parametrize("is_within", [False, True])
def test_an_export_across_a_copy_put_back_says_it_and_verifies(
    behind, settings, tmp_path, is_within
):
    said = verified(exported(behind, settings, tmp_path, is_within=is_within))
    assert said.returncode == 0, said.stderr
    assert "an older copy of the database was put back" in said.stdout
    assert "disk failed" in said.stdout


def test_a_restore_within_an_export_must_have_signed_its_chain(behind, settings, tmp_path):
    folder = exported(behind, settings, tmp_path, is_within=True)
    lines = (folder / "checkpoints.jsonl").read_text().splitlines()
    told = json.loads(lines[0]) | {"head": "0" * 64}
    del told["signature"]
    forged = checkpoints._signed(checkpoints.signing_key(), **told)
    (folder / "checkpoints.jsonl").write_text("\n".join([forged, *lines[1:], ""]))
    said = verified(folder)
    assert (said.returncode, "the chain is not the one" in said.stderr) == (1, True)


def exported(firm, settings, tmp_path, *, is_within):
    """An export, unpacked, of what was before and after; with the restore's checkpoint within it
    or at its end."""
    settings.EXPORT_DIR = tmp_path
    assert restored_copy.is_behind(timezone.now())
    actor = firm.actor(firm.administrator)
    restored_copy_acceptance.accept(user=firm.administrator, actor=actor, reason="disk failed")
    checkpoints.make()
    if is_within:
        about = {"user": firm.operator, "actor": firm.actor()}
        requests.cancel_orders(order_ids=[firm.other.pk], **about)
    about = {"user": firm.auditor, "actor": firm.actor(firm.auditor)}
    exports.ask(query={}, **about)
    exports.run(Export.objects.claim(timezone.now()))
    path = exports.path_of(Export.objects.get())
    with zipfile.ZipFile(path) as bundle:
        bundle.extractall(tmp_path)
    return tmp_path / path.stem


def verified(folder):
    command = [sys.executable, folder / "verify_export.py", folder]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_no_writer_makes_another_believe_that_the_database_is_behind(firm):
    """Checkpoints, records and looks, all at once: a look that is wrong would hold everything."""
    wrong, over = [], threading.Event()

    def write():
        for _ in range(40):
            log.record(log.Fact(Event.LOGIN))
            checkpoints.make()
        connection.close()

    def look():
        while not over.is_set():
            if restored_copy.look(timezone.now()) is not None:
                wrong.append(AuditRecord.objects.count())
        connection.close()

    writers = [threading.Thread(target=write) for _ in range(3)]
    lookers = [threading.Thread(target=look) for _ in range(3)]
    for thread in [*lookers, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    for thread in lookers:
        thread.join()
    assert wrong == []
    assert len(Path(checkpoints.settings.AUDIT_CHECKPOINT_FILE).read_text().splitlines()) > 1
    assert json.loads(checkpoint_line())["version"] == 1


def checkpoint_line():
    return Path(checkpoints.settings.AUDIT_CHECKPOINT_FILE).read_text().splitlines()[-1]
