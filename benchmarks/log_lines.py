"""What lines of JSON cost: bulk jobs beside the same with text, in turns, and one line by itself.

    python -m benchmarks.log_lines [--runs 3] [--count 2000]

A page that is looked at logs nothing, a click logs one line.
"""

import argparse
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import stage

LINES = 20_000


def main() -> None:
    """Run in turns; print medians and the cost of a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--count", type=int, default=2000)
    given = parser.parse_args()
    rates: dict[str, list[float]] = {"text": [], "json": []}
    cpu_us: dict[str, list[float]] = {"text": [], "json": []}
    for run in range(given.runs):
        for form in ("text", "json") if run % 2 else ("json", "text"):
            took, lines = _bulk(form, given.count)
            rates[form].append(took["cancelled"] / took["seconds"])
            cpu_us[form].append(took["cpu_s"] / took["cancelled"] * 1e6)
            print(f"{form}: {rates[form][-1]:.0f}/s, {cpu_us[form][-1]:.0f} µs CPU, {lines} lines")
    for form in rates:
        rate, used = statistics.median(rates[form]), statistics.median(cpu_us[form])
        print(f"median {form}: {rate:.0f} cancels a second, {used:.0f} µs CPU each")
    print(f"one line: {_line_us():.0f} µs")


def _bulk(form: str, count: int) -> tuple[dict[str, float], int]:
    """Return what one run printed, and how many lines its processes logged."""
    with stage.Paper(0) as paper, tempfile.TemporaryDirectory() as folder:
        more = {"DATA_DIR": folder, "PACIFICA_PAPER_URL": paper.url, "LOG_LEVEL": "INFO"}
        said = Path(folder) / "said.log"
        with said.open("w") as errors:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.ours", str(paper.port), str(count)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=stage.ROOT,
                env=stage.environment(LOG_FORMAT=form, **more),
                timeout=600,
                check=True,
            )
        figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
        return figures, len(said.read_text().splitlines())


def _line_us() -> float:
    """Return microseconds for a line of the ten records of one commit, written to a file."""
    from desk import logs

    logger = logging.getLogger("benchmark")
    with tempfile.TemporaryFile("w") as file:
        handler = logging.StreamHandler(file)
        handler.setFormatter(logs.json_lines())
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        about = {"event": "Answer", "position": 1, "outcome": "cancelled"}
        about |= {"cancels": list(range(10)), "orders": 10}
        with logs.bound(request_id=logs.new_id(), job=1, account=2, attempt=1):
            began = time.perf_counter()
            for _ in range(LINES // 10):
                logger.info("Recorded", extra={logs.LINES: [about] * 10})
            return (time.perf_counter() - began) / LINES * 1e6


if __name__ == "__main__":
    main()
