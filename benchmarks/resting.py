"""What the demo takes while nobody does anything.

    python -m benchmarks.resting [--seconds 40] [--settle 25]

Starts `python -m desk.demo` on a folder that is thrown away, waits until it rests, and tells of
each of its processes how much of a core it takes and how much memory: PSS, in which what several
share counts once. Then how long `manage.py cancel` takes from cold until it refuses.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
COLD_RUNS = 7
REFUSED = ("--operator", "nobody", "--account", "A", "--symbol", "BTC", "--order-id", "1")


def main() -> None:
    """Start the demo, wait, tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=40, help="how long it is looked at")
    parser.add_argument("--settle", type=int, default=25, help="how long it may warm up")
    given = parser.parse_args()
    from tests.helpers.stack import running_demo

    with tempfile.TemporaryDirectory() as folder, running_demo(Path(folder) / "demo") as demo:
        time.sleep(given.settle)
        _tell(demo.process.pid, given.seconds)
    print(f"manage.py cancel from cold: median {statistics.median(_cold_ms()):.0f} ms")


def _tell(pid: int, seconds: int) -> None:
    before = {each: _cpu_ms(each) for each in _family(pid)}
    time.sleep(seconds)
    rows = [
        ((_cpu_ms(each) - spent_ms) / seconds / 10, _pss_mb(each), _command(each))
        for each, spent_ms in before.items()
        if _stat(each)
    ]
    for percent, megabytes, command in rows:
        print(f"{percent:6.2f} % {megabytes:5.0f} MB  {command}")
    percent, megabytes = sum(row[0] for row in rows), sum(row[1] for row in rows)
    print(f"{percent:6.2f} % of a core, {megabytes:.0f} MB in {len(rows)} processes")


def _family(pid: int) -> list[int]:
    """Return the process and all that it started."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        if stat := _stat(int(path.name)):
            children.setdefault(int(stat[1]), []).append(int(path.name))
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        left += children.get(found[-1], [])
    return found


def _stat(pid: int) -> list[str]:
    """Return what the kernel counts of a process, from its state on; nothing of one that ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu_ms(pid: int) -> float:
    stat = _stat(pid)
    return (int(stat[11]) + int(stat[12])) * TICK_MS if stat else 0.0


def _pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _command(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return " ".join(Path(word).name for word in words)[:70]


def _cold_ms() -> list[float]:
    """How long each of some runs took, the first left out: it may write bytecode."""
    with tempfile.TemporaryDirectory() as folder:
        env = {"PATH": os.environ["PATH"], "ENV_FILE": "/dev/null", "SECRET_KEY": "only-to-look"}
        env |= {"PACIFICA_NETWORK": "paper", "DATABASE_URL": f"sqlite:///{folder}/cold.sqlite3"}
        manage = [sys.executable, "manage.py"]
        subprocess.run([*manage, "migrate", "--verbosity", "0"], env=env, check=True)
        took = []
        for _ in range(COLD_RUNS + 1):
            began = time.monotonic()
            subprocess.run(
                [*manage, "cancel", *REFUSED, "--reason", "cold"], env=env, capture_output=True
            )
            took.append((time.monotonic() - began) * 1000)
    return took[1:]


if __name__ == "__main__":
    main()
