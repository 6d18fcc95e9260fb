"""The web runs without opening keys, and a panic pulled there works with all but the sweep down."""

import base64
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection

from desk.demo.stack import free_port
from orders.keys import key_settings
from orders.models import PanicLine, PanicStatus
from tests.helpers.databases import database_url
from tests.helpers.firm import PASSWORD
from tests.helpers.stack import environment_of
from tests.services.test_worker import until

pytestmark = pytest.mark.services

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 120
DEAD_BROKER = "redis://127.0.0.1:1/0"


@contextmanager
def process(paper, log, *command, **env):
    """One of the site's processes with these keys alone, on the test's database, no broker."""
    name = connection.settings_dict["NAME"]
    about = {
        "DATABASE_URL": database_url(name),
        "PACIFICA_PAPER_URL": paper.url,
        "CELERY_BROKER_URL": DEAD_BROKER,
        "DJANGO_SETTINGS_MODULE": "desk.settings",
        "PYTHONWARNINGS": "ignore",
    }
    plain = {key: value for key, value in os.environ.items() if "AGENT_KEY" not in key}
    plain.pop("AUDIT_CHECKPOINT_KEY", None)
    with log.open("w") as out:
        running = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=plain | about | env,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield running
    finally:
        running.terminate()
        running.wait(PATIENCE_S)
        assert "Traceback" not in log.read_text(), log.read_text()


def signed_in(address):
    """A browser of olivia's, signed in over real HTTP."""
    browser = requests.Session()
    browser.get(f"{address}/admin/login/")
    form = {"username": "olivia", "password": PASSWORD, "next": "/admin/"}
    answer = post(browser, address, "/admin/login/", **form)
    assert answer.url.endswith("/admin/")
    return browser


def post(browser, address, path, **form):
    token = browser.cookies["csrftoken"]
    form |= {"csrfmiddlewaretoken": token}
    return browser.post(address + path, form, headers={"Referer": address})


def is_up(address):
    try:
        return requests.get(f"{address}/admin/login/", timeout=1).ok
    except requests.RequestException:
        return False


def test_a_panic_pulled_at_a_web_without_keys_empties_the_book(committing_firm, paper, tmp_path):
    committing_firm.orders(20)
    files = {"DJANGO_SETTINGS_MODULE": "tests.services.own_static"}
    files["OWN_STATIC_ROOT"] = str(tmp_path / "files")
    command = "manage.py", "collectstatic", "--noinput"
    collect = process(paper, tmp_path / "static", *command, **files)
    with collect as collecting:
        assert collecting.wait(PATIENCE_S) == 0
    kept = PBKDF2PasswordHasher().encode(PASSWORD, "salt" * 6)  # as the site keeps them
    get_user_model().objects.filter(username="olivia").update(password=kept)
    opening, sealing = settings.AGENT_KEY_OPENING_KEYS, public_half()
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    gunicorn = ["-m", "gunicorn", "desk.wsgi", "--threads", "4", "--bind", f"127.0.0.1:{port}"]
    web = process(paper, tmp_path / "web", *gunicorn, AGENT_KEY_SEALING_KEY=sealing, **files)
    sweep = process(paper, tmp_path / "sweep", "manage.py", "sweep", AGENT_KEY_OPENING_KEYS=opening)
    with web as running, sweep:
        until(lambda: is_up(address))
        assert b"AGENT_KEY_OPENING_KEYS" not in environment_of(running.pid)
        browser = signed_in(address)
        asked = post(
            browser,
            address,
            "/admin/orders/panicline/pull/",
            desk=committing_firm.momentum.pk,
            request_key="5b2f5a0e-7a6e-4a52-93a5-0d9f7d1c2b11",
        )
        assert asked.ok
        until(lambda: PanicLine.objects.filter(status=PanicStatus.EMPTY).exists())
    assert not any(one["is_open"] for one in paper.truth().values())


def public_half():
    """What the web needs: the sealing key that belongs to the tests' opening key."""
    key_id, public = key_settings.sealing_key()
    return f"{key_id}:{base64.b64encode(public.public_bytes_raw()).decode()}"
