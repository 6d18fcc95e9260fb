"""Make the committed state of a desk in the midst of its work, by the code before migration 0011.

Put into ``tests/`` of commit c9e419a and run there, once for each engine::

    OLD_STATE=/somewhere DATABASE_URL=… python -m pytest -q tests/make_old_state.py
"""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from orders import (
    cancels,
    checkpoints,
    claiming,
    delivery,
    emptying,
    errands,
    exporting,
    packets,
    panic,
    panic_requests,
)
from orders.models import Cancel, PanicLine

TO = Path(os.environ["OLD_STATE"])


class Died(BaseException):
    """The sender's process is gone."""


def died(*_, **__):
    raise Died


def ask(firm, orders, user=None):
    cancels.cancel_orders(
        user=user or firm.operator,
        actor=firm.actor(user),
        order_ids=[order.pk for order in orders],
        reason="before the upgrade",
    )


def deliver(firm):
    delivery.deliver_account(account_id=firm.account.pk)


def pull(firm, user, desk):
    panic.pull(user=user, actor=firm.actor(user), desk_id=desk.pk)


def test_make(committing_firm, quick_panic, monkeypatch, settings, tmp_path):
    firm = committing_firm
    settings.EXPORT_DIR = tmp_path / "exports"
    ask(firm, firm.orders(3))
    deliver(firm)  # three cancelled
    checkpoints.make()
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    ask(firm, firm.orders(1))
    deliver(firm)  # unknown, and cancelled in truth
    firm.paper.fault("/orders/cancel", "drop")
    ask(firm, firm.orders(1))
    deliver(firm)  # unknown, and open in truth
    ask(firm, firm.orders(1))
    with monkeypatch.context() as patch, suppress(Died):
        patch.setattr(packets, "send", died)
        deliver(firm)  # sending: recorded, and perhaps sent
    ask(firm, firm.orders(1))
    (turn,) = [claiming.next_turn(firm.account.pk, timezone.now())]
    assert claiming.claim(turn, now=timezone.now(), limit=1)  # sending: nothing recorded
    ask(firm, firm.orders(2))  # queued
    done = exporting.ask(user=firm.auditor, actor=firm.actor(firm.auditor), query={})
    checkpoints.make()
    errands.run_due()
    done.refresh_from_db()
    firm.orders(2, account=firm.foreign_account)
    pull(firm, firm.stranger, firm.basis)
    for line in emptying.take(timezone.now()):
        emptying.carry(line)  # seen empty
    firm.new_account("Delta", firm.basis)
    firm.new_account("Echo", firm.basis)
    first = firm.basis.accounts.get(name="Delta")
    firm.orders(2, account=first)
    panic.pull(
        user=firm.stranger,
        actor=firm.actor(firm.stranger),
        desk_id=firm.basis.pk,
        account_ids=[first.pk],
    )
    with monkeypatch.context() as patch:
        patch.setattr(panic_requests, "_sent", died)
        for line in emptying.take(timezone.now()):
            with suppress(Died):
                emptying.carry(line)  # its sender died over it
    second = firm.basis.accounts.get(name="Echo")
    firm.orders(2, account=second)
    panic.pull(
        user=firm.stranger,
        actor=firm.actor(firm.stranger),
        desk_id=firm.basis.pk,
        account_ids=[second.pk],
    )  # waits
    checkpoints.make()
    print(
        list(Cancel.objects.order_by("pk").values_list("pk", "status", "order_id", "account__name"))
    )
    print(
        list(
            PanicLine.objects.values_list(
                "account__name", "status", "claim_token", "has_open_request", "explanation"
            )
        )
    )
    keep(done)


def keep(done):
    TO.mkdir(exist_ok=True)
    vendor = connection.vendor
    shutil.copy(settings.AUDIT_CHECKPOINT_FILE, TO / f"{vendor}.checkpoints.jsonl")
    shutil.copy(exporting.path_of(done), TO / f"{vendor}.export.zip")
    name = str(connection.settings_dict["NAME"])
    text = sqlite_text(name) if vendor == "sqlite" else postgresql_text(name)
    (TO / f"{vendor}.sql").write_text(text)


def sqlite_text(name):
    with closing(sqlite3.connect(name)) as database:
        return "\n".join(database.iterdump()) + "\n"


def postgresql_text(name):
    beside = settings.DATABASE_URL.rpartition("/")[0]
    options = ["--no-owner", "--no-privileges", "--rows-per-insert=100"]
    command = ["pg_dump", *options, f"{beside}/{name}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return "".join(f"{x}\n" for x in said.splitlines() if x[:1] != "\\" and x[:2] != "--" and x)
