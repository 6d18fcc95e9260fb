"""Compare our bulk job with the other ways to cancel, on one paper exchange, interleaved.

    make bench [ARGS="--runs 3 --count 1000 --latencies 0,25,100"]

Prints a table of medians and ratios and writes ``data/bench/results.json`` and ``plot.svg``.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from solders.keypair import Keypair

from benchmarks import plot, stage
from benchmarks.plot import Medians
from tests.helpers.paper import PaperHandle

OUT = stage.ROOT / "data" / "bench"
DATABASE = "pacifica_desk_bench"
PEERS = {
    "sdk": "official SDK's way, one after another",
    "ccxt": "CCXT cancelOrder, one after another",
    "ccxt-gather": "CCXT async cancelOrder, gathered",
    "ccxt-batches": "CCXT async cancelOrders, ten each",
}
OURS = {
    "sqlite": "Pacifica Desk, SQLite, embedded broker",
    "postgres": "Pacifica Desk, PostgreSQL, Redis",
}
SLOW = {"sdk", "ccxt"}  # one request at a time: fewer orders, or a run would take minutes


def main() -> None:
    options = _options()
    OUT.mkdir(parents=True, exist_ok=True)
    results: list[dict[str, Any]] = []
    for run in range(options.runs):
        for latency_ms in options.latencies:
            for case in options.cases:
                results.append(_timed(case, latency_ms, run, options))
                print(_line(results[-1]), flush=True)
    (OUT / "results.json").write_text(json.dumps(results, indent=1))
    print(_table("warm", _medians(results, "rate"), options))
    print(_table("the first burst after the start", _medians(results, "first_rate"), options))
    (OUT / "plot.svg").write_text(plot.svg(_medians(results, "rate"), PEERS | OURS))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--latencies", type=_numbers, default=[0, 25, 100])
    parser.add_argument("--cases", type=lambda text: text.split(","), default=[*PEERS, *OURS])
    parser.add_argument("--postgres", default="postgres://postgres@127.0.0.1:5432/")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/13")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _timed(case: str, latency_ms: int, run: int, options: argparse.Namespace) -> dict[str, Any]:
    """Time one case; return what its process printed, and under what it ran."""
    count = options.count if case not in SLOW else min(options.count, 200 if latency_ms else 500)
    with stage.Paper(latency_ms) as paper:
        took = (_ours if case in OURS else _peer)(case, paper, count, options)
    rate = took["cancelled"] / took["seconds"]
    return {"case": case, "latency_ms": latency_ms, "run": run, "count": count, "rate": rate} | took


def _peer(case: str, paper: PaperHandle, count: int, options: argparse.Namespace) -> dict[str, Any]:
    main, agent = Keypair(), Keypair()
    paper.account(main.pubkey(), agents=[agent.pubkey()])
    warm = 0 if case in SLOW else stage.WARM_UPS  # nothing of a loop of single requests gets warm
    bursts = [paper.orders(main.pubkey(), count) for _ in range(warm + 1)]
    given = {"secret": str(agent), "bursts": bursts}
    python = OUT / "venv" / "bin" / "python"
    command: list[str | Path] = [python, stage.ROOT / "benchmarks" / "peers.py", case]
    command += [str(main.pubkey()), str(agent.pubkey()), str(paper.port)]
    return _json_of(command, given, {})


def _ours(case: str, paper: PaperHandle, count: int, options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        more = {"DATA_DIR": folder, "PACIFICA_PAPER_URL": paper.url}
        if case == "postgres":
            more |= {
                "DATABASE_URL": options.postgres + DATABASE,
                "CELERY_BROKER_URL": options.redis,
            }
            stage.fresh_database(more["DATABASE_URL"])
        command = [sys.executable, "-m", "benchmarks.ours", str(paper.port), str(count)]
        return _json_of(command, None, more)


def _json_of(
    command: Iterable[str | Path], given: dict[str, Any] | None, more: dict[str, str]
) -> dict[str, Any]:
    """Run a command and read the last line that it prints.

    ``given``: its standard input, as JSON; ``more``: its environment beside the usual one.
    """
    done = subprocess.run(
        [str(part) for part in command],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        cwd=stage.ROOT,
        env=stage.environment(**more),
        timeout=600,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def _line(result: dict[str, Any]) -> str:
    name = (PEERS | OURS)[result["case"]]
    cpu_us = result["cpu_s"] / max(1, result["cancelled"]) * 1e6
    return (
        f"{result['latency_ms']:>4} ms  {name:<42} {result['rate']:8.0f}/s  "
        f"{cpu_us:6.0f} µs CPU each  {result['cancelled']}/{result['count']} cancelled"
    )


def _medians(results: list[dict[str, Any]], which: Literal["rate", "first_rate"]) -> Medians:
    """Return median cancels per second by (case, latency in ms)."""
    groups: dict[tuple[str, int], list[float]] = {}
    for result in results:
        groups.setdefault((result["case"], result["latency_ms"]), []).append(result[which])
    return {key: statistics.median(rates) for key, rates in groups.items()}


def _table(when: str, medians: Medians, options: argparse.Namespace) -> str:
    title = f"Medians of {options.runs} runs, {when}, cancels per second (ratio to the SDK's way):"
    lines = ["", title]
    for case in options.cases:
        cells = []
        for latency_ms in options.latencies:
            rate, base = medians[case, latency_ms], medians.get(("sdk", latency_ms))
            ratio = f" ({rate / base:.1f}×)" if base else ""
            cells.append(f"{rate:7.0f}{ratio:>10}")
        lines.append(f"{(PEERS | OURS)[case]:<42}" + "".join(f"{cell:>20}" for cell in cells))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
