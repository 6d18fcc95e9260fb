"""The commands: thin, idempotent, and clear about what was wrong."""

import io
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from solders.keypair import Keypair

from orders import cancels, keys, records
from orders.models import (
    AgentWallet,
    AuditPayload,
    AuditRecord,
    Cancel,
    CancelStatus,
    Event,
    Membership,
    Order,
)
from tests.firm import PASSWORD

ROOT = Path(__file__).parent.parent


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command with this standard input; gives its exit code, output and errors."""

    def run(*args, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code, said = 0, ""
        try:
            call_command(*args)
        except CommandError as error:
            code, said = error.returncode, str(error)
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        return code, out, err + said

    return run


def cancel(run, firm, *args, **options):
    named = {"operator": "olivia", "account": "Alpha", "symbol": "BTC", "reason": "test"} | options
    flags = [text for name, value in named.items() for text in (f"--{name}", str(value))]
    return run("cancel", *flags, *args)


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
    assert keys.open_signer(AgentWallet.objects.get())


def test_a_new_role_replaces_the_old_one_and_the_password_stays(firm, run):
    code, _, _ = run("add_operator", "olivia", "--desk", "Momentum", "--role", "head", stdin="x")
    assert code == 0
    assert Membership.objects.get(user=firm.operator).role == "head"
    firm.operator.refresh_from_db()
    assert firm.operator.check_password(PASSWORD)


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
    derived = keys.sealing_key()[1].public_bytes_raw()
    settings.AGENT_KEY_SEALING_KEY = lines["AGENT_KEY_SEALING_KEY"]
    assert keys.sealing_key()[1].public_bytes_raw() == derived


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
    assert out.startswith(f"{AuditRecord.objects.count()} records, whole.")


def test_audit_verify_names_what_is_wrong(firm, run, monkeypatch):
    faults = [records.Fault(3, "it was changed"), records.Fault(5, "missing", until=7)]
    monkeypatch.setattr("orders.proofs.Answered.end", lambda check: iter(faults))
    code, out, said = run("audit_verify")
    assert (code, out) == (1, "")
    assert "Record 3: it was changed.\nRecords 5 to 7: missing." in said
    assert said.strip().endswith("2 faults.")


# --- Cancelling -----------------------------------------------------------------------------------


def test_cancel_needs_nothing_else_running_and_exits_0_once_proven(firm, run):
    orders = firm.orders(3)
    ids = [str(order.order_id) for order in orders]
    code, out, _ = cancel(run, firm, "--order-id", *ids)
    assert code == 0
    assert [line.split(":")[0] for line in out.splitlines()] == [f"BTC bid {one}" for one in ids]
    assert out.count("Cancelled.") == 3
    assert not any(truth["is_open"] for truth in firm.paper.truth(firm.account.address).values())


def test_several_ids_are_one_act_under_the_operators_name(firm, run):
    orders = firm.orders(2)
    cancel(run, firm, "--order-id", *[str(order.order_id) for order in orders], reason="too far")
    asked = AuditRecord.objects.get(event=Event.CANCEL_ASKED)
    assert (asked.operator_name, asked.address) == ("olivia", "(terminal)")
    assert asked.order_rows.count() == 2
    assert asked.job.reason == "too far"
    assert Cancel.objects.filter(job=asked.job).count() == 2


def test_an_order_the_app_never_saw_is_cancelled_by_client_order_id(firm, run):
    name = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
    row = {"symbol": "kBONK", "client_order_id": name}
    [order_id] = firm.paper.orders(firm.account.address, [row])
    address = firm.account.address
    args = ("--client-order-id", name.upper(), "--json")
    code, out, _ = cancel(run, firm, *args, account=address, symbol="kBONK")
    [said] = json.loads(out)
    assert (code, said["status"], said["client_order_id"]) == (0, "cancelled", name)
    assert said["account"] == "Alpha"
    assert said["concluded_at"] > said["first_sent_at"] > said["requested_at"]
    assert not firm.paper.truth()[order_id]["is_open"]


def test_a_stop_order_goes_through_its_own_route(firm, run):
    order = firm.order(order_type="stop_limit", stop_price="40000")
    code, _, said = cancel(run, firm, "--order-id", str(order.order_id))
    assert (code, "choose stop" in said) == (2, True)
    code, _, _ = cancel(run, firm, "--order-id", str(order.order_id), kind="stop")
    assert code == 0


def test_an_order_that_filled_first_is_exit_code_1(firm, run):
    order = firm.order()
    firm.paper.fill(order.order_id)
    code, out, _ = cancel(run, firm, "--order-id", str(order.order_id))
    assert (code, "Filled first" in out) == (1, True)


def test_one_that_was_not_cancelled_is_enough_for_exit_code_1(firm, run):
    kept, filled = firm.orders(2)
    firm.paper.fill(filled.order_id)
    code, out, _ = cancel(run, firm, "--order-id", str(kept.order_id), str(filled.order_id))
    assert (code, out.count("Cancelled."), out.count("Filled first.")) == (1, 1, 1)


def test_what_is_not_settled_in_time_is_exit_code_3_and_stays_recorded(firm, run):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop", times=9)
    code, out, _ = cancel(run, firm, "--order-id", str(order.order_id), wait=0)
    assert code == 3
    assert "Cancelled" not in out
    assert Cancel.objects.live().count() == 1


def test_a_cancel_that_another_asked_for_is_waited_for(firm, run):
    order = firm.order()
    cancels.cancel_orders(user=firm.head, actor=firm.actor(firm.head), order_ids=[order.pk])
    code, out, _ = cancel(run, firm, "--order-id", str(order.order_id))
    assert (code, out.count("Cancelled.")) == (0, 1)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


CANNOT = {
    "unknown operator": ({"operator": "nobody"}, "no active operator"),
    "role without the right": ({"operator": "victor"}, "no such account"),
    "foreign account": ({"account": "Canary"}, "no such account"),
    "account that is not there": ({"account": "Nowhere"}, "no such account"),
    "no reason": ({"reason": " "}, "Give a reason"),
    "wrong case": ({"symbol": "btc"}, "on BTC, not btc"),
    "impossible symbol": ({"symbol": "B TC"}, "Write the symbol"),
}


@pytest.mark.parametrize("what", CANNOT)
def test_what_may_not_be_asked_is_one_sentence_exit_code_2_and_no_cancel(firm, run, what):
    order = firm.order()
    options, sentence = CANNOT[what]
    code, out, said = cancel(run, firm, "--order-id", str(order.order_id), **options)
    assert (code, out) == (2, "")
    assert sentence in said
    assert not Cancel.objects.exists()


@pytest.mark.parametrize("ids", [["--order-id", "0"], ["--client-order-id", "abc"]])
def test_an_impossible_id_is_named(firm, run, ids):
    code, _, said = cancel(run, firm, *ids)
    assert (code, " id is " in said) == (2, True)


def test_one_bad_id_stops_the_whole_act(firm, run):
    order = firm.order()
    code, _, _ = cancel(run, firm, "--order-id", str(order.order_id), str(2**53 + 1))
    assert (code, Cancel.objects.count()) == (2, 0)


def test_a_stranger_who_tries_is_recorded(firm, run):
    cancel(run, firm, "--order-id", "5", account="Canary")
    record = AuditRecord.objects.get(event=Event.ACT_REFUSED)
    assert (record.operator_name, record.address) == ("olivia", "(terminal)")


def test_a_terminal_that_cannot_open_keys_asks_nothing(firm, run, settings):
    settings.AGENT_KEY_OPENING_KEYS = ""
    code, _, said = cancel(run, firm, "--order-id", "5")
    assert code == 2
    assert "AGENT_KEY" in said
    assert not Cancel.objects.exists()


# --- As processes ---------------------------------------------------------------------------------


def process(*args, stdin="", **environment):
    env = {"ENV_FILE": "/dev/null", "SECRET_KEY": "s" * 50, "PATH": "/usr/bin:/bin"} | environment
    command = [sys.executable, "manage.py", *args]
    return subprocess.run(command, cwd=ROOT, env=env, input=stdin, capture_output=True, text=True)


def test_a_wrong_setting_is_one_line_and_no_traceback(tmp_path):
    done = process("sweep", DATA_DIR=str(tmp_path), PACIFICA_NETWORK="moon")
    assert done.returncode != 0
    assert done.stderr == ("Cannot start. PACIFICA_NETWORK: must be paper, testnet or mainnet.\n")


def test_a_database_that_was_never_migrated_is_one_line_and_no_traceback(tmp_path):
    done = process("sweep", DATA_DIR=str(tmp_path))
    assert done.returncode == 2
    assert "did `python manage.py migrate` run?" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_terminal_cancels_with_web_worker_sweep_and_broker_all_down(committing_firm, paper):
    order = committing_firm.order()
    name = connection.settings_dict["NAME"]
    done = process(
        *("cancel", "--operator", "olivia", "--account", "Alpha", "--symbol", "BTC"),
        *("--order-id", str(order.order_id), "--reason", "everything is down", "--json"),
        DATABASE_URL=f"sqlite:///{name}" if settings.IS_SQLITE else replaced_name(name),
        PACIFICA_PAPER_URL=paper.url,
        CELERY_BROKER_URL="redis://127.0.0.1:1/0",
        AGENT_KEY_OPENING_KEYS=settings.AGENT_KEY_OPENING_KEYS,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["status"] == "cancelled"
    assert not paper.truth()[order.order_id]["is_open"]


def replaced_name(name):
    """The address of a database beside the configured one."""
    return settings.DATABASE_URL.rpartition("/")[0] + f"/{name}"


def test_nothing_of_a_secret_given_is_kept_in_clear(firm, run):
    agent = Keypair()
    args = ("add_agent_wallet", "--account", "Alpha", "--public-key", str(agent.pubkey()))
    run(*args, stdin=str(agent))
    kept = [record.data for record in AuditRecord.objects.all()]
    kept += [bytes(payload.body).decode() for payload in AuditPayload.objects.all()]
    assert not any(str(agent) in text for text in kept)
    assert bytes(agent)[:32] not in bytes(AgentWallet.objects.latest("pk").sealed_key.sealed)
