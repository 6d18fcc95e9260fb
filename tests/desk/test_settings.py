"""Settings: a wrong value stops the start by name; real money does not start on the demo's."""

import os
import re
import runpy
from pathlib import Path
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

from desk.setting_values import is_folder

SETTINGS = str(Path(__file__).parent.parent.parent / "desk" / "settings.py")
GOOD = {"ENV_FILE": os.devnull, "SECRET_KEY": "s" * 60}
KEY = "A" * 43 + "="


def settings(tmp_path, **values):
    """The settings as a process with this environment and nothing else would have them."""
    values = GOOD | {"DATA_DIR": str(tmp_path)} | values
    with mock.patch.dict(os.environ, values, clear=True):
        return runpy.run_path(SETTINGS)


def refusal(tmp_path, **values):
    """The sentence with which the settings refuse this environment."""
    with pytest.raises(ImproperlyConfigured) as caught:
        settings(tmp_path, **values)
    return str(caught.value)


WRONG = {
    "SECRET_KEY": "",
    "DEBUG": "maybe",
    "ALLOWED_HOSTS": "",
    "CSRF_TRUSTED_ORIGINS": "desk.example.com",
    "HTTPS_ONLY": "2",
    "TRUST_PROXY_HEADERS": "?",
    "DATABASE_URL": "mysql://localhost/desk",
    "CELERY_BROKER_URL": "localhost:6379",
    "PACIFICA_NETWORK": "Mainnet",
    "PACIFICA_PAPER_URL": "http://192.0.2.1:8900/api/v1",
    "PACIFICA_EXPIRY_WINDOW_MS": "5s",
    "PACIFICA_CONNECT_TIMEOUT_MS": "0",
    "PACIFICA_READ_TIMEOUT_MS": "-1",
    "PACIFICA_DEADLINE_MS": "999999999",
    "PACIFICA_CA_FILE": "/no/such/file",
    "PACIFICA_PROXY_URL": "socks5://127.0.0.1:1080",
    "SYNC_PERIOD_S": "0",
    "URGENT_EXPIRES_AFTER_S": "soon",
    "BULK_EXPIRES_AFTER_S": "0",
    "ALERT_AFTER_S": "now",
    "ALERT_WEBHOOK_URL": "http://hooks.example.com/1",
    "ALERT_EMAILS": "somebody",
    "EMAIL_URL": "mail.example.com",
    "EMAIL_FROM": "desk@",
    "AGENT_KEY_OPENING_KEYS_FILE": "/no/such/file",
    "LOG_LEVEL": "chatty",
    "LOG_FORMAT": "JSON",
    "DATA_DIR": "/dev/null/data",
    "PASSKEY_SIGN_IN": "perhaps",
}


def test_a_passkey_alone_is_no_way_in_where_single_sign_on_is_the_only_one(tmp_path):
    sign_on = {"SSO_ISSUER": "https://id.example.com", "SSO_CLIENT_ID": "desk"}
    only = {"SSO_ONLY": "yes", "SSO_EMERGENCY_ADMINISTRATOR": "ada"}
    said = refusal(tmp_path, PASSKEY_SIGN_IN="yes", **sign_on, **only)
    assert said.startswith("PASSKEY_SIGN_IN: ")
    assert settings(tmp_path, PASSKEY_SIGN_IN="yes", **sign_on)["PASSKEY_SIGN_IN"]


@pytest.mark.parametrize(("name", "value"), WRONG.items())
def test_a_wrong_value_is_refused_under_its_name(tmp_path, name, value):
    assert refusal(tmp_path, **{name: value}).startswith(f"{name}: ")


