"""Single sign-on: who is let in by the provider, who is not, and that nothing leads around it."""

import json
import re
import time
from base64 import urlsafe_b64encode
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import OctKey

from orders.access import sessions, throttling
from orders.access.single_sign_on import walk
from orders.accounts import single_sign_on
from orders.audit import sentences
from orders.management.commands import panic
from orders.models import (
    Alert,
    AlertKind,
    AuditRecord,
    Event,
    Identity,
    Membership,
    SignInAttempt,
)
from orders.operations.alerts import watch
from tests.helpers.authenticator import enrolled, is_in, sign_in
from tests.helpers.firm import PASSWORD
from tests.helpers.oidc_provider import OTHER_KEY, SECRET, as_set, running_provider
from tests.helpers.panics import QUICK
from tests.helpers.screens import folded, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(settings):
    with running_provider() as provider:
        settings.SINGLE_SIGN_ON = as_set(provider)
        yield provider


def set_to(settings, provider, **about):
    settings.SINGLE_SIGN_ON = as_set(provider, **about)


def go(client, purpose="enter", **form):
    """Press the button; return the address to which the browser is sent, or the refusal."""
    answer = client.post(url("single_sign_on"), {"for": purpose, **form})
    return answer.headers.get("Refresh", "").partition("url=")[2] or answer


def come_back(client, brought):
    """Come back by GET, and have the page send itself on, as it is."""
    shown = folded(client.get(url("single_sign_on_back"), brought))
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', shown)
    form = {name: unescape(value) for name, value in fields if name != "csrfmiddlewaretoken"}
    return client.post(url("single_sign_on_back"), form)


def enter(provider, client=None, **form):
    client = client or Client(REMOTE_ADDR="198.51.100.7")
    client.answer = come_back(client, provider.signs_in(go(client, **form)))
    return client


def said(client):
    """What the page tells after a refusal."""
    return folded(client.get(url("login")))


def person(name="jane.doe"):
    return get_user_model().objects.get(username=name)


def records(event):
    return [sentences.of_record(each) for each in AuditRecord.objects.filter(event=event)]


def test_a_new_person_is_made_without_any_right(firm, provider):
    client = enter(provider)
    jane = person()
    assert client.answer.url == url("index")
    assert not (jane.has_usable_password() or jane.is_superuser)
    assert not Membership.objects.filter(user=jane).exists()
    assert client.get(url("orders_order_changelist")).status_code == 403
    assert "jane.doe added user jane.doe." in records(Event.USER_CHANGED)
    entered = "jane.doe signed in by single sign-on from 198.51.100.7."
    assert records(Event.LOGIN) == [entered]


def test_the_same_person_comes_back_whatever_they_are_called_now(firm, provider):
    enter(provider)
    provider.person["preferred_username"] = "hannah"
    client = enter(provider)
    assert Identity.objects.get().user == person()
    assert client.session["_auth_user_id"] == str(person().pk)


def test_the_page_that_one_comes_back_to_changes_nothing_by_get(firm, provider):
    client = Client()
    brought = provider.signs_in(go(client))
    for _ in range(2):
        client.get(url("single_sign_on_back"), brought)
    assert not is_in(client)
    assert not Identity.objects.exists()
    come_back(client, brought)
    assert client.session["_auth_user_id"]


def test_going_there_by_get_is_not_possible(firm, provider):
    assert Client().get(url("single_sign_on")).status_code == 405


