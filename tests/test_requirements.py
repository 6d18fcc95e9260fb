"""What is imported is asked for by name, and what is installed is locked."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SITE = ("orders", "desk")
ALONE = {path.stem for path in ROOT.glob("orders/**/standalone/*.py")}  # run without a package
OURS = {*SITE, "tests", "benchmarks", *ALONE}
NOT_HERE = {"ccxt"}  # installed in the benchmarks' own virtual environment


def imports(*folders):
    """Top names that the folders' modules import, but Python's own and ours."""
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text()))]
    plain = {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    from_ = {n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module and not n.level}
    tops = {name.partition(".")[0] for name in plain | from_}
    return tops - OURS - NOT_HERE - sys.stdlib_module_names


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def asked_for(name):
    """Pins by distribution in the file that a person writes."""
    pins = re.findall(r"(?m)^([\w.-]+)(?:\[\w+\])?==(\S+) +# \w", (ROOT / name).read_text())
    return {normal(name): version for name, version in pins}


def locked(name):
    """Pins by distribution in the file that is installed; each has its hashes."""
    lines = r"(?m)^([\w.-]+)(?:\[\w+\])?==(\S+) .*\\\n +--hash="
    pins = re.findall(lines, (ROOT / name).read_text())
    return {normal(name): version for name, version in pins}


@pytest.mark.parametrize(
    ("folders", "files"),
    [
        (SITE, ["requirements.in"]),
        (("tests", "benchmarks"), ["requirements.in", "tests/requirements.in"]),
    ],
)
def test_what_is_imported_is_asked_for_by_name(folders, files):
    homes = packages_distributions()
    asked = {name for file in files for name in asked_for(file)}
    missing = {
        top
        for top in imports(*folders)
        if not asked.intersection(normal(home) for home in homes.get(top, []))
    }
    assert not missing


@pytest.mark.parametrize("folder", ["", "tests/"])
def test_what_is_asked_for_is_locked_with_hashes_and_names_no_host(folder):
    text = (ROOT / f"{folder}requirements.txt").read_text()
    pins = locked(f"{folder}requirements.txt")
    assert len(pins) == len(re.findall(r"(?m)^\w", text))
    assert asked_for(f"{folder}requirements.in").items() <= pins.items()
    assert "://" not in text


@pytest.mark.parametrize("folder", ["", "tests/"])
def test_each_requirement_has_its_sentence(folder):
    lines = (ROOT / f"{folder}requirements.in").read_text().splitlines()
    asked = [line for line in lines if re.match(r"\w", line)]
    assert len(asked) == len(asked_for(f"{folder}requirements.in"))


def test_both_locks_agree():
    site, tests = locked("requirements.txt"), locked("tests/requirements.txt")
    both = site.keys() & tests.keys()
    assert {name: site[name] for name in both} == {name: tests[name] for name in both}
