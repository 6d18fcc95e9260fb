"""What must hold before a process may serve."""

import os
import subprocess
import sys

import pytest
from django.db import connection

from desk import startup_checks
from orders.keys import key_settings
from orders.models import AuditRecord, Installation

pytestmark = pytest.mark.django_db


def test_a_sound_installation_starts_and_leaves_no_trace(firm):
    before = AuditRecord.objects.count()
    startup_checks.check_sender()
    assert AuditRecord.objects.count() == before


def test_a_database_of_another_network_is_refused():
    Installation.objects.update(network="mainnet")
    with pytest.raises(startup_checks.CannotStart, match="made for mainnet"):
        startup_checks.check_site()


def test_a_log_without_its_triggers_is_refused():
    on = " ON orders_auditrecord" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER orders_auditrecord_no_update{on}")
    with pytest.raises(startup_checks.CannotStart, match="orders_auditrecord_no_update"):
        startup_checks.check_site()


def test_a_trigger_that_does_nothing_is_found_by_the_probe():
    if connection.vendor != "sqlite":
        pytest.skip("written for SQLite")
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER orders_auditrecord_no_update")
        cursor.execute(
            "CREATE TRIGGER orders_auditrecord_no_update BEFORE UPDATE ON orders_auditrecord "
            "BEGIN SELECT 1; END"
        )
    with pytest.raises(startup_checks.CannotStart, match="not append-only"):
        startup_checks.check_append_only()


def test_a_sender_without_opening_keys_is_refused(settings):
    settings.AGENT_KEY_SEALING_KEY = "x:" + "A" * 43 + "="
    settings.AGENT_KEY_OPENING_KEYS = ""
    startup_checks.check_site()
    with pytest.raises(startup_checks.CannotStart, match="AGENT_KEY_OPENING_KEYS"):
        startup_checks.check_sender()


ASKED = ["--operator", "olivia", "--reason", "test"]


@pytest.mark.parametrize(
    "command",
    [
        ["sweep"],
        ["panic", "--desk", "Momentum", *ASKED],
        ["cancel", "--account", "Alpha", "--order-id", "1", "--symbol", "BTC", *ASKED],
    ],
    ids=lambda command: command[0],
)
def test_a_sender_with_damaged_opening_keys_says_which_setting(firm, settings, run, command):
    settings.AGENT_KEY_SEALING_KEY = "x:" + "A" * 43 + "="
    settings.AGENT_KEY_OPENING_KEYS = "x:not-a-key"
    code, _, said = run(*command)
    assert code == 2
    assert "AGENT_KEY_OPENING_KEYS: each entry must be" in said


def test_only_the_sweep_warns_of_an_old_sqlite_library(settings, caplog):
    settings.IS_SQLITE, settings.HAS_WAL_BUG, settings.SQLITE_JOURNAL = True, True, "WAL"
    startup_checks.check_sender()
    assert "SQLite" not in caplog.text
    startup_checks.warn_of_sqlite()
    assert "SQLite" in caplog.text


@pytest.mark.parametrize("name", ["AUDIT_CHECKPOINT_KEY", "AUDIT_CHECKPOINT_PUBLIC_KEYS"])
def test_a_damaged_checkpoint_key_is_said_at_the_start(settings, name):
    setattr(settings, name, "hush")
    with pytest.raises(startup_checks.CannotStart, match=f"^{name}: ") as refused:
        startup_checks.check_site()
    assert "hush" not in str(refused.value)


def test_what_is_odd_about_the_settings_is_logged_at_the_start(settings, caplog):
    settings.SETTING_WARNINGS = ["SECRETKEY: is no setting. Is SECRET_KEY meant?"]
    startup_checks.check_site()
    assert "Is SECRET_KEY meant?" in caplog.text


def test_a_web_that_could_sign_does_not_start_but_for_practice(settings):
    startup_checks.check_web()
    Installation.objects.update(network="testnet")
    settings.PACIFICA_NETWORK = "testnet"
    with pytest.raises(
        startup_checks.CannotStart, match="AGENT_KEY_OPENING_KEYS: the web must not"
    ):
        startup_checks.check_web()
    settings.AGENT_KEY_SEALING_KEY = key_settings.new_opening_key("x")[1]
    settings.AGENT_KEY_OPENING_KEYS = ""
    startup_checks.check_web()


def test_a_web_that_could_forge_the_log_is_warned(settings, caplog):
    Installation.objects.update(network="testnet")
    settings.PACIFICA_NETWORK, settings.AGENT_KEY_OPENING_KEYS = "testnet", ""
    settings.AGENT_KEY_SEALING_KEY = key_settings.new_opening_key("x")[1]
    startup_checks.check_web()
    assert "AUDIT_CHECKPOINT_KEY: the web holds it" in caplog.text


def test_a_sender_that_could_not_open_what_is_sealed_now_is_warned_and_starts(settings, caplog):
    settings.AGENT_KEY_SEALING_KEY = key_settings.new_opening_key("elsewhere")[1]
    startup_checks.check_sender()
    assert "AGENT_KEY_SEALING_KEY: seals with 'elsewhere'" in caplog.text


PROGRAMS = {
    "commands": ["manage.py", "check"],
    "worker": ["-m", "celery", "-q", "-A", "desk", "worker", "--pool", "threads"],
    "web": ["-c", "import desk.wsgi"],
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_every_program_ends_with_the_sentence_alone_where_a_setting_is_wrong(settings, program):
    given = {"ENV_FILE": os.devnull, "SECRET_KEY": "s" * 60}
    given |= {"DATABASE_URL": "postgres://desk:hush@127.0.0.1:54hush/desk"}
    command = [sys.executable, *program]
    about = {"cwd": settings.BASE_DIR, "env": given, "capture_output": True, "text": True}
    done = subprocess.run(command, check=False, timeout=60, **about)
    assert done.returncode != 0
    assert done.stderr.startswith("Cannot start. DATABASE_URL: cannot be read")
    assert len(done.stderr.splitlines()) == 1
    assert "hush" not in done.stdout + done.stderr