WRONG = {
    "another audience": {"aud": "somebody-else"},
    "another audience, and authorized for this one": {"aud": "somebody-else", "azp": "desk"},
    "another issuer": {"iss": "https://evil.example"},
    "another nonce": {"nonce": "of-another-walk"},
    "no nonce": {"nonce": None},
    "over": {"exp": int(time.time()) - 600},
    "no end": {"exp": None},
    "begins later": {"nbf": int(time.time()) + 3_600},
    "made later": {"iat": int(time.time()) + 3_600},
    "nobody": {"sub": None},
    "an empty person": {"sub": ""},
    "a person as a number": {"sub": 7},
    "a person too long": {"sub": "x" * 256},
    "a person with a line break": {"sub": "a\nb"},
    "another's access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}


@pytest.mark.parametrize("token", WRONG.values(), ids=WRONG)
def test_a_token_that_is_not_for_this_sign_in_lets_nobody_in(firm, provider, token):
    provider.token = token
    client = enter(provider)
    assert client.answer.url == url("login")
    assert not (is_in(client) or Identity.objects.exists())
    assert len(records(Event.LOGIN_FAILED)) == 1
    assert "at the single sign-on" in records(Event.LOGIN_FAILED)[0]


def test_a_token_signed_by_somebody_else_lets_nobody_in(firm, provider):
    provider.key = OTHER_KEY
    assert "not its own (bad_signature)" in said(enter(provider))


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
def test_neither_a_shared_secret_nor_nothing_signs_a_token(firm, provider, algorithm):
    keys = {"HS256": OctKey.import_key(SECRET), "none": None}
    provider.header = {"alg": algorithm}
    provider.sign = lambda claims: unsafe_token(provider.header, claims, keys[algorithm])
    client = enter(provider)
    assert "not its own" in said(client)
    assert not is_in(client)


def unsafe_token(header, claims, key):
    if key is None:
        parts = (json.dumps(header), json.dumps(claims), "")
        return ".".join(urlsafe_b64encode(each.encode()).rstrip(b"=").decode() for each in parts)
    return jwt.encode(header, claims, key)


def test_who_comes_back_without_having_gone_is_not_let_in(firm, provider):
    brought = provider.signs_in(go(Client()))
    stranger = Client()
    answer = come_back(stranger, brought)
    assert answer.url == url("login")
    assert "not begun here" in said(stranger)
    assert not AuditRecord.objects.filter(event=Event.LOGIN_FAILED).exists()


def test_an_answer_of_another_walk_is_not_taken(firm, provider):
    client = Client()
    first = provider.signs_in(go(client))
    go(client)
    come_back(client, first)
    assert not is_in(client)


def test_an_answer_is_taken_once(firm, provider):
    client = Client()
    brought = provider.signs_in(go(client))
    come_back(client, brought)
    client.post(url("logout"))
    come_back(client, brought)
    assert not is_in(client)


def test_an_answer_that_took_too_long_is_not_taken(firm, provider):
    client = Client()
    brought = provider.signs_in(go(client))
    session = client.session
    kept = session[walk.WALK]
    kept[3] -= walk.GOOD_FOR_S + 1
    session[walk.WALK] = kept
    session.save()
    come_back(client, brought)
    assert "took longer than ten minutes" in said(client)


def test_what_the_provider_refused_is_said(firm, provider):
    client = Client()
    there = provider.signs_in(go(client))
    come_back(client, {"error": "access_denied", "state": there["state"]})
    assert "Example ID did not sign you in (access_denied)." in said(client)


def test_words_that_come_through_the_browser_are_not_repeated(firm, provider):
    client = Client()
    there = provider.signs_in(go(client))
    error = "Call +1 555 0100 and say your password"
    come_back(client, {"error": error, "state": there["state"]})
    assert "555" not in said(client)


BROKEN = {
    "an error": (500, {}),
    "no JSON": (200, b"<html>"),
    "a list": (200, []),
    "a redirect": (302, {}),
}


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_provider_that_is_down_or_broken_is_told_of(firm, provider, path, broken):
    client = Client()
    provider.answers[path] = broken
    there = go(client)
    if isinstance(there, str):
        come_back(client, provider.signs_in(there))
    assert re.search(r"Example ID (does not answer|answered|did not take)", said(client))
    assert not is_in(client)


def test_no_redirect_is_followed(firm, provider):
    right = provider.answer("GET", "/.well-known/openid-configuration", {}, "")
    provider.answers["/.well-known/openid-configuration"] = (302, {})
    provider.answers["/elsewhere"] = right
    client = Client()
    go(client)
    assert "does not answer (TooManyRedirects)" in said(client)


def test_nobody_is_sent_to_a_provider_that_went_down(firm, provider):
    enter(provider)
    provider.answers["/.well-known/openid-configuration"] = (503, {})
    client = Client()
    assert go(client).url == url("login")
    assert "Example ID does not answer (HTTPError)" in said(client)


def test_a_provider_that_is_not_there_is_told_of(firm, settings):
    with running_provider() as gone:
        settings.SINGLE_SIGN_ON = as_set(gone)
    client = Client()
    assert go(client).url == url("login")
    shown = said(client)
    assert "Example ID does not answer (ConnectionError)" in shown
    assert "manage.py panic" in shown


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"issuer": "https://other.example"}, "SSO_ISSUER says otherwise"),
        ({"token_endpoint": "http://id.example/token"}, "no address over HTTPS"),
        ({"userinfo_endpoint": "http://id.example/me"}, "no address over HTTPS"),
        ({"jwks_uri": None}, "no address over HTTPS as its jwks_uri"),
    ],
)
def test_a_provider_that_says_of_itself_what_cannot_be_is_not_used(firm, provider, told, words):
    provider.metadata = told
    client = Client()
    go(client)
    assert words in said(client)


