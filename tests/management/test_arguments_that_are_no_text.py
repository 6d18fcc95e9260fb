"""Bytes that are no text, as an argument or as a secret: one sentence, and nothing is done."""

import io

import pytest
from django.core.management import get_commands, load_command_class

from orders.management.terminal import DeskCommand
from orders.models import AuditRecord, CancelJob
from tests.helpers.terminal import process

NO_TEXT = "x\udcffy"  # how Python hands over the byte 0xFF
SAID = "is not text in UTF-8."
CANCEL = {"operator": "olivia", "account": "Alpha", "symbol": "BTC", "reason": "drill"}
PANIC = {"desk": "Momentum", "operator": "olivia", "reason": "drill"}
OPERATOR = {"name": "ina", "desk": "Momentum", "role": "operator"}
ACCOUNT = {"name": "Gamma", "desk": "Momentum", "address": "x"}
WALLET = {"account": "Alpha", "public_key": "x", "operator": "hannah"}
TEXTS = {
    "accept_restored": {"operator": "admin", "reason": "drill"},
    "add_account": ACCOUNT,
    "add_administrator": {"name": "root"},
    "add_agent_wallet": WALLET,
    "add_desk": {"name": "Macro"},
    "add_operator": OPERATOR,
    "audit_archive": {"before": "2020-01-01", "to": "/tmp"},
    "cancel": CANCEL | {"client_order_id": "a"},
    "new_checkpoint_key": {"file": "/tmp/none"},
    "new_opening_key": {"id": "a", "file": "/tmp/none"},
    "panic": PANIC | {"account": "Alpha", "symbol": "BTC"},
    "paper_exchange": {"state": "/tmp/none"},
    "reset_second_factor": {"name": "olivia"},
    "sync_orders": {"account": "Alpha"},
    "unlock": {"name": "olivia"},
}
EACH = [(command, name) for command, names in TEXTS.items() for name in names]


def arguments(command, **values):
    for name, value in values.items():
        option = f"--{name.replace('_', '-')}"
        yield from [value] if name == "name" else [option, value]


@pytest.mark.parametrize(("command", "name"), EACH)
def test_each_text_that_is_none_is_named_and_nothing_is_done(firm, run, command, name):
    before = AuditRecord.objects.count()
    args = arguments(command, **(TEXTS[command] | {name: NO_TEXT}))
    code, out, said = run(command, *args, stdin="a-long-passphrase-of-ours\n")
    assert (code, out) == (2, "")
    assert SAID in said
    assert said.startswith("key_id" if name == "id" else name)
    assert (AuditRecord.objects.count(), CancelJob.objects.count()) == (before, 0)


@pytest.mark.parametrize("command", [k for k, v in get_commands().items() if v == "orders"])
def test_every_command_of_ours_refuses_such_an_argument(command):
    assert isinstance(load_command_class("orders", command), DeskCommand)


def test_it_is_one_line_at_a_terminal(tmp_path):
    ended = process("accept_restored", "--operator", "admin", "--reason", NO_TEXT, LC_ALL="C.UTF-8")
    assert (ended.returncode, ended.stderr) == (2, f"CommandError: reason: {SAID}\n")


SECRETS = [("add_operator", OPERATOR), ("add_agent_wallet", WALLET)]


@pytest.mark.parametrize(("command", "values"), SECRETS, ids=lambda one: str(one)[:16])
@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_a_secret_that_is_no_text_is_not_shown(firm, run, monkeypatch, command, values, errors):
    raw = io.BytesIO(b"hush\xffhush\n")
    monkeypatch.setattr(io, "StringIO", lambda _: io.TextIOWrapper(raw, "utf-8", errors))
    code, out, said = run(command, *arguments(command, **values))
    assert (code, out, said) == (2, "", f"Standard input: {SAID}")
