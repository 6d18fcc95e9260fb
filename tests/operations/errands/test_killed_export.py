"""An export whose process was killed goes on with every byte that it counts as written."""

import os
import shutil
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from orders.audit import log
from orders.models import ErrandStatus, Event
from orders.operations.errands import background, exports
from tests.helpers.terminal import ROOT
from tests.operations.errands.test_exports import unpacked, verify

# It is killed when it has told how far it is, as where the sweep's unit is restarted.
KILLED = """
import os, signal, sys
import django
django.setup()
from pathlib import Path
from django.conf import settings
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
settings.EXPORT_DIR = Path(sys.argv[2])
from orders.models import Export
from orders.operations.errands import background
real, left = Export.renew, [int(sys.argv[3])]
def renew(self, *args, **values):
    kept = real(self, *args, **values)
    if "lengths" in values:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
    return kept
Export.renew = renew
background.run_due()
"""


@pytest.fixture
def killed(committing_firm, tmp_path, settings):
    """Have an export killed after so many thousand records, and return it."""

    def kill(after_thousands):
        firm, settings.EXPORT_DIR = committing_firm, tmp_path / "exports"
        facts = [log.Fact(Event.ANSWER, desk=firm.momentum, data={"n": n}) for n in range(100)]
        for _ in range(10 * after_thousands + 1):
            log.record(*facts)
        asked = exports.ask(user=firm.auditor, actor=firm.actor(firm.auditor), query={})
        name = str(connection.settings_dict["NAME"])
        connection.close()
        command = [sys.executable, "-c", KILLED, name, str(settings.EXPORT_DIR)]
        env = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
        ended = subprocess.run([*command, str(after_thousands)], cwd=ROOT, env=env, check=False)
        assert ended.returncode == -signal.SIGKILL
        asked.refresh_from_db()
        assert asked.done
        return asked

    return kill


def ends(asked, tmp_path):
    """Take it over after its lease, to its end; what its own verifier says."""
    later = timezone.now() + timedelta(minutes=2)
    assert background.run_due(clock=lambda: later) == 1
    asked.refresh_from_db()
    assert asked.status == ErrandStatus.DONE, asked.explanation
    said = verify(unpacked(asked, tmp_path / "out"))
    return said.returncode, said.stderr


@pytest.mark.parametrize("after_thousands", [1, 3])
def test_one_that_was_killed_is_whole_in_the_end(killed, tmp_path, after_thousands):
    assert ends(killed(after_thousands), tmp_path) == (0, "")


def test_a_host_that_has_none_of_its_files_begins_anew(killed, tmp_path, settings):
    asked = killed(1)
    shutil.rmtree(settings.EXPORT_DIR)
    assert ends(asked, tmp_path) == (0, "")
