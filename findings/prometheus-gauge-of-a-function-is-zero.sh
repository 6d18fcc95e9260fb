#!/usr/bin/env bash
# prometheus-client 0.26.0 in the mode for several processes: a gauge that asks a function for the
# number of open orders, which is 7, beside one that was set to 7.
# Guess: 7 and 7, or an error from set_function as from other things that this mode cannot do.
# Seen: 0 and 7. The function is never called, the gauge keeps the 0 it was made with: a desk that
# watches it sees an empty book.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -qq --disable-pip-version-check install --no-compile prometheus-client==0.26.0 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import os
import tempfile
from importlib.metadata import version

with tempfile.TemporaryDirectory() as folder:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # read when the package is imported
    from prometheus_client import CollectorRegistry, Gauge, generate_latest, multiprocess

    asked = []
    Gauge("open_by_function", "Open orders.", multiprocess_mode="max").set_function(lambda: asked.append(1) or 7)
    Gauge("open_as_set", "Open orders.", multiprocess_mode="max").set(7)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    lines = [one for one in generate_latest(registry).decode().splitlines() if one[0] != "#"]
print("prometheus-client", version("prometheus-client"))
print(sorted(lines), " function asked:", len(asked))
assert sorted(lines) == ["open_as_set 7.0", "open_by_function 0.0"] and not asked
PYTHON