def test_the_secret_goes_in_the_form_where_the_provider_takes_it_there_alone(firm, provider):
    for methods, is_in_form in ((["client_secret_post"], True), (["client_secret_basic"], False)):
        provider.metadata = {"token_endpoint_auth_methods_supported": methods}
        assert is_in(enter(provider))
        (form,) = [each for each in provider.forms if "code" in each]
        assert (form.get("client_secret") == SECRET) == is_in_form
        provider.forms.clear()


def test_a_new_key_of_the_provider_is_fetched(firm, provider):
    enter(provider)
    provider.asked.clear()
    assert is_in(enter(provider))
    assert ("GET", "/keys") in provider.asked


def test_a_name_that_somebody_has_is_not_taken_over(firm, provider):
    provider.person["preferred_username"] = "Hannah"
    client = enter(provider)
    assert not is_in(client)
    assert "Somebody is named hannah here already" in said(client)
    assert not Identity.objects.exists()


@pytest.mark.parametrize("name", [None, "", "jane doe", "<b>", "x" * 151, 7, ["jane"]])
def test_who_has_no_name_that_could_be_one_is_told_so(firm, provider, name):
    provider.person["preferred_username"] = name
    client = enter(provider)
    assert not is_in(client)
    assert "told no name that could be yours" in said(client)


def test_the_next_claim_names_a_person_where_the_first_does_not(firm, provider):
    provider.person |= {"preferred_username": "jane doe", "email": "jane@example.com"}
    enter(provider)
    assert person("jane@example.com")


def test_the_page_about_the_person_fills_what_a_thin_token_leaves_out(firm, provider):
    provider.page = {"sub": "248289761001", "email": "jane@example.com"}
    provider.person = {"sub": "248289761001"}
    enter(provider)
    assert person("jane@example.com")


def test_a_page_about_somebody_else_lets_nobody_in(firm, provider):
    provider.page = {"sub": "another", "email": "jane@example.com"}
    provider.person = {"sub": "248289761001"}
    client = enter(provider)
    assert "told of two people" in said(client)


def test_who_is_deactivated_here_is_not_let_in(firm, provider):
    enter(provider)
    get_user_model().objects.filter(username="jane.doe").update(is_active=False)
    client = enter(provider)
    assert not is_in(client)
    assert "deactivated here" in said(client)


def test_one_goes_on_to_the_page_one_wanted_if_it_is_ours(firm, provider):
    enter(provider)
    wanted = url("own_settings")
    assert enter(provider, next=wanted).answer.url == wanted
    assert enter(provider, next="https://evil.example/").answer.url == url("index")


def test_failures_slow_the_next_ones_from_the_same_address(firm, provider):
    provider.token = {"aud": "somebody-else"}
    for _ in range(throttling.PER_STEP):
        client = enter(provider)
    assert "Too many failed attempts" not in said(client)
    client = enter(provider)
    assert "Too many failed attempts" in said(client)
    asked = len(provider.asked)
    enter(provider)
    assert ("POST", "/token") not in provider.asked[asked:]
    assert is_in(sign_in(firm.administrator))


def test_an_office_behind_one_address_comes_in_at_once(firm, provider, monkeypatch):
    """Each comes back while the one before is looked up."""
    monkeypatch.setattr(throttling, "PER_STEP", 3)
    real, waiting = single_sign_on._done, []
    for n in range(7):
        provider.person = {"sub": f"s{n}", "preferred_username": f"jane{n}", "groups": []}
        client = Client(REMOTE_ADDR="198.51.100.7")
        waiting.append((client, provider.signs_in(go(client)), provider.person))
    clients = [client for client, _, _ in waiting]

    def next_one():
        client, brought, provider.person = waiting.pop()
        come_back(client, brought)

    def done(request, walked):
        if waiting:
            next_one()
        return real(request, walked)

    monkeypatch.setattr(single_sign_on, "_done", done)
    next_one()
    assert all(is_in(client) for client in clients)
    assert records(Event.LOGIN_FAILED) == []


def test_a_provider_that_was_down_keeps_nobody_waiting(firm, provider):
    provider.answers["/token"] = (503, {"error": "server_error"})
    for _ in range(3):
        assert not is_in(enter(provider))
    assert not SignInAttempt.objects.exists()
    assert len(records(Event.LOGIN_FAILED)) == 3
    provider.answers.clear()
    assert is_in(enter(provider))


