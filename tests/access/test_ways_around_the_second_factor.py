"""Ways around the second factor that no other test tries; docs/ways-around.md lists all."""

import json
import threading

import pytest
from django.db import connection
from django.test import Client

from orders.access import passkeys, second_factor, sessions
from orders.audit import log
from orders.models import Cancel
from tests.helpers.authenticator import Authenticator, enrolled, is_in, secret_on, sign_in
from tests.helpers.oidc_provider import Provider, as_set
from tests.helpers.passkeys import Device, challenge_of, enrolled_passkey
from tests.helpers.screens import known_order, url

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def required(settings):
    settings.SECOND_FACTOR_REQUIRED = True


def by_password(person, **about):
    """A browser in which this person, who has a second factor, gave the password alone."""
    client = sign_in(person, **about)
    assert not is_in(client)
    return client


def let_in(person):
    """A browser in which this person gave both; the authenticator."""
    device, _ = enrolled(person)
    client = by_password(person)
    client.post(url("second_factor"), {"code": device.code()})
    assert is_in(client)
    return client, device


def with_cookie(key):
    """Another browser that sends this session's cookie."""
    client = Client(REMOTE_ADDR="203.0.113.66")
    client.cookies["sessionid"] = key
    return client


def at_once(act, count=6):
    """What each of these threads returned, which all began together."""
    start, found = threading.Barrier(count), []

    def run():
        start.wait()
        found.append(act())
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


# --- The address --------------------------------------------------------------------------------

HEADERS = {
    "part of a page": {"HX-Request": "true", "HX-Boosted": "true"},
    "a script": {"X-Requested-With": "XMLHttpRequest", "Sec-Fetch-Mode": "cors"},
    "another method": {"X-HTTP-Method-Override": "GET"},
    "another address": {"X-Original-URL": "/admin/login/", "X-Rewrite-URL": "/admin/login/"},
    "a stranger's token": {"Authorization": "Bearer x"},
}


@pytest.mark.parametrize("method", ["get", "head", "options", "post", "put", "patch", "delete"])
@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_no_method_and_no_header_leads_around_it(firm, method, headers):
    enrolled(firm.operator)
    client, order = by_password(firm.operator), known_order(firm.account, 71_000_000_001)
    for address in (url("orders_order_cancel", order.pk), url("orders_order_cells")):
        answer = getattr(client, method)(address, headers=headers)
        assert answer.status_code in (302, 403)
        assert "71000000001" not in answer.content.decode()
    assert not Cancel.objects.exists()


SPELLINGS = [
    *("//admin/orders/order/", "/admin//orders/order/", "/admin/./orders/order/"),
    *("/admin/second-factor/../orders/order/", "/admin/login/../orders/order/"),
    *("/ADMIN/orders/order/", "/admin/orders/order", "/admin/orders/order/?next=/admin/login/"),
    *(
        "/admin/second-factor/orders/order/",
        "/admin/login/;/orders/order/",
        "/admin/orders/order/#",
    ),
]


@pytest.mark.parametrize("address", SPELLINGS)
def test_no_spelling_of_an_address_leads_around_it(firm, address):
    enrolled(firm.operator)
    known_order(firm.account, 71_000_000_001)
    answer = by_password(firm.operator).get(address)
    assert answer.status_code in (301, 302, 404)
    assert "71000000001" not in answer.content.decode()


# --- Sessions -----------------------------------------------------------------------------------


def test_a_cookie_of_before_the_factor_is_nobodys_afterwards(firm):
    device, _ = enrolled(firm.operator)
    client = by_password(firm.operator)
    before = client.session.session_key
    client.post(url("second_factor"), {"code": device.code()})
    assert is_in(client)
    assert not is_in(with_cookie(before))


def test_a_cookie_that_was_planted_is_not_signed_in_by_its_victim(firm, settings):
    settings.PASSKEY_SIGN_IN = True
    thief = Client(HTTP_HOST="localhost")
    thief.post(url("passkey_entry_options"))
    planted = thief.session.session_key
    device, _ = enrolled(firm.operator)
    victim = sign_in(firm.operator, client=with_cookie(planted))
    victim.post(url("second_factor"), {"code": device.code()})
    assert is_in(victim)
    assert not is_in(with_cookie(planted))


def test_a_cookie_of_before_the_sign_out_is_nobodys(firm):
    client, _ = let_in(firm.operator)
    key = client.session.session_key
    client.post(url("logout"))
    assert not is_in(with_cookie(key))


def test_whoever_signs_in_in_anothers_browser_owes_their_own_factor(firm):
    client, _ = let_in(firm.operator)
    enrolled(firm.head)
    by_password(firm.head, client=client)
    assert sessions.VERIFIED not in client.session


def test_after_an_idle_session_the_factor_is_asked_for_again(firm, settings):
    client, _ = let_in(firm.operator)
    session = client.session
    session[sessions.SEEN] -= settings.SESSION_IDLE_MINUTES * 60 + 1
    session.save()
    assert not is_in(client)
    by_password(firm.operator, client=client)


