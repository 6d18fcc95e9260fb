"""The file of settings: each line is understood or named, and no line is ever shown."""

import os
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

from desk.env_file import KNOWN, load
from desk.setting_values import text

HUSH = "2026-11:hushHUSHhush0000000000000000000000000000000="


def loaded(tmp_path, text, **environment):
    """The environment after this file was read."""
    file = tmp_path / "desk.env"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with mock.patch.dict(os.environ, environment, clear=True):
        load(file, is_named=True)
        return dict(os.environ)


def refusal(tmp_path, text):
    with pytest.raises(ImproperlyConfigured) as caught:
        loaded(tmp_path, text)
    return str(caught.value)


def test_a_sound_file_is_read_whole(tmp_path):
    text = '\ufeff# a note\n\n  A=1\r\nexport B=\'two words\'\nC="a \\"b\\""\nD=x#y=z\nE=\n'
    expected = {"A": "1", "B": "two words", "C": 'a "b"', "D": "x#y=z", "E": ""}
    assert loaded(tmp_path, text) == expected


def test_what_the_environment_says_stands(tmp_path):
    assert loaded(tmp_path, "A=1\n", A="2") == {"A": "2"}


FAULTY = [
    "AGENT_KEY_OPENING_KEYS = {}",
    "AGENT_KEY_OPENING_KEYS ={}",
    "AGENT_KEY_OPENING_KEYS= {}",
    "AGENT_KEY_OPENING_KEYS\t=\t{}",
    "AGENT_KEY_OPENING_KEYS: {}",
    "AGENT_KEY_OPENING_KEYS {}",
    'AGENT_KEY_OPENING_KEYS="{}',
    "AGENT_KEY_OPENING_KEYS='{}' # note",
    "AGENT_KEY_OPENING_KEYS=#{}",
    "export AGENT_KEY_OPENING_KEYS = {}",
    "AGENT_KEY_OPENING_KEYS=a\nAGENT_KEY_OPENING_KEYS={}",
]


@pytest.mark.parametrize("line", FAULTY)
def test_a_faulty_line_is_named_by_its_setting_and_not_shown(tmp_path, line, capfd, caplog):
    said = refusal(tmp_path, f"DEBUG=false\n{line.format(HUSH)}\n")
    assert said.startswith("AGENT_KEY_OPENING_KEYS: ")
    assert "2" in said or "3" in said
    assert "hush" not in said + caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize("between", ["\0", "\0\0"])
def test_a_nul_is_refused_by_name(tmp_path, between):
    said = refusal(tmp_path, f"AGENT_KEY_OPENING_KEYS=hush{between}hush\n")
    assert said.startswith("AGENT_KEY_OPENING_KEYS: line 1 of desk.env holds a NUL")
    assert "hush" not in said


@pytest.mark.parametrize("between", ["\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x85"])
def test_what_only_some_take_for_a_line_break_never_makes_a_value_a_name(
    tmp_path, between, monkeypatch
):
    monkeypatch.delenv("PACIFICA_HUSH", raising=False)
    file = tmp_path / "desk.env"
    file.write_text(f"PACIFICA_HUSH=hush{between}HUSH\n", "utf-8")
    load(file, is_named=True)
    with pytest.raises(ImproperlyConfigured, match=r"^PACIFICA_HUSH: holds") as refused:
        text("PACIFICA_HUSH")
    assert "HUSH" not in str(refused.value).removeprefix("PACIFICA_HUSH")
    monkeypatch.delenv("PACIFICA_HUSH")


NAMELESS = [HUSH, f"{HUSH}=", HUSH.partition(":")[2], "hush hush", "=hush", "HUSH1+hush="]
OF_CAPITALS = ["HUSHHUSH", "HUSH_HUSH", "HUSH HUSH", "HUSH: x", "HUSH= x", "HUSH=\0", 'HUSH="x']


@pytest.mark.parametrize("line", [*NAMELESS, *OF_CAPITALS])
def test_a_line_without_a_name_is_told_by_its_number(tmp_path, line, capfd, caplog):
    said = refusal(tmp_path, f"A=1\n{line}\n")
    assert said.startswith("ENV_FILE: line 2 of desk.env")
    assert "hush" not in (said + caplog.text + "".join(capfd.readouterr())).lower()


def test_a_line_of_a_secret_that_stands_twice_is_told_by_its_numbers(tmp_path):
    assert refusal(tmp_path, "A=1\nHUSHHUSH=\nHUSHHUSH=\n") == (
        "ENV_FILE: lines 2 and 3 of desk.env set the same one."
    )


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_known_setting_is_named(tmp_path, name):
    assert refusal(tmp_path, f"{name} = hush\n").startswith(f"{name}: line 1 of desk.env")


def test_a_file_that_was_asked_for_must_be_there(tmp_path):
    for path in (tmp_path / "none", tmp_path, tmp_path / "none" / "none", ""):
        with pytest.raises(ImproperlyConfigured, match=r"^ENV_FILE: "):
            load(path, is_named=True)


def test_the_usual_file_may_be_missing_but_not_lead_nowhere(tmp_path):
    assert load(tmp_path / ".env", is_named=False) == []
    (tmp_path / ".env").symlink_to(tmp_path / "gone")
    with pytest.raises(ImproperlyConfigured, match=r"^ENV_FILE: "):
        load(tmp_path / ".env", is_named=False)


def test_bytes_that_are_no_text_are_named(tmp_path):
    assert refusal(tmp_path, b"SECRET_KEY=\xff\xfehush").startswith("ENV_FILE: ")


def test_a_file_of_secrets_that_others_can_read_is_told_of(tmp_path):
    file = tmp_path / ".env"
    file.write_text("SECRET_KEY=hush\n")
    with mock.patch.dict(os.environ, clear=True):
        file.chmod(0o644)
        (said,) = load(file, is_named=True)
        assert said.startswith("ENV_FILE: others can read")
        file.chmod(0o600)
        assert load(file, is_named=True) == []
