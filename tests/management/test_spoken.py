"""A command that cannot say what it does, does it all the same."""

import errno
import io
import subprocess
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from orders.management.commands import panic
from orders.management.terminal import UNWRITTEN
from orders.models import PanicLine, PanicStatus
from tests.helpers.panics import QUICK
from tests.helpers.terminal import MANAGE, ROOT

ASKED = ["--desk", "Momentum", "--operator", "olivia", "--reason", "the disk is full"]


class Full(io.StringIO):
    """Where nothing more fits."""

    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_panic_that_nobody_can_hear_empties_the_book(committing_firm, quick_panic):
    firm = committing_firm
    other = firm.new_account("Left out", firm.momentum)
    other.is_active = False  # the command says so before it records anything
    other.save()
    firm.orders(2)
    with pytest.raises(CommandError, match="could not be written") as ended:
        call_command(panic.Command(timings=QUICK), *ASKED, stdout=Full(), stderr=Full())
    assert ended.value.returncode == UNWRITTEN
    assert PanicLine.objects.get().status == PanicStatus.EMPTY
    orders = firm.paper.truth(firm.account.address).values()
    assert {order["order_status"] for order in orders} == {"cancelled"}


@pytest.mark.parametrize("command", ["version", "new_opening_key"])
def test_a_process_with_a_full_disk_ends_without_a_traceback(command, tmp_path):
    env = {"ENV_FILE": "/dev/null", "SECRET_KEY": "s" * 50, "DATA_DIR": str(tmp_path)}
    asked = [*MANAGE, command, "--id", "a"] if command != "version" else [*MANAGE, command]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            asked, cwd=ROOT, env=env, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
