"""The sign-in service speaks as Keycloak, Entra ID, Okta and Google Workspace are documented to.

Read in their documents; none of them was asked. What each says of itself and of a person differs in
names, in what is left out, and in what stands in place of groups that are too many.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from orders.access import sessions
from orders.models import Membership
from tests.access.test_single_sign_on import enter, said
from tests.helpers.authenticator import is_in
from tests.helpers.oidc_provider import CLIENT, as_set, running_provider
from tests.helpers.screens import folded, url

pytestmark = [pytest.mark.django_db, pytest.mark.once]

TENANT = "833ced3d-cb2e-41de-92f1-29e2af035ddc"
TRADERS, HEADS = "0760b6cf-170e-4a14-91b3-4b78e0739963", "3b2b0c93-acd8-4208-8eba-7a48db1cd4c0"
TOO_MANY = "did not list your groups, because they are too many (groups)"
NONE_TOLD = "told no groups of yours"
OPERATOR = {"Momentum": "operator"}


@dataclass(frozen=True)
class Dialect:
    """``issuer``: what follows the host. ``says``: of itself. ``token``: claims; None: left out."""

    issuer: str
    says: dict[str, Any]
    token: dict[str, Any]
    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    page: dict[str, Any] | None = None
    roles: dict[str, str] = field(default_factory=dict)
    words: str = ""
    has_factor: bool = False


def entra(token, **about):
    own = {"oid": "cb7eda1b-d09a-40ae-b8bb-37836ebc6abd", "tid": TENANT, "ver": "2.0"}
    own |= {"name": "Jane Doe", "preferred_username": "jane@firm.example"}
    own |= {"sub": "3OBtLXUC2ZrN_ADLNjW9X4o0lcd61py7lgHw3Skh77s", "auth_time": None}
    methods = ["client_secret_post", "private_key_jwt", "client_secret_basic"]
    says = {"token_endpoint_auth_methods_supported": methods}
    says |= {"id_token_signing_alg_values_supported": ["RS256"], "tenant_region_scope": "EU"}
    page = {"sub": own["sub"], "name": "Jane Doe", "picture": "https://id.example/photo"}
    usual = {"name": "jane@firm.example", "page": page}
    return Dialect(f"/{TENANT}/v2.0", says, own | token, **(usual | about))


def okta(token, **about):
    own = {"sub": "00uid4BxXw6I6TV4m0g3", "ver": 1, "idp": "00ok1u7AsAkrwdZL3z0g3"}
    own |= {"name": "Jane Doe", "preferred_username": "jane@firm.example", "amr": ["pwd"]}
    says = {"id_token_signing_alg_values_supported": ["RS256"]}
    methods = ["client_secret_basic", "client_secret_post", "client_secret_jwt", "none"]
    says |= {"token_endpoint_auth_methods_supported": methods}
    usual = {"name": "jane@firm.example", "page": {"sub": own["sub"]}}
    return Dialect("/oauth2/default", says, own | token, **(usual | about))


def google(token, **about):
    own = {"sub": "110169484474386276334", "azp": CLIENT, "auth_time": None}
    own |= {"email": "jane@firm.example", "email_verified": True, "hd": "firm.example"}
    methods = ["client_secret_post", "client_secret_basic"]
    says = {"token_endpoint_auth_methods_supported": methods}
    says |= {"id_token_signing_alg_values_supported": ["RS256"]}
    usual = {"name": "jane@firm.example", "page": {"sub": own["sub"], "email": own["email"]}}
    return Dialect("", says, own | token, **(usual | about))


def keycloak(token, **about):
    own = {"sub": "f8f1bc1c-3b0c-4d2f-8e42-9e2f3c1f4c11", "typ": "ID", "azp": CLIENT, "acr": "1"}
    own |= {"preferred_username": "jane.doe", "email_verified": False}
    own |= {"sid": "0a0f0b0e-3d8e-4d0c-8a53-6a0c2b1a7f10"}
    algorithms = ["PS384", "RS384", "EdDSA", "ES384", "HS256", "RS256", "PS512"]
    says = {"id_token_signing_alg_values_supported": algorithms}
    usual = {"name": "jane.doe", "page": {"sub": own["sub"], "preferred_username": "jane.doe"}}
    return Dialect("/realms/firm", says, own | token, **(usual | about))


BY_ID = {"roles": {TRADERS: OPERATOR, HEADS: {"Momentum": "head"}}}
BY_APP_ROLE = {"groups_claim": "roles", "roles": {"Desk.Operator": OPERATOR}}
BY_NAME = {"roles": {"desk-traders": OPERATOR}}
BY_DOMAIN = {"groups_claim": "hd", "roles": {"firm.example": {"Momentum": "viewer"}}}
BY_PATH = {"roles": {"/desk/traders": OPERATOR}}
BY_REALM_ROLE = {"groups_claim": "realm_access.roles", "roles": {"trader": OPERATOR}}
BY_CLIENT_ROLE = {"groups_claim": f"resource_access.{CLIENT}.roles", "roles": {"trader": OPERATOR}}
ELSEWHERE = {
    "_claim_names": {"groups": "src1"},
    "_claim_sources": {"src1": {"endpoint": f"https://graph.windows.net/{TENANT}/users/x/groups"}},
}
DIALECTS = {
    "entra: groups by id": entra({"groups": [TRADERS]}, settings=BY_ID, roles=OPERATOR),
    "entra: of two groups the head's": entra(
        {"groups": [TRADERS, HEADS]}, settings=BY_ID, roles={"Momentum": "head"}
    ),
    "entra: too many groups": entra(ELSEWHERE, settings=BY_ID, words=TOO_MANY),
    "entra: too many groups, said otherwise": entra(
        {"hasgroups": True}, settings=BY_ID, words=TOO_MANY
    ),
    "entra: app roles": entra({"roles": ["Desk.Operator"]}, settings=BY_APP_ROLE, roles=OPERATOR),
    "entra: app roles beside too many groups": entra(
        {"roles": ["Desk.Operator"]} | ELSEWHERE, settings=BY_APP_ROLE, roles=OPERATOR
    ),
    "entra: no app role, and too many groups": entra(
        {"hasgroups": True} | ELSEWHERE, settings=BY_APP_ROLE, words=f"{NONE_TOLD} (roles)"
    ),
    "entra: no groups": entra({}, settings=BY_ID, words=f"{NONE_TOLD} (groups)"),
    "entra: a guest whose name is none here": entra(
        {
            "preferred_username": "jane_other.example#EXT#@firm.onmicrosoft.com",
            "email": "jane@other.example",
            "groups": [TRADERS],
        },
        settings=BY_ID,
        roles=OPERATOR,
        name="jane@other.example",
    ),
    "okta: groups by a filter": okta(
        {"groups": ["Everyone", "desk-traders"]}, settings=BY_NAME, roles=OPERATOR
    ),
    "okta: groups on the page alone": okta(
        {},
        page={"sub": "00uid4BxXw6I6TV4m0g3", "groups": ["desk-traders"]},
        settings=BY_NAME,
        roles=OPERATOR,
    ),
    "okta: a second factor": okta(
        {"groups": ["desk-traders"], "amr": ["mfa", "otp", "pwd"]},
        settings=BY_NAME | {"amr": ("mfa",)},
        roles=OPERATOR,
        has_factor=True,
    ),
    "okta: no groups claim": okta({}, settings=BY_NAME, words=f"{NONE_TOLD} (groups)"),
    "google: the domain": google({}, settings=BY_DOMAIN, roles={"Momentum": "viewer"}),
    "google: an account of no firm": google(
        {"hd": None, "email": "jane@mail.example"},
        settings=BY_DOMAIN,
        words=f"{NONE_TOLD} (hd)",
        name="jane@mail.example",
    ),
    "google: groups, which it does not tell": google(
        {}, settings=BY_NAME, words=f"{NONE_TOLD} (groups)"
    ),
    "google: roles by hand": google({}),
    "keycloak: groups by path": keycloak(
        {"groups": ["/desk/traders"]}, settings=BY_PATH, roles=OPERATOR
    ),
    "keycloak: no groups": keycloak({"groups": []}, settings=BY_PATH),
    "keycloak: no mapper": keycloak({}, settings=BY_PATH, words=f"{NONE_TOLD} (groups)"),
    "keycloak: roles of the realm": keycloak(
        {"realm_access": {"roles": ["offline_access", "trader"]}},
        settings=BY_REALM_ROLE,
        roles=OPERATOR,
    ),
    "keycloak: roles of the client": keycloak(
        {"resource_access": {CLIENT: {"roles": ["trader"]}, "account": {"roles": ["x"]}}},
        settings=BY_CLIENT_ROLE,
        roles=OPERATOR,
    ),
    "keycloak: roles of another client": keycloak(
        {"resource_access": {"account": {"roles": ["trader"]}}},
        settings=BY_CLIENT_ROLE,
        words=NONE_TOLD,
    ),
    "keycloak: a password is its level 1": keycloak(
        {"groups": ["/desk/traders"]}, settings=BY_PATH | {"acr": ("2",)}, roles=OPERATOR
    ),
    "keycloak: a second factor is its level 2": keycloak(
        {"groups": ["/desk/traders"], "acr": "2"},
        settings=BY_PATH | {"acr": ("2",)},
        roles=OPERATOR,
        has_factor=True,
    ),
}


@pytest.fixture
def speak(settings):
    """Have the sign-in service speak so."""
    with running_provider() as provider:

        def speak(dialect):
            provider.issuer = provider.url + dialect.issuer
            provider.metadata, provider.page = dialect.says, dialect.page
            provider.person = dict(dialect.token)
            settings.SINGLE_SIGN_ON = as_set(provider, **dialect.settings)
            return provider

        yield speak


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_who_comes_has_the_roles_of_their_groups_or_is_told_why_not(firm, speak, dialect):
    client = enter(speak(dialect))
    is_refused = dialect.words == TOO_MANY
    told = said(client) if is_refused else folded(client.get(url("index")))
    assert dialect.words in told
    assert (NONE_TOLD in told) == dialect.words.startswith(NONE_TOLD)
    assert is_in(client) != is_refused
    person = get_user_model().objects.filter(username=dialect.name).first()
    assert (person is None) == is_refused
    held = Membership.objects.filter(user=person).values_list("desk__name", "role")
    assert dict(held) == dialect.roles
    assert (sessions.VERIFIED in client.session) == dialect.has_factor


def test_too_many_groups_name_the_two_ways_out(firm, speak):
    client = enter(speak(DIALECTS["entra: too many groups"]))
    shown = said(client)
    assert "only the groups that are given to it" in shown
    assert "SSO_GROUPS_CLAIM=roles" in shown


def test_a_claim_of_that_very_name_counts_before_what_is_within_another(firm, speak):
    token = {"realm_access.roles": ["trader"], "realm_access": {"roles": []}}
    dialect = keycloak(token, settings=BY_REALM_ROLE)
    enter(speak(dialect))
    assert Membership.objects.get(user__username="jane.doe").role == "operator"


@pytest.mark.parametrize("within", [7, "trader", ["trader"], None, {"roles": {"trader": 1}}])
def test_what_is_within_a_claim_of_another_form_gives_no_role(firm, speak, within):
    enter(speak(keycloak({"realm_access": within}, settings=BY_REALM_ROLE)))
    assert not Membership.objects.filter(user__username="jane.doe").exists()