ODD = {  # values that somebody wrote down with good intent
    "a note behind it": "value # a note",
    "a variable": "$SECRET",
    "quotes": '"value"',
    "a line break": "value\n",
    "a second line": "val\nue",
    "a blank before it": " value",
    "a byte order mark": "\ufeffvalue",
    "a blank of no width": "val\u200bue",
    "a blank that does not break": "val\u00a0ue",
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_no_setting_takes_over_what_cannot_be_meant(tmp_path, name, odd):
    said = refusal(tmp_path, **{name: odd})
    assert said.startswith(f"{name}: ")
    assert odd.strip() not in said


@pytest.mark.parametrize("name", ["ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "ALERT_EMAILS"])
def test_a_blank_behind_a_comma_is_refused_under_its_name(tmp_path, name):
    assert refusal(tmp_path, **{name: "a, b"}).startswith(f"{name}: has a blank")


@pytest.mark.parametrize("host", ["https://desk.example.com", "desk:8000", "desk/", "a;b", "[::1"])
def test_what_is_no_host_is_refused(tmp_path, host):
    assert refusal(tmp_path, ALLOWED_HOSTS=host).startswith("ALLOWED_HOSTS: ")


def test_hosts_in_every_form_are_taken(tmp_path):
    hosts = ["desk.example.com", ".example.com", "127.0.0.1", "[::1]", "desk"]
    assert settings(tmp_path, ALLOWED_HOSTS=",".join(hosts))["ALLOWED_HOSTS"] == hosts


MAIL_SERVER = {"EMAIL_URL": "smtp://127.0.0.1:25"}


@pytest.mark.parametrize(
    "wrong", ["ops@example.com;", "ops@example.com;me", "ops@", "ops@exa..mple.com", "@example.com"]
)
def test_an_address_that_the_mail_library_refuses_is_refused(tmp_path, wrong):
    for name in ("ALERT_EMAILS", "EMAIL_FROM"):
        said = refusal(tmp_path, **MAIL_SERVER | {name: wrong})
        assert said.startswith(f"{name}: ") and wrong not in said


@pytest.mark.parametrize("host", ["mail..example.com", "m" * 64 + ".example.com", "user:hush@"])
def test_a_mail_server_that_cannot_be_looked_up_is_refused(tmp_path, host):
    said = refusal(tmp_path, EMAIL_URL=f"smtp://{host}")
    assert said.startswith("EMAIL_URL: ") and "hush" not in said


def test_mail_in_every_form_is_taken(tmp_path):
    addresses = ["ops@example.com", "ops+desk@münchen.example", "ops@localhost"]
    for host in ("mail.example.com", "user:p%40ss@mail.example.com:587", "[::1]:25", "localhost"):
        read = settings(tmp_path, EMAIL_URL=f"smtp://{host}", ALERT_EMAILS=",".join(addresses))
        assert read["ALERT_EMAILS"] == addresses
    read = settings(tmp_path, EMAIL_FROM="Pacifica Desk <desk@example.com>")
    assert read["DEFAULT_FROM_EMAIL"] == "Pacifica Desk <desk@example.com>"


@pytest.mark.parametrize(
    "origin",
    [
        "https://desk.example.com/",
        "https://desk.example.com/desk",
        "https://desk.example.com?",
        "https://Desk.example.com",
        "https://desk.example.com:443",
        "http://desk.example.com:80",
        "https://jane@desk.example.com",
        "https://dësk.example.com",
        "https://",
    ],
)
def test_an_origin_that_no_browser_says_is_refused(tmp_path, origin):
    said = refusal(tmp_path, CSRF_TRUSTED_ORIGINS=f"https://a.example.com,{origin}")
    assert said.startswith("CSRF_TRUSTED_ORIGINS: write each as browsers do")


def test_origins_in_every_form_are_taken(tmp_path):
    origins = ["https://desk.example.com", "https://*.example.com", "http://127.0.0.1:8000"]
    origins += ["https://[::1]:8443", "https://desk", "http://desk:443"]
    assert settings(tmp_path, CSRF_TRUSTED_ORIGINS=",".join(origins))
    assert settings(tmp_path)["CSRF_TRUSTED_ORIGINS"] == []


def test_a_name_that_looks_like_a_setting_is_told_of(tmp_path):
    given = {"AGENT_KEY_OPENING_KEY": "hush", "PACIFICA_URL": "hush", "GOOD_THING": "1"}
    said = settings(tmp_path, **given)["SETTING_WARNINGS"]
    assert len(said) == 2
    assert said[0].startswith("AGENT_KEY_OPENING_KEY: is no setting. Is AGENT_KEY_OPENING_KEYS")
    assert said[1].startswith("PACIFICA_URL: ")
    assert "hush" not in "".join(said)


@pytest.mark.parametrize("url", ["nonsense", "postgres:/", "sqlserver://h/d", "://"])
def test_a_database_address_that_cannot_be_read_is_refused_under_its_name(tmp_path, url):
    assert refusal(tmp_path, DATABASE_URL=url).startswith("DATABASE_URL: ")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:8900/api/v1",
        "http://api.pacifica.fi/api/v1",
        "http://127.0.0.1.example.com/api/v1",
        "http://127.0.0.1@192.0.2.1/api/v1",
        "8900",
    ],
)
def test_the_paper_exchange_is_on_this_machine(tmp_path, url):
    assert refusal(tmp_path, PACIFICA_PAPER_URL=url).startswith("PACIFICA_PAPER_URL: ")


@pytest.mark.parametrize(
    ("scheme", "tls", "ssl"),
    [("smtp", False, False), ("smtp+tls", True, False), ("smtp+ssl", False, True)],
)
def test_the_mail_server_is_read_from_one_address(tmp_path, scheme, tls, ssl):
    found = settings(tmp_path, EMAIL_URL=f"{scheme}://desk:h%40sh@mail.example.com:587")
    assert found["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == ("mail.example.com", 587)
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("desk", "h@sh")
    assert (found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (tls, ssl)
    assert "EMAIL_URL" not in found


def test_opening_keys_are_given_once(tmp_path):
    twice = {"AGENT_KEY_OPENING_KEYS": f"a:{KEY}", "AGENT_KEY_OPENING_KEYS_FILE": os.devnull}
    assert "twice" in refusal(tmp_path, **twice)


def test_a_key_file_that_is_not_0400_is_refused(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"a:{KEY}\n")
    for setting in ("AGENT_KEY_OPENING_KEYS_FILE", "AUDIT_CHECKPOINT_KEY_FILE"):
        for mode in (0o000, 0o404, 0o444, 0o600, 0o500, 0o410, 0o420, 0o040):
            file.chmod(mode)
            said = refusal(tmp_path, **{setting: str(file)})
            assert said.startswith(f"{setting}: ")
            assert "chmod 0400" in said
    file.chmod(0o400)
    found = settings(tmp_path, AGENT_KEY_OPENING_KEYS_FILE=str(file))
    assert found["AGENT_KEY_OPENING_KEYS"] == f"a:{KEY}"


def test_no_refusal_repeats_a_secret(tmp_path):
    secret = "demo-" + "hush" * 20
    for values in (
        *({name: f"$hush{name}"} for name in WRONG),
        *({name: f"hush # {secret}"} for name in WRONG),
        {"CELERY_BROKER_URL": "redis://:hush@localhost:63x9/0"},
        {"EMAIL_URL": "smtp+tls://desk:hush@mail.example.com:5x7"},
        {"PACIFICA_PROXY_URL": "http://desk:hush@[::1"},
        {"DATABASE_URL": "sqlite://hush/desk"},
        {"DATABASE_URL": "postgres://desk:hu?sh=hush@127.0.0.1/desk"},
        {"PACIFICA_NETWORK": "mainnet", "SECRET_KEY": secret},
        {"PACIFICA_NETWORK": "mainnet", "AGENT_KEY_OPENING_KEYS": f"demo:{secret}"},
        {"DATABASE_URL": f"mysql://desk:{secret}@localhost/desk"},
        {"CELERY_BROKER_URL": f"http://:{secret}@localhost"},
    ):
        assert "hush" not in refusal(tmp_path, **values)


DEMO = {
    "SECRET_KEY": "demo-" + "s" * 60,
    "DEBUG": "true",
    "ALLOWED_HOSTS": "desk.example.com,*",
    "AGENT_KEY_OPENING_KEYS": f"2026-11:{KEY},demo:{KEY}",
    "AGENT_KEY_SEALING_KEY": f"demo:{KEY}",
    "PACIFICA_PAPER_URL": "http://127.0.0.1:8900/api/v1",
}


@pytest.mark.parametrize("network", ["testnet", "mainnet"])
@pytest.mark.parametrize(("name", "value"), DEMO.items())
def test_real_networks_refuse_what_belongs_to_the_demo(tmp_path, network, name, value):
    settings(tmp_path, **{name: value})
    said = refusal(tmp_path, PACIFICA_NETWORK=network, **{name: value})
    assert said.startswith(f"{name}: ")


@pytest.mark.parametrize("key", ["short", "django-insecure-" + "s" * 50, "change-me" + "s" * 50])
def test_real_networks_refuse_default_and_short_secrets(tmp_path, key):
    said = refusal(tmp_path, PACIFICA_NETWORK="mainnet", SECRET_KEY=key)
    assert said.startswith("SECRET_KEY: ")


@pytest.mark.parametrize(
    ("network", "host"), [("testnet", "test-api.pacifica.fi"), ("mainnet", "api.pacifica.fi")]
)
def test_each_network_has_one_address_and_demands_https(tmp_path, network, host):
    found = settings(tmp_path, PACIFICA_NETWORK=network)
    assert found["PACIFICA_URL"] == f"https://{host}/api/v1"
    assert found["SECURE_SSL_REDIRECT"] is found["SESSION_COOKIE_SECURE"] is True
    assert found["IS_REAL_MONEY"] is (network == "mainnet")


def test_mainnet_never_writes_ahead_on_a_library_that_can_corrupt(tmp_path):
    with mock.patch("sqlite3.sqlite_version_info", (3, 51, 2)):
        old = settings(tmp_path, PACIFICA_NETWORK="mainnet")["DATABASES"]["default"]
        paper = settings(tmp_path)["DATABASES"]["default"]
    with mock.patch("sqlite3.sqlite_version_info", (3, 51, 3)):
        new = settings(tmp_path, PACIFICA_NETWORK="mainnet")["DATABASES"]["default"]
    modes = [one["OPTIONS"]["init_command"].partition(";")[0] for one in (old, paper, new)]
    assert modes == [f"PRAGMA journal_mode={mode}" for mode in ("DELETE", "WAL", "WAL")]
    assert old["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "synchronous=FULL" in old["OPTIONS"]["init_command"]


def test_the_environment_wins_over_the_file(tmp_path):
    file = tmp_path / ".env"
    file.write_text("LOG_LEVEL=ERROR\nSYNC_PERIOD_S=7\n")
    found = settings(tmp_path, ENV_FILE=str(file), LOG_LEVEL="WARNING")
    assert (found["LOG_LEVEL"], found["SYNC_PERIOD_S"]) == ("WARNING", 7)


def test_the_example_file_names_only_settings_that_exist():
    root = Path(SETTINGS).parent.parent
    lines = (root / ".env.example").read_text().splitlines()
    names = [line.lstrip("#").partition("=")[0] for line in lines if "=" in line.split(" ")[0]]
    source = Path(SETTINGS).read_text()
    assert names
    secrets = {f"{name}_FILE" for name in re.findall(r'secret\("(\w+)"\)', source)}
    assert [name for name in names if f'"{name}"' not in source and name not in secrets] == []


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1\\@127.0.0.1/api/v1",
        "http://192.0.2.1#@127.0.0.1/api/v1",
        "http://x@127.0.0.1:8900/api/v1",
        "http://127.0.0.1:8900/api/v1?to=192.0.2.1",
        "http://127.0.0.1.:8900/api/v1",
        "http://127.0.0.1:8900/api/v1\n",
        "http://2130706433/api/v1",
        "HTTP://127.0.0.1/api/v1",
    ],
)
def test_an_address_that_two_parsers_could_read_differently_is_refused(tmp_path, url):
    assert refusal(tmp_path, PACIFICA_PAPER_URL=url).startswith("PACIFICA_PAPER_URL: ")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_each_name_of_this_machine_will_do_for_the_paper_exchange(tmp_path, host):
    url = f"http://{host}:8900/api/v1"
    assert settings(tmp_path, PACIFICA_PAPER_URL=url)["PACIFICA_URL"] == url


def test_a_folder_that_may_not_be_looked_at_is_named(monkeypatch):
    monkeypatch.setattr(
        Path, "is_dir", mock.Mock(side_effect=PermissionError(13, "Permission denied"))
    )
    with pytest.raises(ImproperlyConfigured, match="EXPORT_DIR: /far cannot be looked at"):
        is_folder("EXPORT_DIR", Path("/far"))