@pytest.mark.parametrize("elsewhere", [{"_claim_names": {"groups": "a"}}, {"hasgroups": True}])
def test_groups_that_are_too_many_to_be_told_take_no_role_away(firm, provider, settings, elsewhere):
    set_to(settings, provider, roles={"traders": {"Momentum": "operator"}})
    provider.person["groups"] = ["traders"]
    enter(provider)
    held = list(Membership.objects.filter(user=person()).values_list("role", flat=True))
    del provider.person["groups"]
    provider.person |= elsewhere
    client = enter(provider)
    assert "did not list your groups" in said(client)
    assert not is_in(client)
    assert list(Membership.objects.filter(user=person()).values_list("role", flat=True)) == held
    assert held == ["operator"]


@pytest.mark.parametrize("groups", [7, {"traders": 1}, True])
def test_groups_in_a_form_nobody_knows_are_refused(firm, provider, settings, groups):
    set_to(settings, provider, roles={"traders": {"Momentum": "operator"}})
    provider.person["groups"] = groups
    assert "in a form nobody knows" in said(enter(provider))


def test_one_group_may_stand_alone(firm, provider, settings):
    set_to(settings, provider, roles={"traders": {"Momentum": "operator"}})
    provider.person["groups"] = "traders"
    enter(provider)
    assert Membership.objects.get(user=person()).role == "operator"


# --- Second factor, fresh proof ------------------------------------------------------------------


def acting(firm, provider):
    """The person of the provider, as an operator, with the second factor asked for."""
    enter(provider)
    Membership.objects.create(user=person(), desk=firm.momentum, role="operator")


def test_the_site_asks_for_its_own_second_factor_unless_the_providers_is_trusted(
    firm, provider, settings
):
    settings.SECOND_FACTOR_REQUIRED = True
    acting(firm, provider)
    provider.token = {"amr": ["pwd", "mfa"], "acr": "gold"}
    client = enter(provider)
    assert client.get(url("index")).url.startswith(url("enrol_second_factor"))
    for trusted in ({"amr": ("mfa",)}, {"acr": ("gold",)}):
        set_to(settings, provider, **trusted)
        client = enter(provider)
        assert is_in(client)
    assert any("with a second factor" in each for each in records(Event.LOGIN))


@pytest.mark.parametrize("token", [{}, {"amr": ["pwd"]}, {"amr": "mfa"}, {"acr": ["gold"]}])
def test_a_token_without_the_trusted_factor_is_a_password_alone(firm, provider, settings, token):
    settings.SECOND_FACTOR_REQUIRED = True
    acting(firm, provider)
    set_to(settings, provider, amr=("mfa",), acr=("gold",))
    provider.token = token
    assert not is_in(enter(provider))


def test_an_enrolled_person_gives_the_code_after_the_provider(firm, provider):
    enter(provider)
    device, _ = enrolled(person())
    client = enter(provider)
    assert not is_in(client)
    client.post(url("second_factor"), {"code": device.code()})
    assert is_in(client)


def test_a_provider_that_remembers_a_person_gives_no_fresh_proof(firm, provider):
    provider.token = {"auth_time": int(time.time()) - 3_600}
    client = enter(provider)
    assert client.session[sessions.FRESH] <= time.time() - 3_600
    provider.token = {"auth_time": None}
    assert enter(provider).session[sessions.FRESH] == 0
    provider.token = {"auth_time": int(time.time()) + 86_400}
    assert enter(provider).session[sessions.FRESH] <= time.time()


def test_the_providers_second_factor_makes_no_old_sign_in_fresh(firm, provider, settings):
    set_to(settings, provider, amr=("mfa",))
    provider.token = {"amr": ["mfa"], "auth_time": int(time.time()) - 3_600}
    client = enter(provider)
    assert sessions.VERIFIED in client.session
    assert client.session[sessions.FRESH] <= time.time() - 3_600


def stale(client):
    session = client.session
    session[sessions.FRESH] = 0
    session.save()
    return client


