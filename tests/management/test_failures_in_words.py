"""A database that is away, a folder that takes nothing: one sentence, and a code that is true."""

import errno

import pytest
from django.db import IntegrityError, OperationalError

from orders.models import Cancel, PanicLine
from tests.helpers.terminal import process

DOWN = "postgres://x:hush@127.0.0.1:1/none"
NOT_BEGUN = [
    (("unlock", "jane"), 2),
    (("reset_second_factor", "jane"), 2),
    (("do_alone",), 2),
    (("watch", "--once"), 69),  # 1 means that no sender is alive
]


@pytest.mark.parametrize(("args", "code"), NOT_BEGUN, ids=lambda one: str(one)[:20])
def test_a_database_that_is_down_is_one_sentence(args, code, tmp_path):
    ended = process(*args, DATABASE_URL=DOWN, DATA_DIR=str(tmp_path))
    assert ended.returncode == code
    assert ended.stderr.startswith("CommandError: DATABASE_URL: the database cannot be used (")
    assert ended.stderr.count("\n") == 1
    assert "hush" not in ended.stderr


def lost(*args, **options):
    raise OperationalError("server closed the connection unexpectedly")


def refused(*args, **options):
    raise PermissionError(errno.EACCES, "Permission denied", "/var/lib/desk")


ABOUT = ("--operator", "olivia", "--reason", "drill")


def test_a_cancel_that_loses_the_database_has_a_code_of_its_own(firm, run, monkeypatch):
    """Not 1, *ended otherwise*, and not 2, *nothing was asked*."""
    monkeypatch.setattr("orders.management.cancel_runner.run", lost)
    order = firm.order()
    asked = ("--account", "Alpha", "--symbol", "BTC", "--order-id", str(order.order_id))
    code, _, said = run("cancel", *asked, *ABOUT)
    assert (code, Cancel.objects.live().count()) == (69, 1)
    assert said.startswith("DATABASE_URL: ")
    assert said.endswith("What was done before stays done.")


def test_a_panic_that_loses_the_database_has_not_seen_every_book_empty(firm, run, monkeypatch):
    monkeypatch.setattr("orders.management.commands.panic._carry", lost)
    code, _, said = run("panic", "--desk", "Momentum", *ABOUT)
    assert (code, PanicLine.objects.count()) == (1, 1)
    assert said.endswith("What was done before stays done.")


def test_a_log_that_gets_out_of_reach_was_not_checked(firm, run, monkeypatch):
    monkeypatch.setattr("orders.evidence.verify.verify", lost)
    code, _, said = run("audit_verify")
    assert (code, said.endswith("did `python manage.py migrate` run?")) == (2, True)


def test_what_the_system_refuses_is_named(firm, run, monkeypatch):
    monkeypatch.setattr("orders.accounts.provisioning.add_desk", refused)
    code, _, said = run("add_desk", "Macro")
    assert (code, said) == (
        71,
        "/var/lib/desk: Permission denied. What was done before stays done.",
    )


def test_what_is_a_mistake_of_ours_stays_one(firm, run, monkeypatch):
    def broken(**options):
        raise IntegrityError("CHECK constraint failed")

    monkeypatch.setattr("orders.accounts.provisioning.add_desk", broken)
    with pytest.raises(IntegrityError):
        run("add_desk", "Macro")


def test_an_archive_that_cannot_be_written_is_one_sentence(firm, run, settings, tmp_path):
    """`/proc` takes no folder, whoever asks."""
    code, _, said = run("audit_archive", "--to", "/proc", "--before", "2100-01-01")
    assert (code, said.startswith("--to: /proc/pacifica-desk-archive")) == (2, True)
    settings.AUDIT_CHECKPOINT_FILE = tmp_path
    code, _, said = run("audit_archive", "--to", str(tmp_path), "--before", "2100-01-01")
    assert (code, "AUDIT_CHECKPOINT_FILE: cannot be read" in said) == (2, True)
    assert list(tmp_path.iterdir()) == []
