"""Prometheus' rules and Grafana's dashboard: sound, and of figures that the site tells."""

import json
import re
import shutil
import subprocess

import pytest
from django.utils import timezone

from orders.management import sweep
from orders.models import CreditPool, ExchangeClock
from orders.operations.monitoring.exposition import Exposition
from tests.deploy.units import ROOT
from tests.helpers.figures import Figures

FOLDER = ROOT / "deploy" / "prometheus"
RULES, RULE_TESTS = "pacifica-desk.rules.yml", "pacifica-desk.rules.test.yml"
DASHBOARD = json.loads((ROOT / "deploy/grafana/pacifica-desk.json").read_text())
PROMTOOL = shutil.which("promtool")
with_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="Debian's package prometheus is missing"
)


def promtool(*arguments):
    done = subprocess.run([PROMTOOL, *arguments], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def panels():
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions():
    return [target["expr"] for panel in panels() for target in panel["targets"]]


@with_promtool
def test_prometheus_takes_its_file_and_the_rules():
    promtool("check", "config", "prometheus.yml")


@with_promtool
def test_the_rules_tell_of_trouble_and_of_nothing_else():
    promtool("test", "rules", RULE_TESTS)


@with_promtool
def test_prometheus_can_read_what_the_dashboard_asks(tmp_path):
    rules = [
        {"record": f"panel:{number}", "expr": text.replace("$__rate_interval", "1m")}
        for number, text in enumerate(expressions())
    ]
    file = tmp_path / "dashboard.yml"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", str(file))


@with_promtool
def test_prometheus_finds_no_fault_with_the_text_of_the_metrics(everything):
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=everything, capture_output=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


@pytest.fixture
def everything(firm):
    """All figures that there are."""
    now = timezone.now()
    ExchangeClock.objects.create(pk=1, offset_ms=5, measured_at=now)
    CreditPool.objects.create(name="keyless", quota=100)
    sweep.beat("sweep", now)
    sign_a_checkpoint()
    return Exposition().text(now)


def sign_a_checkpoint():
    from orders.models import AuditCheckpoint

    AuditCheckpoint.objects.create(number=1, at=timezone.now(), count=1, line="{}")


def asked_for(text):
    return set(re.findall(r"pacifica_desk_(\w+)", text)) - {"rules"}


def test_what_they_ask_for_is_told(everything):
    told = Figures(everything).names
    rules = "".join(re.findall(r"(?m)^ +(?:expr: |\(rate|/ sum).*", (FOLDER / RULES).read_text()))
    for text in (rules, " ".join(expressions())):
        assert asked_for(text)
        assert asked_for(text) - told == set()


def test_every_figure_is_on_the_dashboard(everything):
    shown = asked_for(" ".join(expressions()))
    told = {re.sub(r"_(sum|count)$", "_bucket", name) for name in Figures(everything).names}
    beside = {"info", "scrape_seconds", "records_total", "unresolved_oldest_seconds"}
    beside |= {"unsigned_records", "credits_quota", "credit_pools_paused"}
    assert told - shown == beside


def test_labels_that_they_name_exist(everything):
    rules = (FOLDER / RULES).read_text() + " ".join(expressions())
    for name, label, value in re.findall(r'pacifica_desk_(\w+)\{(\w+)="([^"]+)"', rules):
        assert f"pacifica_desk_{name}{{".encode() in everything
        assert f'{label}="{value}"'.encode() in everything


def test_panels_have_words_and_do_not_overlap():
    assert all(panel["title"] and panel["description"].endswith(".") for panel in panels())
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
