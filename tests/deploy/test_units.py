"""The unit files: no misspelt line, commands that exist, shut in, keys for senders alone."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from gunicorn.config import Config

from orders.lifecycle.wakeups import BULK, URGENT
from tests.deploy.units import (
    DIRECTIVES,
    INSTALLED,
    PROCESSES,
    ROOT,
    SERVICES,
    TIMED,
    UNITS,
    command,
    unknown,
    values,
)

BIN = Path(sys.executable).parent
SENDERS = ("worker-urgent", "worker-bulk", "sweep", "stream", "archive")
HAS_SYSTEMD = shutil.which("systemd-analyze") is not None
MAN = Path("/usr/share/man/man5")
each = pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)


def is_sender(unit):
    return unit.stem.removeprefix("pacifica-desk-") in SENDERS


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_no_line_is_misspelt_or_in_the_wrong_section(unit):
    assert unknown(unit.read_text()) == []


def test_a_misspelt_protection_is_found():
    text = "[Service]\nNoNewPrivilege=yes\nWantedBy=x\n[Unit]\nProtectSystem=strict\n"
    assert unknown(text) == [
        "[Service] NoNewPrivilege",
        "[Service] WantedBy",
        "[Unit] ProtectSystem",
    ]


@pytest.mark.skipif(not (MAN / "systemd.exec.5.gz").exists(), reason="no man pages of systemd here")
@pytest.mark.parametrize("page", DIRECTIVES)
def test_the_table_says_what_the_man_pages_say(page):
    name, number = re.fullmatch(r"(.+)\((\d)\)", page).groups()
    packed = MAN / f"{name}.{number}.gz"
    text = subprocess.run(["zcat", str(packed)], capture_output=True, text=True, check=True).stdout
    text = re.sub(r"\\f[A-Z]|\\&", "", text)
    for names in DIRECTIVES[page].values():
        missing = [one for one in names.split() if not re.search(rf"\b{one}=", text)]
        assert missing == []


@each
def test_its_command_exists_with_these_options(unit):
    program, *arguments = command(unit)
    assert program.startswith(f"{INSTALLED}/.venv/bin/")
    assert values(unit, "WorkingDirectory") == [INSTALLED]
    assert (BIN / Path(program).name).exists()
    {"python": our_command, "celery": worker, "gunicorn": web}[Path(program).name](arguments)


def our_command(arguments):
    script, name, *options = arguments
    assert (ROOT / script).exists()
    assert get_commands()[name] == "orders"
    load_command_class("orders", name).create_parser("manage.py", name).parse_args(options)


def worker(arguments):
    from celery.bin.base import CLIContext
    from celery.bin.worker import worker as parsed

    from desk.celery import app

    assert arguments[:3] == ["-A", "desk", "worker"]
    given = parsed.make_context(
        "worker", arguments[3:], obj=CLIContext(app=app, no_color=True, workdir=None)
    ).params
    assert given["queues"] in ([URGENT], [BULK])
    assert given["without_gossip"] and given["without_mingle"]


def web(arguments):
    config = Config()
    given = config.parser().parse_args(arguments)
    assert given.forwarded_allow_ips == ""  # without it a peer on loopback is believed
    config.set("forwarded_allow_ips", given.forwarded_allow_ips)
    assert given.args == ["desk.wsgi"]
    assert config.forwarded_allow_ips == []
    assert given.control_socket_disable is True


def test_every_process_of_the_documents_has_a_unit_with_its_options():
    table = (ROOT / "docs/operations.md").read_text().partition("## Processes")[2]
    rows = re.findall(r"(?m)^\| [\w ]+ \| [^|]+ \| `([^`]+)` \|", table.partition("\n## ")[0])
    told = {frozenset(row.split()) for row in rows}
    held = [{Path(word).name for word in command(unit)} for unit in PROCESSES]
    missing = [row for row in told if not any(row <= words for words in held)]
    assert (len(told), missing) == (len(PROCESSES), [])


def test_the_procfile_runs_what_the_units_run():
    rows = re.findall(r"(?m)^[\w-]+: ENV_FILE=(\S+) exec (.+)$", (ROOT / "Procfile").read_text())
    told = {frozenset(line.removeprefix(".venv/bin/").split()) for _, line in rows}
    held = [
        {word.removeprefix(f"{INSTALLED}/.venv/bin/") for word in command(u)} for u in PROCESSES
    ]
    assert len(told) == len(rows) == len(PROCESSES)
    assert [row for row in told if not any(row <= words for words in held)] == []
    for file, line in rows:
        sends = "celery" in line or "sweep" in line or "manage.py stream" in line
        assert file.endswith("senders.env" if sends else "web.env")


@each
def test_keys_go_to_senders_alone(unit):
    given = " ".join(values(unit, "LoadCredential") + values(unit, "Environment"))
    assert ("opening-keys" in given) == is_sender(unit)
    assert ("senders.env" in given, "web.env" in given) == (is_sender(unit), not is_sender(unit))
    assert ("checkpoint-key" in given) == unit.stem.endswith(("-sweep", "-archive"))
    # senders.env names the checkpoint key for all: who does not get it must not look for it
    assert ("AUDIT_CHECKPOINT_KEY_FILE=" in given) == is_sender(unit)


def holds(unit, wanted):
    return {name: values(unit, name) for name in wanted} == {n: [v] for n, v in wanted.items()}


@each
def test_it_is_shut_in(unit):
    wanted = {
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "CapabilityBoundingSet": "",
        "UMask": "0077",
        "StateDirectoryMode": "0700",
    }
    assert holds(unit, wanted)
    assert values(unit, "SystemCallFilter") == ["@system-service", "~@privileged"]


@pytest.mark.parametrize("unit", PROCESSES, ids=lambda unit: unit.stem)
def test_a_process_starts_again_for_ever(unit):
    wanted = {"Restart": "always", "StartLimitIntervalSec": "0"}
    assert holds(unit, wanted | {"WantedBy": "pacifica-desk.target"})


@pytest.mark.parametrize("unit", TIMED, ids=lambda unit: unit.stem)
def test_what_a_timer_starts_ends_by_itself_and_is_made_up_for(unit):
    assert holds(unit, {"Type": "oneshot"}) and not values(unit, "WantedBy")
    timer = unit.with_suffix(".timer")
    assert holds(timer, {"Persistent": "yes", "WantedBy": "timers.target"})


@pytest.fixture
def here(tmp_path):
    """The units as if they were installed where the tests run."""
    for unit in UNITS:
        text = unit.read_text().replace(f"{INSTALLED}/.venv/bin", str(BIN))
        (tmp_path / unit.name).write_text(text.replace(INSTALLED, str(ROOT)))
    return tmp_path


@pytest.mark.skipif(not HAS_SYSTEMD, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong(here):
    files = [str(path) for path in here.iterdir()]
    done = analyze("verify", "--man=no", *files)
    ours = [line for line in done.stderr.splitlines() if "pacifica-desk" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.skipif(not HAS_SYSTEMD, reason="systemd-analyze is not installed")
@each
def test_systemd_scores_its_exposure_low(here, unit):
    done = analyze("security", "--offline=yes", "--threshold=15", str(here / unit.name))
    assert done.returncode == 0, done.stdout[-200:]


def analyze(*arguments):
    command = ["systemd-analyze", "--no-pager", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_commands_run_as_the_units_do():
    text = (ROOT / "deploy" / "pacifica-desk").read_text()
    subprocess.run(["sh", "-n", "-c", text], check=True)
    for word in (f"cd {INSTALLED}", "DATA_DIR=/var/lib/pacifica-desk", "--reuid=pacifica-desk"):
        assert word in text
    for kind in ("senders", "web"):
        settings = f"LoadCredential=settings:/etc/pacifica-desk/{kind}.env"
        assert f"settings={kind} " in text
        assert any(settings in unit.read_text() for unit in PROCESSES)
