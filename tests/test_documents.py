"""The documents name only what exists, and leave out no command and no setting."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from desk import settings_table, single_sign_on
from orders.models import CancelStatus, Event, PanicStatus
from orders.models.meanings import meanings
from orders.pacifica.client import VERSION

ROOT = Path(settings.BASE_DIR)
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "findings/README.md"])
FOLDERS = ("orders", "desk", "tests", "benchmarks", "docs", "findings")
FILES = [f"/{p.relative_to(ROOT)}" for name in FOLDERS for p in (ROOT / name).rglob("*.*")]
TABLE = {name for rows in settings_table.SETTINGS.values() for name, *_ in rows}
NOT_SETTINGS = {"PARTIALLY_FILLED", "SCRATCH_NAME"}  # Hummingbot's word; of the measuring scripts
OUR_COMMANDS = sorted(name for name, app in get_commands().items() if app == "orders")


def code(text):
    """The inline code and the indented lines of a page."""
    inline = re.findall(r"`([^`\n]+)`", text)
    return inline + [line.strip() for line in text.splitlines() if line.startswith("    ")]


def anchors(page):
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}


def broken_links(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        if "://" not in target and (not file.exists() or (anchor and anchor not in anchors(file))):
            yield target


def missing_files(page):
    for span in code(page.read_text()):
        for name in re.findall(r"(?:^|[\s(])([\w./-]*\w\.(?:py|md|sh|toml))\b", span):
            if not (ROOT / name).exists() and not any(f.endswith(f"/{name}") for f in FILES):
                yield name


def missing_commands(page):
    for name in re.findall(r"manage\.py (\w+)", page.read_text()):
        if name not in {*get_commands(), "version"}:
            yield name


def missing_targets(page):
    targets = set(re.findall(r"(?m)^([\w./-]+):", (ROOT / "Makefile").read_text()))
    for span in code(page.read_text()):
        for name in re.findall(r"(?:^|&& )make ([a-z.][\w./-]*)", span):
            if name not in targets:
                yield name


def missing_settings(page):
    for span in code(page.read_text()):
        name = span.partition("=")[0]
        if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", name) and name not in TABLE | NOT_SETTINGS:
            yield name


def names_in(file):
    """The names of a file's functions; none where there is no such file."""
    body = ast.parse((ROOT / file).read_text()).body if (ROOT / file).exists() else []
    return {one.name for one in body if isinstance(one, ast.FunctionDef)}


def missing_tests(page):
    for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", page.read_text()):
        if not name.startswith("test_") or name not in names_in(file):
            yield f"{file}::{name}"


def test_each_way_around_is_tried_by_a_test():
    lines = (ROOT / "docs/ways-around.md").read_text().splitlines()
    rows = [line for line in lines if re.match(r"\| [^*]", line) and "| The way" not in line]
    tried = [row for row in rows if re.search(r"[^|] \| [^|]+ \| `tests/[\w/]+\.py::\w+` \|$", row)]
    assert len(set(rows)) >= 40
    assert [row for row in rows if row not in tried or rows.count(row) > 1] == []


FAULTS = [broken_links, missing_files, missing_commands, missing_targets, missing_settings]
FAULTS += [missing_tests]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.parametrize(
    "faults",
    FAULTS,
    ids=lambda faults: faults.__name__,
)
def test_what_a_page_names_exists(page, faults):
    assert list(faults(page)) == []


def test_each_fault_is_found(tmp_path):
    page = tmp_path / "page.md"
    named = "`manage.py gone` `make gone` `GONE_SETTING` `tests/test_documents.py::test_gone`"
    page.write_text(f"[a](gone.md) `orders/gone.py` {named}\n")
    assert [list(faults(page)) for faults in FAULTS] == [
        ["gone.md"],
        ["orders/gone.py"],
        ["gone"],
        ["gone"],
        ["GONE_SETTING"],
        ["tests/test_documents.py::test_gone"],
    ]


@pytest.mark.parametrize("name", OUR_COMMANDS)
def test_every_command_is_documented(name):
    assert re.search(rf"\b{name}\b", (ROOT / "docs/terminal.md").read_text())


def test_the_settings_page_is_the_one_that_its_table_makes():
    assert settings_table.PAGE.read_text() == settings_table.page()


def test_the_settings_table_holds_every_setting():
    source = "".join(
        (ROOT / f"desk/{name}.py").read_text() for name in ("settings", "single_sign_on")
    )
    kinds = r"(?:text|listed|address|path|number|yes_or_no|secret)"
    names = set(re.findall(kinds + r'\(\s*"([A-Z_]+)"', source))
    secrets = {f"{name}_FILE" for name in re.findall(r'secret\("(\w+)"\)', source)}
    names |= {name for name in single_sign_on.NEEDS_ISSUER if name != "SSO_CLIENT_SECRET_FILE"}
    assert names | secrets | {"ENV_FILE"} == TABLE


def test_the_settings_table_tells_the_defaults_of_numbers():
    source = (ROOT / "desk/settings.py").read_text()
    defaults = dict(re.findall(r'number\("(\w+)", ([\d_]+)', source))
    told = {name: default for rows in settings_table.SETTINGS.values() for name, default, _ in rows}
    assert {name: told[name] for name in defaults} == {
        name: value.replace("_", "") for name, value in defaults.items()
    }


def test_the_readme_is_short_and_leads_to_every_document():
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= 150
    documents = [f"docs/{page.name}" for page in ROOT.glob("docs/*.md")]
    assert [name for name in documents if f"({name})" not in readme] == []


@pytest.mark.parametrize(
    ("choices", "page", "row"),
    [
        (CancelStatus, "README.md", "| {label} | {meaning} | "),
        (PanicStatus, "docs/panic.md", "| {label} | {meaning} |\n"),
        (Event, "docs/audit-log.md", "| {label} | `{value}` | {meaning} |\n"),
    ],
)
def test_each_status_and_event_has_a_sentence_and_its_page_says_the_same(choices, page, row):
    sentences = meanings(choices)
    assert list(sentences) == choices.values
    text = (ROOT / page).read_text()
    rows = [row.format(label=choices(v).label, value=v, meaning=m) for v, m in sentences.items()]
    assert [row for row in rows if f"\n{row}" not in text] == []


def test_the_command_line_says_the_version():
    said = subprocess.run(
        [sys.executable, ROOT / "manage.py", "version"], capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith(f"Pacifica Desk {VERSION}, Django ")


def test_lines_of_templates_have_at_most_130_columns():
    longest = {
        f"{path.relative_to(ROOT)}:{number}": len(line)
        for path in (ROOT / "templates").rglob("*.html")
        for number, line in enumerate(path.read_text().splitlines(), 1)
    }
    assert {place: columns for place, columns in longest.items() if columns > 130} == {}