def test_one_confirms_at_the_provider_that_it_is_oneself(firm, provider):
    client = stale(enter(provider))
    shown = folded(client.get(url("confirm_yourself")))
    assert "Confirm with Example ID" in shown
    assert 'type="password"' not in shown
    there = go(client, "prove", next=url("own_settings"))
    assert "prompt=login" in there
    assert "max_age=0" in there
    answer = come_back(client, provider.signs_in(there))
    assert answer.url == url("own_settings")
    assert time.time() - client.session[sessions.FRESH] < 60


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ({"auth_time": None}, "did not say that you signed in there just now"),
        ({"auth_time": int(time.time()) - 3_600}, "did not say that you signed in there just now"),
        ({"sub": "another"}, "says that you are somebody else"),
    ],
)
def test_a_confirmation_that_is_old_or_somebody_elses_does_not_count(firm, provider, token, words):
    client = stale(enter(provider))
    provider.token = token
    answer = come_back(client, provider.signs_in(go(client, "prove")))
    assert words in folded(client.get(answer.url))
    assert client.session[sessions.FRESH] == 0


def test_an_answer_that_signs_in_does_not_confirm(firm, provider):
    """What a browser went for is kept here, not told by it."""
    client = stale(enter(provider))
    other = Client()
    brought = provider.signs_in(go(other))
    come_back(client, brought)
    assert client.session[sessions.FRESH] == 0


# --- Connecting a person who is here already -----------------------------------------------------


def test_a_person_connects_the_provider_and_stays_who_they_are(firm, provider):
    client = sign_in(firm.operator)
    answer = come_back(client, provider.signs_in(go(client, "link", next=url("own_settings"))))
    shown = folded(client.get(answer.url))
    assert "Connected: Example ID signs you in from now on." in shown
    assert "248289761001" in shown
    assert "olivia" in records(Event.USER_CHANGED)[0]
    other = enter(provider)
    assert other.session["_auth_user_id"] == str(firm.operator.pk)


def test_connecting_asks_for_a_fresh_proof(firm, provider):
    client = stale(sign_in(firm.operator))
    answer = client.post(url("single_sign_on"), {"for": "link"})
    assert answer.url.startswith(url("confirm_yourself"))


def test_a_password_alone_connects_nobody_who_has_a_second_factor(firm, provider):
    enrolled(firm.operator)
    client = sign_in(firm.operator)
    answer = client.post(url("single_sign_on"), {"for": "link"})
    assert answer.status_code == 403
    assert not (walk.WALK in client.session or Identity.objects.exists())


def test_the_provider_confirms_nothing_for_who_has_a_second_factor_here(firm, provider):
    client = stale(enter(provider))
    brought = provider.signs_in(go(client, "prove"))
    device, _ = enrolled(person())
    session = client.session
    session[sessions.STANDING] = sessions.epoch_of(person().pk)  # as where one sets it up oneself
    session.save()
    come_back(client, brought)
    assert client.session[sessions.FRESH] == 0
    client = enter(provider)
    client.post(url("second_factor"), {"code": device.code()})
    answer = client.post(url("single_sign_on"), {"for": "prove"})
    assert answer.url == url("confirm_yourself")
    assert walk.WALK not in client.session


def test_nobody_is_connected_twice(firm, provider):
    for one in (firm.operator, firm.head):
        client = sign_in(one)
        answer = come_back(client, provider.signs_in(go(client, "link")))
    assert "connected already" in folded(client.get(answer.url))
    assert Identity.objects.get().user == firm.operator


def test_a_walk_that_nobody_began_signs_nobody_out_who_came_in_meanwhile(firm, provider):
    client = Client()
    brought = provider.signs_in(go(client))
    sign_in(firm.head, client=client)
    come_back(client, brought)
    assert client.session["_auth_user_id"] == str(firm.head.pk)
    assert not Identity.objects.exists()


def test_connecting_asks_for_a_proof_that_is_fresh_at_its_end_too(firm, provider):
    client = sign_in(firm.operator)
    brought = provider.signs_in(go(client, "link"))
    answer = come_back(stale(client), brought)
    assert answer.url.startswith(url("confirm_yourself"))
    assert not Identity.objects.exists()


def test_a_walk_that_somebody_else_began_in_this_browser_connects_nobody(firm, provider):
    client = sign_in(firm.operator)
    brought = provider.signs_in(go(client, "link"))
    client.post(url("logout"))
    sign_in(firm.head, client=client)
    come_back(client, brought)
    assert not Identity.objects.exists()


def test_the_command_connects_and_disconnects(firm, provider, run):
    run("link_sign_on", "olivia", "248289761001")
    assert enter(provider).session["_auth_user_id"] == str(firm.operator.pk)
    client = enter(provider)
    run("link_sign_on", "olivia", "--remove")
    assert not is_in(client)
    assert not Identity.objects.exists()


