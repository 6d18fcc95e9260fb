"""A benchmark that is told to end leaves nothing running."""

import signal
import subprocess
import sys

import pytest

from tests.helpers.stack import ROOT, running_processes

SCRIPT = """
import time
from benchmarks.stage import Stage, options
with Stage(options("test").parse_args([])) as stage:
    paper = stage.paper_process.pid
    print(paper, stage.run("manage.py", "sweep").pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.thorough
def test_sigterm_ends_all_that_a_benchmark_started():
    command = [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as benchmark:
        pids = [int(pid) for pid in benchmark.stdout.readline().split()]
        assert len(pids) == 2
        assert set(pids) <= set(running_processes())
        benchmark.send_signal(signal.SIGTERM)
        assert benchmark.wait(30) == 143
    assert not set(pids) & set(running_processes())