# --- Codes --------------------------------------------------------------------------------------


def test_another_persons_code_opens_nothing(firm):
    enrolled(firm.operator)
    others, _ = enrolled(firm.head)
    client = by_password(firm.operator)
    assert client.post(url("second_factor"), {"code": others.code()}).status_code == 422
    assert not is_in(client)


@pytest.mark.parametrize("ahead", [-120, -3, 3, 120])
def test_a_code_of_another_time_opens_nothing(firm, ahead):
    device, _ = enrolled(firm.operator)
    assert not second_factor.is_right(user=firm.operator, code=device.code(ahead))


def test_of_one_code_given_at_once_in_many_sessions_one_counts(committing_firm):
    person = committing_firm.operator
    device, _ = enrolled(person)
    code = device.code()
    assert sum(at_once(lambda: second_factor.is_right(user=person, code=code))) == 1


def test_of_one_recovery_code_given_at_once_in_many_sessions_one_counts(committing_firm):
    person = committing_firm.operator
    _, codes = enrolled(person)
    assert sum(at_once(lambda: second_factor.is_right(user=person, code=codes[0]))) == 1


def test_guesses_from_a_new_browser_and_address_each_time_are_slowed_by_the_name(firm):
    device, _ = enrolled(firm.operator)
    clients = [by_password(firm.operator, address=f"192.0.2.{n}") for n in range(11)]
    for client in clients[:10]:
        client.post(url("second_factor"), {"code": "000000"})
    answer = clients[10].post(url("second_factor"), {"code": device.code()})
    assert "Try again in" in answer.content.decode()
    assert not is_in(clients[10])


def test_what_was_turned_off_proves_nothing_after_another_was_set_up(firm):
    old, codes = enrolled(firm.operator)
    second_factor.reset(user=firm.operator, actor=log.Actor())
    new, _ = enrolled(firm.operator)
    for code in (old.code(), *codes):
        assert not second_factor.is_right(user=firm.operator, code=code)
    assert second_factor.is_right(user=firm.operator, code=new.code())


# --- Passwords ----------------------------------------------------------------------------------


def test_a_password_that_an_administrator_set_takes_no_factor_away(firm):
    enrolled(firm.operator)
    administrator, _ = let_in(firm.administrator)
    form = {"password1": "another long one", "password2": "another long one"}
    address = url("auth_user_password_change", firm.operator.pk)
    administrator.post(address, form | {"usable_password": "true"})
    by_password(firm.operator, password="another long one")


def test_the_emergency_administrator_owes_the_factor_too(firm, settings):
    about = {"is_only": True, "emergency_administrator": "admin"}
    settings.SINGLE_SIGN_ON = as_set(Provider("http://127.0.0.1:1"), **about)
    enrolled(firm.administrator)
    by_password(firm.administrator)


def test_an_entry_by_passkey_that_was_begun_does_not_outlive_the_setting(firm, settings):
    settings.PASSKEY_SIGN_IN = True
    device, client = enrolled_passkey(firm.operator), Client(HTTP_HOST="localhost")
    challenge = challenge_of(client.post(url("passkey_entry_options")))
    settings.PASSKEY_SIGN_IN = False
    signed = device.sign(challenge=challenge, handle=passkeys.handle_of(firm.operator))
    form = {"passkey": json.dumps(signed)}
    assert client.post(url("passkey_entry"), form).status_code == 403
    assert not is_in(client)


# --- A first factor, set up by two at once --------------------------------------------------------


@pytest.fixture
def meanwhile(monkeypatch):
    """Let something happen between the look whether one may enrol, and the enrolment."""

    def let(happen):
        monkeypatch.setattr(sessions, "demand_fresh", lambda request: happen())

    return let


def test_a_passkey_is_no_first_factor_once_another_stands(firm, meanwhile):
    thief, device = sign_in(firm.operator), Device()
    made = challenge_of(thief.post(url("enrol_passkey_options"), HTTP_HOST="localhost"))
    form = {"name": "laptop", "passkey": json.dumps(device.create(challenge=made))}
    meanwhile(lambda: enrolled(firm.operator))
    thief.post(url("enrol_passkey"), form, HTTP_HOST="localhost")
    assert second_factor.has_authenticator(firm.operator)
    assert not passkeys.of(firm.operator).exists()
    assert not is_in(thief)


def test_an_authenticator_is_no_first_factor_once_another_stands(firm, meanwhile):
    thief = sign_in(firm.operator)
    page = thief.get(url("enrol_second_factor")).content.decode()
    meanwhile(lambda: enrolled_passkey(firm.operator))
    thief.post(url("enrol_second_factor"), {"code": Authenticator(secret_on(page)).code()})
    assert passkeys.of(firm.operator).exists()
    assert not second_factor.has_authenticator(firm.operator)
    assert not is_in(thief)
