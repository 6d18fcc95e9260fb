"""The block of settings that names a provider: what it takes, and what it refuses by name."""

import json

import pytest
from django.core.exceptions import ImproperlyConfigured

from desk import single_sign_on
from orders.models import Role

SET = {"SSO_ISSUER": "https://id.example.com/realms/desk", "SSO_CLIENT_ID": "desk"}


@pytest.fixture
def read(monkeypatch):
    def read(**values):
        for name in (*single_sign_on.NEEDS_ISSUER, "SSO_ISSUER"):
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))
        return single_sign_on.read()

    return read


def test_nothing_is_set_and_nothing_is_there(read):
    assert read() is None


def test_issuer_and_client_are_enough(read):
    found = read(**SET)
    assert (found.name, found.groups_claim) == ("id.example.com", "groups")
    assert found.scopes == ("openid", "profile", "email")
    assert not (found.is_only or found.roles or found.acr or found.amr)


def test_the_emergency_administrator_is_named_as_names_are_kept(read):
    found = read(**SET, SSO_ONLY="true", SSO_EMERGENCY_ADMINISTRATOR="\uff32oot")
    assert found.emergency_administrator == "Root"


@pytest.mark.parametrize(
    "issuer",
    [
        "https://id.example.com/realms/firm",
        "https://login.microsoftonline.com/833ced3d-cb2e-41de-92f1-29e2af035ddc/v2.0",
        "https://firm.okta.com/oauth2/default",
        "https://accounts.google.com",
    ],
)
def test_an_issuer_is_kept_to_the_letter_whatever_its_path(read, issuer):
    assert read(**SET | {"SSO_ISSUER": issuer}).issuer == issuer


def test_a_provider_on_this_machine_may_go_without_tls(read):
    assert read(**SET | {"SSO_ISSUER": "http://127.0.0.1:9000"})


def test_groups_are_read_from_a_file(read, tmp_path):
    file = tmp_path / "roles.json"
    roles = {"CN=Desk Heads,OU=x": {"Momentum": "head"}, "/traders #1": {"Basis": "operator"}}
    file.write_text(json.dumps(roles))
    found = read(**SET, SSO_ROLES_FILE=file)
    assert found.roles == roles
    assert found.desks == {"Momentum", "Basis"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no JSON"),
        ("{", "is no JSON"),
        ("[]", "must be an object"),
        ('{"a": "head"}', "group 'a': must be an object"),
        ('{"a": {"Momentum": "chief"}}', "the role must be head, operator, auditor or viewer"),
        ('{"a": {"Momentum": ["head"]}}', "the role must be"),
        ('{"a": {}, "a": {}}', "'a' stands twice"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_a_file_of_groups_that_cannot_be_meant_is_refused(read, tmp_path, text, words):
    file = tmp_path / "roles.json"
    file.write_text(text)
    with pytest.raises(ImproperlyConfigured, match="SSO_ROLES_FILE") as refused:
        read(**SET, SSO_ROLES_FILE=file)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"SSO_CLIENT_ID": "desk"}, "SSO_ISSUER"),
        ({"SSO_ISSUER": "http://id.example.com", "SSO_CLIENT_ID": "desk"}, "SSO_ISSUER"),
        ({"SSO_ISSUER": "id.example.com", "SSO_CLIENT_ID": "desk"}, "SSO_ISSUER"),
        ({"SSO_ISSUER": "https://id.example.com"}, "SSO_CLIENT_ID"),
        (SET | {"SSO_ONLY": "yes"}, "SSO_EMERGENCY_ADMINISTRATOR"),
        (SET | {"SSO_ONLY": "perhaps"}, "SSO_ONLY"),
        (SET | {"SSO_SCOPES": "profile"}, "SSO_SCOPES"),
        (SET | {"SSO_CA_FILE": "/nowhere/ca.pem"}, "SSO_CA_FILE"),
        (SET | {"SSO_ROLES_FILE": "/nowhere/roles.json"}, "SSO_ROLES_FILE"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(read, values, name):
    with pytest.raises(ImproperlyConfigured, match=f"^{name}: "):
        read(**values)


def test_the_secret_shows_in_nothing(read):
    assert "hush" not in repr(read(**SET, SSO_CLIENT_SECRET="hush"))


def test_the_roles_are_those_of_memberships():
    assert set(single_sign_on.ROLES) == set(Role.values)
