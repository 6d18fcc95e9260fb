"""The commands: thin, idempotent, and clear about what was wrong."""

import errno
import json
import stat
from fnmatch import fnmatch

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import OperationalError
from solders.keypair import Keypair

from orders.audit import reader
from orders.keys import key_settings, sealing
from orders.models import (
    AgentWallet,
    AuditPayload,
    AuditRecord,
    Event,
    Membership,
    Order,
)
from tests.helpers.firm import PASSWORD
from tests.helpers.terminal import process

# --- Setting up -----------------------------------------------------------------------------------


def test_a_firm_can_be_set_up_from_a_terminal_and_again_without_harm(db, run):
    main, agent = Keypair(), Keypair()
    everything = [
        (("add_desk", "Macro"), ""),
        (("add_administrator", "root"), PASSWORD),
        (("add_operator", "ina", "--desk", "Macro", "--role", "operator"), PASSWORD + "\n"),
        (("add_account", "Gamma", "--desk", "Macro", "--address", str(main.pubkey())), ""),
        (
            ("add_agent_wallet", "--account", "Gamma", "--public-key", str(agent.pubkey())),
            json.dumps(list(bytes(agent)), indent=1),
        ),
    ]
    for args, stdin in everything:
        code, out, _ = run(*args, stdin=stdin)
        assert (code, out.strip().endswith(" added.")) == (0, True), out
    count = AuditRecord.objects.count()
    for args, stdin in everything:
        code, out, _ = run(*args, stdin=stdin)
        assert (code, "was there already" in out) == (0, True), out
    assert AuditRecord.objects.count() == count
    assert Membership.objects.get().role == "operator"
    assert get_user_model().objects.get(username="ina").check_password(PASSWORD)
    assert sealing.open_signer(AgentWallet.objects.get())


def test_a_new_role_replaces_the_old_one_and_the_password_stays(firm, run):
    code, _, _ = run("add_operator", "olivia", "--desk", "Momentum", "--role", "head", stdin="x")
    assert code == 0
    assert Membership.objects.get(user=firm.operator).role == "head"
    firm.operator.refresh_from_db()
    assert firm.operator.check_password(PASSWORD)


def test_nobody_is_asked_for_a_password_that_will_not_be_used(firm, run, monkeypatch):
    monkeypatch.setattr("orders.management.terminal.read_password", lambda _: 1 / 0)
    assert run("add_operator", "olivia", "--desk", "Momentum", "--role", "viewer")[0] == 0
    assert run("add_administrator", "admin")[0] == 0


