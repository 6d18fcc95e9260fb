"""Print how much of each package the tests ran: ``python -m tests.helpers.coverage_by_package``.

Reads the `.coverage` that a run with ``--cov`` left behind.
"""

from collections import Counter
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).parents[2]


def package_of(path):
    """`orders.panic` for a file in it; `orders` or `desk` for one that stands beside packages."""
    folders = Path(path).relative_to(ROOT).parts[:-1]
    return ".".join(folders[:2])


def lines_by_package():
    """Package -> (lines that a run can reach, those that none reached)."""
    data = Coverage(data_file=ROOT / ".coverage")
    data.load()
    lines, missed = Counter(), Counter()
    for path in data.get_data().measured_files():
        _, reachable, _, not_run, _ = data.analysis2(path)
        lines[package_of(path)] += len(reachable)
        missed[package_of(path)] += len(not_run)
    return {package: (lines[package], missed[package]) for package in sorted(lines)}


def main():
    found = lines_by_package()
    found["all"] = tuple(map(sum, zip(*found.values(), strict=True)))
    print(f"{'package':<22}{'lines':>8}{'not run':>9}{'run':>8}")
    for package, (lines, missed) in found.items():
        print(f"{package:<22}{lines:>8,}{missed:>9,}{1 - missed / max(lines, 1):>8.1%}")


if __name__ == "__main__":
    main()
