"""The doctor names each trouble and what to do, shows no secret, and passes over no check."""

import base64
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as site
from django.core import mail
from django.db import OperationalError, connection, connections
from django.utils import timezone

from orders.accounts import key_rotation
from orders.audit import log
from orders.evidence import checkpoints
from orders.exchange import client
from orders.keys import key_settings
from orders.lifecycle import restored_copy
from orders.management import sweep, terminal
from orders.models import Account, AccountStream, AuditRecord, Event, SealedKey, Sender
from orders.models.account_stream import LEASE
from orders.models.clocks import MAY_DIFFER
from orders.operations.alerts import ways
from orders.operations.doctor import database_checks, examination, local_checks, outside_checks
from orders.operations.doctor.findings import NOT_ASKED, OK, TROUBLE, Asked, Limits
from tests.helpers.copies import Copy
from tests.helpers.hook import running_hook
from tests.helpers.terminal import process

NAMES = {each.name for each in examination.EXAMINATIONS}


@pytest.fixture
def firm(committing_firm):
    return committing_firm


@pytest.fixture
def well(firm, settings):
    """A site where nothing is wrong: senders and stream alive, everything under a checkpoint."""
    for path in (Path(settings.DATA_DIR), Path(settings.EXPORT_DIR)):
        path.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o700)
    for kind in ("sweep", "worker"):
        sweep.beat(kind, timezone.now())
    for account in Account.objects.all():
        AccountStream.objects.create(
            account=account, token="a", leased_until=timezone.now() + LEASE + MAY_DIFFER
        )
    checkpoints.make()
    return firm


def found(**asked):
    """Every finding, as (name, state) and whole."""
    return list(examination.examine(Asked(timezone.now(), **asked), Limits(0, 0)))


def troubles(findings=None):
    findings = found() if findings is None else findings
    return {one.name: f"{one.said} {one.todo}" for one in findings if one.state == TROUBLE}


def test_a_site_that_is_well_has_no_trouble(well):
    findings = found()
    assert troubles(findings) == {}
    not_asked = {one.name for one in findings if one.state == NOT_ASKED}
    assert not_asked == {"accounts", "mail", "routes", "sign-on", "time stamps", "webhook"}


def test_it_changes_nothing_and_records_nothing_unasked(well):
    before = AuditRecord.objects.count()
    found()
    assert AuditRecord.objects.count() == before


def test_every_trouble_says_what_to_do(well, settings, monkeypatch):
    Sender.objects.all().delete()
    settings.SETTING_WARNINGS = ["X: is no setting."]
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1"
    assert [one for one in found() if one.state == TROUBLE and not one.todo] == []


# --- Half broken ----------------------------------------------------------------------------------


def test_with_the_database_down_everything_else_is_still_checked(well, monkeypatch):
    def down(*_):
        raise OperationalError("password=hush")

    with monkeypatch.context() as patch:
        patch.setattr(type(connections["default"]), "cursor", down)
        findings = found()
    assert list(troubles(findings)) == ["database"]
    states = {one.name: one.state for one in findings}
    assert [states[n] for n in ("broker", "exchange", "disk")] == [OK] * 3
    needy = {each.name for each in examination.EXAMINATIONS if each.needs_database}
    assert {name for name in needy if states[name] != NOT_ASKED} == set()
    assert "hush" not in str(findings)


def test_a_check_that_fails_in_an_unknown_way_hides_no_other(well, monkeypatch):
    broken = examination.Examination("broken", lambda *_: 1 / 0)
    monkeypatch.setattr(examination, "EXAMINATIONS", (broken, *examination.EXAMINATIONS))
    findings = found()
    assert troubles(findings).keys() == {"broken"}
    assert "ZeroDivisionError" in findings[0].said
    assert len(findings) > len(NAMES)


def test_a_real_process_without_a_database_ends_with_one_and_says_the_rest(tmp_path):
    ended = process(
        "doctor", DATABASE_URL="postgres://ann:hush-hush@127.0.0.1:1/x", DATA_DIR=str(tmp_path)
    )
    assert ended.returncode == 1, ended.stderr
    assert "TROUBLE  database" in ended.stdout
    assert "audit log        the database cannot be used." in ended.stdout
    assert "ok       broker" in ended.stdout
    assert "hush-hush" not in ended.stdout + ended.stderr


def test_without_readable_settings_it_could_not_run(tmp_path):
    ended = process("doctor", "--json", PACIFICA_NETWORK="moon", DATA_DIR=str(tmp_path))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "PACIFICA_NETWORK" in ended.stderr
    assert process("doctor", "--nonsense", DATA_DIR=str(tmp_path)).returncode == 2