KEY = str(Keypair.from_seed(bytes([77]) * 32).pubkey())
WRONG = {
    "unknown desk": (["add_account", "X", "--desk", "Nope", "--address", KEY], "no desk named"),
    "bad address": (["add_account", "X", "--desk", "Momentum", "--address", "0x12"], "base58"),
    "name taken": (["add_account", "Alpha", "--desk", "Momentum", "--address", KEY], "named"),
    "bad role": (["add_operator", "x", "--desk", "Momentum", "--role", "king"], "role must be"),
    "weak password": (["add_operator", "x", "--desk", "Momentum", "--role", "viewer"], "short"),
    "empty name": (["add_desk", " "], "1 to 80"),
    "no administrator": (["add_administrator", "olivia"], "is no administrator"),
    "unknown account": (["add_agent_wallet", "--account", "X", "--public-key", KEY], "add_account"),
    "bad public key": (["add_agent_wallet", "--account", "Alpha", "--public-key", "?"], "base58"),
    "bad key id": (["new_opening_key", "--id", "a,b"], "The id must be"),
    "nothing to sync": (["sync_orders", "--account", "X"], "add_account"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_input_is_one_sentence_and_exit_code_2(firm, run, what):
    args, sentence = WRONG[what]
    before = AuditRecord.objects.count()
    code, out, said = run(*args, stdin="1234")
    assert (code, out) == (2, "")
    assert sentence in said
    assert "Traceback" not in said
    assert AuditRecord.objects.count() == before


def test_a_secret_is_never_repeated_whatever_is_wrong_with_it(firm, run):
    agent = Keypair()
    for secret in (str(agent)[:-4], str(agent) + "x", f"[{bytes(agent)[0]}, 1]", str(Keypair())):
        args = ("add_agent_wallet", "--account", "Alpha", "--public-key", str(agent.pubkey()))
        code, out, said = run(*args, stdin=secret)
        assert code == 2
        assert secret not in out + said


def test_the_secret_is_no_argument(firm, run):
    args = ("add_agent_wallet", "--account", "Alpha", "--public-key", KEY)
    with pytest.raises(CommandError, match="unrecognized arguments"):
        call_command(*args, str(Keypair()))


def test_an_operator_without_the_right_adds_no_agent_wallet(firm, run):
    agent = Keypair()
    args = ["add_agent_wallet", "--account", "Alpha", "--public-key", str(agent.pubkey())]
    code, _, said = run(*args, "--operator", "olivia", stdin=str(agent))
    assert (code, "may not" in said) == (2, True)
    code, _, _ = run(*args, "--operator", "hannah", stdin=str(agent))
    assert code == 0
    record = AuditRecord.objects.filter(event=Event.AGENT_WALLET_ADDED).latest("position")
    assert (record.operator_name, record.address) == ("hannah", "(terminal)")


# --- Opening keys ---------------------------------------------------------------------------------


def test_a_new_opening_key_goes_into_a_file_only_its_owner_can_read(run, tmp_path, settings):
    file = tmp_path / "opening"
    code, out, _ = run("new_opening_key", "--id", "2026-11", "--file", str(file))
    assert code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o400
    lines = dict(line.split("=", 1) for line in out.split())
    assert lines["AGENT_KEY_OPENING_KEYS_FILE"] == str(file)
    assert file.read_text().strip().partition(":")[2] not in out
    settings.AGENT_KEY_OPENING_KEYS, settings.AGENT_KEY_SEALING_KEY = file.read_text(), ""
    derived = key_settings.sealing_key()[1].public_bytes_raw()
    settings.AGENT_KEY_SEALING_KEY = lines["AGENT_KEY_SEALING_KEY"]
    assert key_settings.sealing_key()[1].public_bytes_raw() == derived


def test_an_existing_key_file_is_never_overwritten(run, tmp_path):
    file = tmp_path / "opening"
    file.write_text("the only copy")
    code, _, said = run("new_opening_key", "--id", "x", "--file", str(file))
    assert (code, "exists already" in said) == (2, True)
    assert file.read_text() == "the only copy"


# --- Syncing and verifying ------------------------------------------------------------------------


def test_sync_orders_reads_all_books_and_says_how_many_orders_are_open(firm, run):
    firm.paper.orders(firm.account.address, 3)
    firm.paper.orders(firm.foreign_account.address, 1)
    code, out, _ = run("sync_orders")
    assert code == 0
    assert out.splitlines() == ["Canary: 1 open order.", "Alpha: 3 open orders."]
    assert Order.objects.open().count() == 4


def test_sync_orders_says_which_book_could_not_be_read(firm, run):
    firm.paper.fault("/orders", "status", status=500)
    code, out, said = run("sync_orders", "--account", firm.account.address)
    assert (code, out) == (1, "")
    assert said.startswith("Alpha: not read.")


def test_audit_verify_says_that_a_whole_log_is_whole(firm, run):
    code, out, _ = run("audit_verify")
    assert code == 0
    verified = AuditRecord.objects.first()
    assert out.startswith(f"{verified.position - 1} records, whole.")
    assert (verified.event, verified.outcome) == (Event.VERIFIED, "whole")


def test_audit_verify_serves_who_may_only_read(firm, run, monkeypatch):
    def refuse(*facts):
        raise OperationalError("permission denied")

    monkeypatch.setattr("orders.audit.log.record", refuse)
    code, out, said = run("audit_verify")
    assert (code, "whole" in out) == (0, True)
    assert "not in the log: permission denied" in said


def test_audit_verify_names_what_is_wrong(firm, run, monkeypatch):
    faults = [reader.Fault(3, "it was changed"), reader.Fault(5, "missing", until=7)]
    monkeypatch.setattr("orders.evidence.outcome_checks.Answered.end", lambda check: iter(faults))
    code, out, said = run("audit_verify")
    assert (code, out) == (1, "")
    assert "Record 3: it was changed.\nRecords 5 to 7: missing." in said
    assert said.strip().endswith("2 faults.")


def test_audit_verify_tells_of_a_log_that_is_past_adding_to(firm, run, monkeypatch):
    """Whoever owns the database may have written anything where the newest hash stood."""
    faults = [reader.Fault(3, "it was changed")]
    monkeypatch.setattr("orders.evidence.outcome_checks.Answered.end", lambda check: iter(faults))
    monkeypatch.setattr("orders.audit.log._locked_tip", lambda: (2**62, "\N{SNOWMAN}"))
    code, _, said = run("audit_verify", "--json")
    assert code == 1
    assert "not in the log" in said


# --- As processes ---------------------------------------------------------------------------------


def test_a_wrong_setting_is_one_line_and_no_traceback(tmp_path):
    done = process("sweep", DATA_DIR=str(tmp_path), PACIFICA_NETWORK="moon")
    assert done.returncode != 0
    assert done.stderr == ("Cannot start. PACIFICA_NETWORK: must be paper, testnet or mainnet.\n")


RAN_WITH_1 = ["doctor", "cancel", "panic", "watch", "audit_verify"]


@pytest.mark.parametrize(
    "command",
    ["makemigrations", "shell", "migrate", "runserver", "help shell", "gone", *RAN_WITH_1],
)
def test_without_settings_every_command_says_which_one_is_missing(tmp_path, command):
    """Django runs its own commands without settings, and they end in a traceback."""
    done = process(*command.split(), DATA_DIR=str(tmp_path), SECRET_KEY="")
    assert done.returncode == (2 if command in RAN_WITH_1 else 1)  # where 1 has another meaning
    assert done.stderr.startswith("Cannot start. SECRET_KEY: is not set.")
    assert done.stderr.count("\n") == 1


def test_without_settings_the_commands_are_listed_all_the_same(tmp_path):
    done = process("help", DATA_DIR=str(tmp_path), SECRET_KEY="")
    assert (done.returncode, "makemigrations" in done.stdout) == (0, True)


@pytest.mark.thorough
@pytest.mark.parametrize("command", [["sweep"], ["add_desk", "Macro"]])
def test_a_database_that_was_never_migrated_is_one_line_and_no_traceback(tmp_path, command):
    done = process(*command, DATA_DIR=str(tmp_path))
    assert done.returncode == 2
    assert "did `python manage.py migrate` run?" in done.stderr
    assert done.stderr.count("\n") == 1


def test_nothing_of_a_secret_given_is_kept_in_clear(firm, run):
    agent = Keypair()
    args = ("add_agent_wallet", "--account", "Alpha", "--public-key", str(agent.pubkey()))
    run(*args, stdin=str(agent))
    kept = [record.data for record in AuditRecord.objects.all()]
    kept += [bytes(payload.body).decode() for payload in AuditPayload.objects.all()]
    assert not any(str(agent) in text for text in kept)
    assert bytes(agent)[:32] not in bytes(AgentWallet.objects.latest("pk").sealed_key.sealed)


@pytest.mark.parametrize("command", [["new_opening_key", "--id", "x"], ["new_checkpoint_key"]])
def test_a_key_goes_into_the_folder_of_the_code_only_where_asked(run, settings, tmp_path, command):
    settings.BASE_DIR = tmp_path / "code"
    settings.BASE_DIR.mkdir()
    (tmp_path / "link").symlink_to(settings.BASE_DIR)
    for file in (settings.BASE_DIR / "opening-keys", tmp_path / "link" / "opening-keys"):
        code, said, wrong = run(*command, "--file", str(file))
        assert (code, said) == (2, "")
        assert "folder of the code" in wrong
    assert list(settings.BASE_DIR.iterdir()) == []
    code, _, _ = run(*command, "--file", str(file), "--in-checkout")
    assert code == 0
    assert file.stat().st_mode & 0o777 == 0o400


@pytest.mark.parametrize("name", ["opening-keys", "old-opening-key.2026", "checkpoint-key", ".env"])
def test_a_key_file_in_the_folder_of_the_code_is_no_part_of_it(name, settings):
    ignored = (settings.BASE_DIR / ".gitignore").read_text().split()
    assert any(fnmatch(name, pattern) for pattern in ignored)


@pytest.mark.parametrize("until", ["-5", "0", str(10**23), "x"])
def test_a_place_that_no_record_can_have_is_never_whole(db, run, until):
    code, said, wrong = run("audit_verify", f"--until={until}")
    assert (code != 0, "whole" in said, "invalid position" in wrong) == (True, False, True)


def test_a_checkpoint_file_that_cannot_be_read_is_named(db, run, settings, tmp_path):
    settings.AUDIT_CHECKPOINT_FILE = tmp_path
    code, said, wrong = run("audit_verify")
    assert (code, said) == (2, "")
    assert wrong.strip().endswith("AUDIT_CHECKPOINT_FILE: cannot be read (Is a directory).")


@pytest.mark.parametrize("command", [["new_opening_key", "--id", "n"], ["new_checkpoint_key"]])
def test_a_key_that_does_not_get_onto_a_full_disk_leaves_no_file(
    run, tmp_path, monkeypatch, command
):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    code, said, wrong = run(*command, "--file", str(tmp_path / "key"))
    assert (code, said, list(tmp_path.iterdir())) == (2, "", [])
    assert "cannot be written (No space left on device)" in wrong
