"""A benchmark sets Django up itself, with a database of its own: it imports no model before."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = sorted(f"benchmarks.{path.stem}" for path in (ROOT / "benchmarks").glob("[a-z]*.py"))


def test_every_benchmark_is_imported_without_settings():
    modules = [name for name in MODULES if name != "benchmarks.peers"]
    _run("-c", f"import {', '.join(modules)}")


def test_the_peers_are_imported_without_the_app():
    """Their virtual environment has CCXT, and neither Django nor the app."""
    _run("-S", "-c", "import peers", folder=ROOT / "benchmarks")


def _run(*arguments, folder=ROOT):
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env={}, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-500:]