@pytest.mark.parametrize("subject", ["  ", " 7", "7 ", "x" * 256, "7\t8"])
def test_the_command_connects_nobody_to_what_no_provider_tells(firm, provider, run, subject):
    code, out, said = run("link_sign_on", "olivia", subject)
    assert (code, out, said.startswith("Give the claim sub")) == (2, "", True)
    assert not Identity.objects.exists()


def test_who_is_deactivated_is_disconnected_so_that_another_may_be_connected(firm, provider, run):
    """The provider's one person had become two here: the one in use gets the connection."""
    run("link_sign_on", "victor", "248289761001")
    get_user_model().objects.filter(pk=firm.viewer.pk).update(is_active=False)
    code, _, said = run("link_sign_on", "olivia", "248289761001")
    assert (code, "link_sign_on --remove" in said) == (1, True)
    assert run("link_sign_on", "victor", "--remove")[0] == 0
    assert run("link_sign_on", "olivia", "248289761001")[0] == 0
    assert Identity.objects.get().user == firm.operator


# --- Passwords off -------------------------------------------------------------------------------


@pytest.fixture
def only(settings, provider):
    set_to(settings, provider, is_only=True, emergency_administrator="admin")
    return provider


def test_where_passwords_are_off_the_emergency_administrators_alone_works(firm, only):
    assert not is_in(sign_in(firm.operator))
    assert is_in(sign_in(firm.administrator))
    alarm = Alert.objects.get()
    assert (alarm.kind, alarm.over_at) == (AlertKind.EMERGENCY, None)
    assert "admin signed in from 198.51.100.7 by the emergency password" in alarm.said
    by = "admin signed in by the emergency password from 198.51.100.7."
    assert by in records(Event.LOGIN)


def test_the_alarm_of_the_emergency_password_stands_for_a_day(firm, only):
    sign_in(firm.administrator)
    now = timezone.now()
    alarm = Alert.objects.filter(kind=AlertKind.EMERGENCY)
    watch.watch(now)  # told
    watch.watch(now + timedelta(hours=23))
    assert alarm.get().over_at is None
    watch.watch(now + timedelta(hours=25))
    assert alarm.get().over_at is not None


def test_a_right_and_a_wrong_password_are_told_the_same_where_passwords_are_off(firm, only):
    pages = []
    for password in (PASSWORD, "wrong"):
        client = sign_in(firm.operator, password)
        pages.append(re.sub(r'(value|content)="\w{64}"', "", folded(client.answer)))
    assert pages[0] == pages[1]


def test_a_password_does_not_confirm_where_passwords_are_off(firm, only, settings):
    Identity.objects.create(
        user=firm.operator, issuer=only.issuer, subject="248289761001", linked_at=timezone.now()
    )
    client = stale(enter(only))
    assert 'type="password"' not in folded(client.get(url("confirm_yourself")))
    client.post(url("confirm_yourself"), {"password": PASSWORD})
    assert client.session[sessions.FRESH] == 0


def test_a_session_of_before_is_not_confirmed_by_a_password_that_is_off(firm, provider, settings):
    client = stale(sign_in(firm.operator))
    set_to(settings, provider, is_only=True, emergency_administrator="admin")
    assert client.post(url("confirm_yourself"), {"password": PASSWORD}).status_code == 422
    assert client.session[sessions.FRESH] == 0


def test_where_the_provider_is_down_the_emergency_administrator_and_a_panic_work(
    committing_firm, settings, run, quick_panic
):
    with running_provider() as gone:
        settings.SINGLE_SIGN_ON = as_set(gone, is_only=True, emergency_administrator="admin")
    assert go(Client()).url == url("login")
    assert is_in(sign_in(committing_firm.administrator))
    who = ("--desk", "Momentum", "--operator", "olivia", "--reason", "the provider is down")
    code, out, _ = run(panic.Command(timings=QUICK), *who)
    assert code == 0, out
    assert AuditRecord.objects.filter(event=Event.PANIC).exists()


def test_without_single_sign_on_there_is_no_button_and_no_way(firm, settings):
    settings.SINGLE_SIGN_ON = None
    assert "Sign in with" not in said(Client())
    client = Client()
    go(client)
    assert "Single sign-on is not set up here." in said(client)


def test_the_secret_is_in_no_page_and_no_record(firm, provider, caplog):
    provider.answers["/token"] = (401, {"error": "invalid_client"})
    client = enter(provider)
    assert SECRET not in said(client) + caplog.text + repr(settings_of(provider))


def settings_of(provider):
    return as_set(provider)
