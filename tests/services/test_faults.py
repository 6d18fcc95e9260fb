"""A short fault run with real processes: one storm, and the calm after it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import services

pytestmark = pytest.mark.services
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("shape", ["embedded", "services"])
def test_a_storm_of_kills_and_faults_loses_and_invents_nothing(shape):
    """On SQLite with the embedded broker, and on a PostgreSQL and a Redis that are killed, too."""
    if shape == "services" and not services.has_services():
        pytest.skip("needs the programs of PostgreSQL and Redis")
    options = ["--seed", "3", "--cancels", "150", "--kills", "2", "--minutes", "0.1"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.run", *options, "--shape", shape],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
