"""A short fault run with real processes, on whatever database is configured."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from tests.conftest import _administer

pytestmark = pytest.mark.services
ROOT = Path(__file__).parents[2]
NAME = "pacifica_desk_fault_run"


@pytest.fixture
def database_url(db):
    """An empty database of the run's own, or nothing on SQLite, where the run makes its file."""
    if settings.IS_SQLITE:
        yield ""
        return
    _administer(f'DROP DATABASE IF EXISTS "{NAME}" WITH (FORCE)')
    _administer(f'CREATE DATABASE "{NAME}"')
    yield f"{settings.DATABASE_URL.rpartition('/')[0]}/{NAME}"
    _administer(f'DROP DATABASE IF EXISTS "{NAME}" WITH (FORCE)')


def test_a_short_run_of_kills_and_faults_loses_and_invents_nothing(database_url):
    assert connection.vendor in {"sqlite", "postgresql"}
    options = ["--seed", "3", "--cancels", "150", "--minutes", "0.2"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.run", *options, "--database-url", database_url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