def test_a_database_file_that_is_missing_or_none_is_named_and_not_made(tmp_path):
    place = tmp_path / "desk.sqlite3"
    about = {"DATABASE_URL": f"sqlite:///{place}", "DATA_DIR": str(tmp_path)}
    assert "there is no such file. -> Stop every process, then" in process("doctor", **about).stdout
    assert not place.exists()
    place.write_bytes(b"no database" * 1000)
    assert (
        "it cannot be used (DatabaseError: file is not a database)"
        in process("doctor", **about).stdout
    )


# --- Keys -----------------------------------------------------------------------------------------


def half(number):
    return base64.b64encode(bytes([number]) * 32).decode()


def other_half(settings):
    settings.AGENT_KEY_SEALING_KEY = key_settings.new_opening_key("test")[1]


def another_id(settings):
    settings.AGENT_KEY_SEALING_KEY = key_settings.new_opening_key("tomorrow")[1]


def no_key_at_all(settings):
    settings.AGENT_KEY_OPENING_KEYS = "test:hush-hush"


def older_first(settings):
    newer, public = key_settings.new_opening_key("newer")
    settings.AGENT_KEY_OPENING_KEYS += f",{newer}"
    settings.AGENT_KEY_SEALING_KEY = public


def strange_public_key(settings):
    settings.AUDIT_CHECKPOINT_PUBLIC_KEYS = checkpoints.new_key()[1]


def short_checkpoint_key(settings):
    settings.AUDIT_CHECKPOINT_KEY = "hush-hush"


@pytest.mark.parametrize(
    ("spoil", "name", "words"),
    [
        (other_half, "opening keys", "is not the public half of 'test'"),
        (another_id, "opening keys", "does not hold"),
        (no_key_at_all, "opening keys", "each entry must be id:base64"),
        (older_first, "opening keys", "stands first"),
        (strange_public_key, "checkpoint key", "its public half is not in"),
        (short_checkpoint_key, "checkpoint key", "must be base64 of 32 bytes"),
    ],
)
def test_each_kind_of_key_trouble_is_named_and_no_key_shown(well, settings, spoil, name, words):
    spoil(settings)
    findings = found()
    assert words in troubles(findings)[name]
    told = str(findings)
    assert "hush-hush" not in told
    assert settings.AGENT_KEY_OPENING_KEYS.partition(":")[2][:20] not in told
    assert settings.AUDIT_CHECKPOINT_KEY[:20] not in told


def test_a_stored_key_whose_opening_key_is_gone_is_named(well):
    SealedKey.objects.filter(pk=SealedKey.objects.first().pk).update(sealed_with="last-year")
    assert key_rotation.stored()["last-year"] == 1
    assert "1 sealed to 'last-year'" in troubles()["stored keys"]


def test_the_web_is_not_asked_for_what_only_senders_hold(well, settings):
    settings.AGENT_KEY_SEALING_KEY = key_settings.new_opening_key("web")[1]
    settings.AGENT_KEY_OPENING_KEYS = settings.AUDIT_CHECKPOINT_KEY = ""
    settings.AUDIT_CHECKPOINT_PUBLIC_KEYS = checkpoints.new_key()[1]
    Path(settings.AUDIT_CHECKPOINT_FILE).unlink()
    findings = found(accounts=True)
    assert troubles(findings) == {}
    not_asked = {one.name for one in findings if one.state == NOT_ASKED}
    assert not_asked >= {"opening keys", "checkpoint key", "stored keys", "checkpoints", "accounts"}
    assert "restored copy" in not_asked  # without a checkpoint nobody here would notice one


# --- This host ------------------------------------------------------------------------------------


def test_what_others_may_open_is_named_with_the_command(well, settings):
    Path(settings.AUDIT_CHECKPOINT_FILE).chmod(0o644)
    said = troubles()["files"]
    assert f"chmod 0600 {settings.AUDIT_CHECKPOINT_FILE}" in said


