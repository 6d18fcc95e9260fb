"""What every answer carries, and that the site answers only to its own name."""

import os
import re
import subprocess
import sys

import pytest
from django.test import Client
from django.utils.timezone import now

from tests.helpers.authenticator import sign_in
from tests.helpers.screens import url
from tests.helpers.terminal import ROOT

POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'unsafe-eval'",
    "style-src": "'self'",
    "style-src-attr": "'unsafe-inline'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def pages(firm):
    yield Client().get(url("login"))
    yield Client().get("/no/such/page")
    client = sign_in(firm.operator)
    yield client.get(url("index"))
    yield client.get(url("orders_order_changelist"))
    yield client.post(url("orders_order_cancel_by_id"), {})


def test_every_answer_carries_the_policy_and_the_headers(firm):
    for answer in pages(firm):
        policy = dict(re.findall(r"([a-z-]+) ([^;]+)", answer["Content-Security-Policy"]))
        assert {name: policy.get(name) for name in POLICY} == POLICY
        assert {name: answer[name] for name in HEADERS} == HEADERS
        assert "camera=()" in answer["Permissions-Policy"]


def test_every_answer_tells_the_sites_time(firm):
    for answer in pages(firm):
        assert abs(int(answer["Desk-Now"]) - now().timestamp() * 1000) < 60_000


def test_no_page_holds_an_inline_script_or_handler(firm):
    for answer in pages(firm):
        html = answer.content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", html)
        assert "<style" not in html
        assert not re.search(r"<[^>]+\son\w+=", html)
        assert "javascript:" not in html


def test_pages_of_signed_in_people_are_not_kept_by_any_cache(firm):
    for answer in list(pages(firm))[2:]:
        assert "no-store" in answer["Cache-Control"]


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(firm, client):
    cookies = sign_in(firm.operator).answer.cookies
    for cookie in cookies.values():
        assert cookie["httponly"]
        assert cookie["samesite"] in {"Lax", "Strict"}


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "localhost@evil", "a b"]
)
def test_another_host_name_is_refused_and_not_repeated(db, host):
    answer = Client(headers={"Host": host}).get(url("login"))
    assert answer.status_code == 400
    assert host not in answer.content.decode()


def test_a_forwarded_host_is_not_believed(firm):
    answer = Client(headers={"X-Forwarded-Host": "evil.example"}).get("/admin/orders/order/")
    assert "evil.example" not in answer["Location"]


PRODUCTION = {
    "ENV_FILE": os.devnull,
    "SECRET_KEY": "production-" + "k3Y!" * 15,
    "PACIFICA_NETWORK": "testnet",
    "ALLOWED_HOSTS": "desk.example.com",
    "AGENT_KEY_SEALING_KEY": "2026:" + "A" * 43 + "=",
    "PATH": "/usr/bin:/bin",
}


@pytest.mark.thorough
def test_production_settings_pass_djangos_own_checks_and_name_safe_cookies(tmp_path):
    code = (
        "import django; django.setup()\n"
        "from django.conf import settings as s\n"
        "from django.core.management import call_command\n"
        "call_command('check', deploy=True, fail_level='WARNING')\n"
        "print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SECOND_FACTOR_REQUIRED)"
    )
    env = PRODUCTION | {"DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "desk.settings"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "__Host-sessionid __Host-csrftoken True"
