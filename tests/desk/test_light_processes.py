"""What a process does not need it does not load: memory, and the time until a terminal cancels."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from desk import apps

ROOT = Path(__file__).parent.parent.parent
LOADED = """
import json, sys
import django
{load}
print(json.dumps([name for name in {asked} if name in sys.modules]))
"""
COMMAND = "django.setup(); __import__('orders.management.commands.{}')"
WORKER = "from desk.celery import app; app.loader.import_default_modules()"
PAGES = ["orders.admin.site", "orders.admin.registry", "unfold.admin", "desk.urls", "ninja"]


def run(code):
    """What a fresh process says, on SQLite."""
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env |= {"DJANGO_SETTINGS_MODULE": "desk.settings", "SECRET_KEY": "only-to-look"}
    env |= {"ENV_FILE": "/dev/null", "PACIFICA_NETWORK": "paper"}
    command = [sys.executable, "-W", "ignore", "-c", code]
    said = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return said.stdout.splitlines()


def loaded(load, asked):
    """Which of these modules a fresh process has once it loaded so much."""
    return json.loads(run(LOADED.format(load=load, asked=asked))[-1])


@pytest.mark.parametrize("name", ["cancel", "panic", "sweep", "stream", "watch"])
def test_a_terminal_command_loads_no_pages_no_celery_and_no_driver_of_another_database(name):
    assert loaded(COMMAND.format(name), [*PAGES, "celery", "kombu", "psycopg"]) == []


@pytest.mark.parametrize("name", ["cancel", "panic"])
def test_a_terminal_that_cancels_loads_no_stream(name):
    assert "websockets" not in loaded(COMMAND.format(name), ["websockets"])


def test_a_worker_loads_no_pages():
    assert loaded(WORKER, [*PAGES, "psycopg", "orders.tasks"]) == ["orders.tasks"]


def test_the_web_has_all_before_its_first_request_and_no_driver_of_another_database():
    unchecked = "from desk import startup_checks; startup_checks.check_web = lambda: 0"
    web = f"django.setup(); {unchecked}; import desk.wsgi"
    assert loaded(web, [*PAGES, "celery", "psycopg"]) == [*PAGES, "celery"]


def test_a_command_collects_garbage_again_and_walks_nothing_that_was_loaded():
    say = "lambda *_: print(gc.isenabled(), gc.get_freeze_count())"
    said = run(
        "import gc, sys, manage; from django.core.management.base import BaseCommand; "
        f"BaseCommand.run_from_argv = {say}; sys.argv = ['manage.py', 'unlock']; manage.main()"
    )
    is_enabled, frozen = said[0].split()
    assert is_enabled == "True"
    assert int(frozen) > 100_000


def test_the_sites_checks_look_at_every_screen():
    code = "from django.core import checks; django.setup(); checks.run_checks(tags=['admin'])"
    assert "orders.admin.registry" in loaded(code, PAGES)
    assert apps.check_screens(None) == []