@pytest.mark.parametrize("free", [1024, 3 * 1024**3])
def test_a_disk_that_runs_full_is_trouble_by_bytes_or_by_share(settings, free):
    total = 10**13
    some = local_checks.check_disks(
        Asked(timezone.now(), archives=Path("/")), Limits(), usage=lambda _: (total, 0, free)
    )
    assert {one.state for one in some} == {TROUBLE}
    plenty = local_checks.check_disks(
        Asked(timezone.now()), Limits(), usage=lambda _: (total, 0, total // 2)
    )
    assert {one.state for one in plenty} == {OK}


def test_a_warning_of_the_settings_is_trouble(well, settings):
    settings.SETTING_WARNINGS = ["ALLOWED_HOST: is no setting. Is ALLOWED_HOSTS meant?"]
    assert "ALLOWED_HOSTS meant" in troubles()["settings"]


# --- The database ---------------------------------------------------------------------------------


def test_a_missing_trigger_is_named(well):
    on = " ON orders_auditrecord" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER orders_auditrecord_no_delete{on}")
    assert "orders_auditrecord_no_delete" in troubles()["audit log"]


def test_a_migration_that_was_not_applied_is_named(well):
    with connection.cursor() as cursor:
        cursor.execute("SELECT MAX(name) FROM django_migrations WHERE app = 'orders'")
        (newest,) = cursor.fetchone()
        cursor.execute("DELETE FROM django_migrations WHERE name = %s", [newest])
    assert f"orders.{newest}" in troubles()["migrations"]


def test_a_database_of_another_network_is_named(well, settings):
    settings.PACIFICA_NETWORK = "testnet"
    assert "made for paper" in troubles()["audit log"]


def test_a_restored_copy_is_told_with_how_to_go_on_and_nothing_is_written(well, monkeypatch):
    monkeypatch.setattr(restored_copy, "_told", set())
    copy = Copy()
    log.record(log.Fact(Event.LOGIN))
    checkpoints.make()
    copy.put_back()
    before = AuditRecord.objects.count()
    said = troubles()["restored copy"]
    assert "older than its checkpoints" in said
    assert "accept_restored" in said
    assert AuditRecord.objects.count() == before


def test_each_kind_of_sender_that_is_silent_is_named(well):
    Sender.objects.filter(kind="worker").delete()
    assert troubles().keys() == {"worker"}
    Sender.objects.update(seen_at=timezone.now() - timedelta(minutes=1))
    assert troubles().keys() == {"worker", "sweep"}


def test_accounts_that_no_process_follows_are_counted(well, settings):
    AccountStream.objects.filter(account=well.account).update(leased_until=timezone.now())
    assert "no process follows 1 of " in troubles()["stream"]
    AccountStream.objects.all().delete()
    assert "Start one: python manage.py stream" in troubles()["stream"]
    settings.STREAM = False
    assert "stream" not in troubles()


def test_only_the_active_accounts_need_be_followed(well):
    AccountStream.objects.all().delete()
    Account.objects.update(is_active=False)
    assert "stream" not in troubles()


def test_a_checkpoint_file_of_another_key_is_trouble(well, settings, monkeypatch):
    monkeypatch.setattr(restored_copy, "_kept", (None, None))  # as a new process
    settings.AUDIT_CHECKPOINT_KEY, settings.AUDIT_CHECKPOINT_PUBLIC_KEYS = checkpoints.new_key()
    assert "another key signed it" in troubles()["checkpoints"]


def test_a_checkpoint_file_that_is_gone_spoiled_or_late_is_trouble(well, settings):
    place = Path(settings.AUDIT_CHECKPOINT_FILE)
    whole = place.read_bytes()
    place.unlink()
    assert "AUDIT_CHECKPOINT_FILE has none" in troubles()["checkpoints"]
    place.write_bytes(b"junk\n")
    place.chmod(0o600)
    assert "its last line is no checkpoint" in troubles()["checkpoints"]
    place.write_bytes(whole)
    log.record(log.Fact(Event.LOGIN))
    assert "checkpoints" not in troubles()
    later = Asked(timezone.now() + timedelta(minutes=11))
    assert "1 records are under none" in database_checks.check_checkpoints(later, Limits()).said


# --- Others ---------------------------------------------------------------------------------------


def test_a_broker_that_is_down_is_trouble_without_its_password(tmp_path):
    ended = process(
        "doctor", CELERY_BROKER_URL="redis://:hush-hush@127.0.0.1:1", DATA_DIR=str(tmp_path)
    )
    assert "TROUBLE  broker" in ended.stdout
    assert "Connection refused" in ended.stdout
    assert "hush-hush" not in ended.stdout + ended.stderr


def test_an_exchange_that_cannot_be_reached_is_trouble(well, settings):
    settings.PACIFICA_URL = "http://127.0.0.1:1/api/v1"
    client.forget()
    assert "the connection was refused" in troubles()["exchange"]


def test_the_web_needs_no_way_to_the_exchange(well, settings):
    settings.PACIFICA_URL = "http://127.0.0.1:1/api/v1"
    settings.AGENT_KEY_OPENING_KEYS = ""
    client.forget()
    (finding,) = [one for one in found() if one.name == "exchange"]
    assert finding.state == NOT_ASKED
    assert "the connection was refused" in finding.said


@pytest.mark.parametrize(("status", "words"), [(403, "HTTP 403"), (500, "HTTP 500")])
def test_an_exchange_that_turns_us_away_is_trouble(well, status, words):
    well.paper.fault("/info", "status", status=status, body="no")
    assert words in troubles()["exchange"]


def test_a_clock_that_is_off_is_trouble(well):
    well.paper.rules(clock_offset_ms=5000)
    assert "Set this machine's clock" in troubles()["clock"]


def test_accounts_are_asked_only_when_told_and_by_a_recorded_request(well):
    found()
    assert well.paper.requests("/agent/list") == []
    findings = {one.name: one.state for one in found(accounts=True)}
    assert findings["account Alpha"] == OK
    assert len(well.paper.requests("/agent/list")) == 2
    assert AuditRecord.objects.filter(event=Event.REQUEST).count() == 2
    asked = AuditRecord.objects.filter(event=Event.AGENT_WALLET_TESTED, outcome="asked")
    assert asked.first().operator_name == "(doctor)"


def test_an_agent_wallet_that_is_not_bound_is_trouble(well):
    well.new_account("Unbound", well.momentum, is_bound=False)
    assert "Not bound" in troubles(found(accounts=True))["account Unbound"]


@pytest.fixture
def hook(settings):
    settings.ALERT_EMAILS = ["ann@example.com"]
    with running_hook() as server:
        settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{server.server_port}/hush-hush"
        yield server


def test_a_test_is_sent_only_when_told(well, hook):
    found()
    assert (hook.taken, mail.outbox) == ([], [])
    assert troubles(found(send_test=True)) == {}
    assert len(hook.taken) == len(mail.outbox) == 1
    assert hook.taken[0]["state"] == "test"


def test_a_webhook_and_a_mail_server_that_refuse_are_trouble_without_their_address(
    well, hook, monkeypatch
):
    def refuse(*_):
        raise OSError("hush-hush")

    hook.status = 500
    monkeypatch.setattr(ways, "send_mail", refuse)
    findings = found(send_test=True)
    assert troubles(findings).keys() == {"mail", "webhook"}
    assert "HTTP 500" in troubles(findings)["webhook"]
    assert "hush-hush" not in str(findings)


def test_outside_paper_somebody_must_be_told(settings):
    settings.PACIFICA_NETWORK = "testnet"
    settings.ALERT_EMAILS, settings.ALERT_WEBHOOK_URL = [], ""
    asked = Asked(timezone.now())
    assert outside_checks.check_mail(asked, Limits()).state == TROUBLE
    settings.ALERT_EMAILS = ["ann@example.com"]
    assert outside_checks.check_webhook(asked, Limits()).state == NOT_ASKED


# --- The command ----------------------------------------------------------------------------------


def test_the_command_says_a_line_a_check_and_ends_with_zero_or_one(well, run, monkeypatch):
    monkeypatch.setattr(examination, "Limits", lambda: Limits(0, 0))
    code, out, err = run("doctor")
    assert (code, err) == (0, ""), out
    assert {line.split("  ")[0].strip() for line in out.splitlines()} == {"ok", "-"}
    Sender.objects.all().delete()
    code, out, _ = run("doctor")
    assert code == 1
    assert "TROUBLE  sweep            none was heard of for 15 s. -> Start one: " in out


def test_as_json_it_is_one_object(well, run):
    Sender.objects.all().delete()
    code, out, _ = run("doctor", "--json")
    told = json.loads(out)
    assert (code, told["state"]) == (1, "trouble")
    assert {"name", "state", "said", "todo"} == set(told["checks"][0])
    assert terminal.WRONG_INPUT == 2
    assert site.SECRET_KEY not in out


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no poolers")
@pytest.mark.parametrize("is_prepared", [True, False])
def test_a_pooler_that_sends_prepared_statements_astray_is_trouble(well, monkeypatch, is_prepared):
    """A pooler tells a number of its own for the process that answers."""
    threshold = {} if is_prepared else {"prepare_threshold": None}
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", threshold)
    connection.ensure_connection()
    said = database_checks.check_database(Asked(timezone.now()), Limits())
    assert said.state == OK
    monkeypatch.setattr(type(connection.connection.info), "backend_pid", 7)
    said = database_checks.check_database(Asked(timezone.now()), Limits())
    assert (said.state == TROUBLE) == is_prepared
