"""Entry by a passkey alone: only where that is set, and only by whoever holds one."""

import json

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from orders.access import passkey_requests, passkeys, sessions, throttling
from orders.audit import sentences
from orders.models import AuditRecord, Event, Passkey
from tests.helpers.authenticator import is_in, sign_in
from tests.helpers.passkeys import FLAG, Device, challenge_of, enrolled_passkey
from tests.helpers.screens import folded, url

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def on(settings):
    settings.PASSKEY_SIGN_IN = settings.SECOND_FACTOR_REQUIRED = True


@pytest.fixture
def device(firm):
    return enrolled_passkey(firm.operator)


def browser():
    return Client(REMOTE_ADDR="198.51.100.7", HTTP_HOST="localhost")


def ask(client):
    return challenge_of(client.post(url("passkey_entry_options")))


def enter(person, device, *, client=None, **how):
    """A browser that pressed the button and had the device sign."""
    if client is None:
        client = browser()
        how = {"challenge": ask(client)} | how
    signed = device.sign(**({"handle": passkeys.handle_of(person)} | how))
    form = {"passkey": json.dumps(signed)}
    client.answer = client.post(url("passkey_entry"), form)
    return client


def said(client):
    return folded(client.get(url("login")))


def test_a_passkey_alone_lets_its_person_in_with_the_second_factor(firm, device):
    client = enter(firm.operator, device)
    assert client.answer.url == url("index")
    assert is_in(client)
    assert client.session["_auth_user_id"] == str(firm.operator.pk)
    assert sessions.VERIFIED in client.session
    records = AuditRecord.objects.filter(event=Event.LOGIN, operator_name="olivia")
    assert {sentences.of_record(each) for each in records} == {
        "olivia signed in by a passkey from 198.51.100.7.",
        "olivia signed in with a second factor from 198.51.100.7.",
    }


def test_the_browser_is_asked_for_any_passkey_that_verifies_its_user(firm, device):
    options = browser().post(url("passkey_entry_options")).json()["publicKey"]
    assert not options.get("allowCredentials")
    assert options["userVerification"] == "required"


def test_it_is_off_unless_set(firm, device, settings):
    settings.PASSKEY_SIGN_IN = False
    client = browser()
    assert "Sign in with a passkey" not in said(client)
    assert client.post(url("passkey_entry_options")).status_code == 403
    assert client.post(url("passkey_entry"), {"passkey": "{}"}).status_code == 403


def test_get_does_nothing(firm):
    client = browser()
    assert client.get(url("passkey_entry")).status_code == 405
    assert client.get(url("passkey_entry_options")).status_code == 405


WRONG = {
    "nobody verified": {"flags": FLAG.UP},
    "nobody present": {"flags": FLAG.UV},
    "no handle": {"handle": b""},
    "another's handle": {"handle": b"x" * 32},
    "another challenge": {"challenge": b"x" * 32},
    "within another site": {"cross_origin": True},
}


@pytest.mark.parametrize("how", WRONG.values(), ids=WRONG)
def test_what_proves_nothing_lets_nobody_in(firm, device, how):
    client = enter(firm.operator, device, **how)
    assert not is_in(client)
    assert passkeys.WRONG in said(client)
    failed = sentences.of_record(AuditRecord.objects.filter(event=Event.LOGIN_FAILED).first())
    assert failed.startswith("Sign-in failed at the passkey, from 198.51.100.7")


def test_a_device_that_nobody_enrolled_lets_nobody_in(firm, device):
    assert not is_in(enter(firm.operator, Device()))


def test_the_handle_of_another_who_has_passkeys_lets_nobody_in(firm, device):
    enrolled_passkey(firm.head)
    assert not is_in(enter(firm.head, device))


def test_a_removed_passkey_lets_nobody_in(firm, device):
    Passkey.objects.all().delete()
    assert not is_in(enter(firm.operator, device))


def test_a_counter_that_did_not_grow_is_told_as_a_copy(firm):
    device = enrolled_passkey(firm.operator, device=Device(counter=5))
    assert is_in(enter(firm.operator, device))
    device.counter -= 2
    client = enter(firm.operator, device)
    assert not is_in(client)
    assert "there may be a copy of it" in said(client)


def test_who_is_deactivated_is_not_let_in(firm, device):
    get_user_model().objects.filter(pk=firm.operator.pk).update(is_active=False)
    client = enter(firm.operator, device)
    assert passkeys.WRONG in said(client)
    assert not AuditRecord.objects.filter(event=Event.LOGIN).exists()


def test_an_answer_counts_once(firm, device):
    client = browser()
    signed = device.sign(challenge=ask(client), handle=passkeys.handle_of(firm.operator))
    form = {"passkey": json.dumps(signed)}
    client.post(url("passkey_entry"), form)
    client.post(url("logout"))
    client.post(url("passkey_entry"), form)
    assert not is_in(client)


def test_a_challenge_belongs_to_one_browser(firm, device):
    assert not is_in(enter(firm.operator, device, challenge=ask(browser())))


@pytest.mark.parametrize("purpose", passkey_requests.Purpose)
def test_a_challenge_belongs_to_one_purpose(firm, device, purpose):
    client = browser()
    ask(client)
    session = client.session
    _, challenge, at = session[passkey_requests.CHALLENGE]
    session[passkey_requests.CHALLENGE] = [purpose.value, challenge, at]
    session.save()
    enter(firm.operator, device, client=client, challenge=bytes.fromhex(challenge))
    assert is_in(client) == (purpose is passkey_requests.Purpose.ENTER)


@pytest.mark.parametrize("answer", ["", "{}", "[]", "null", "x" * 40_000, '{"response": {}}'])
def test_what_is_no_answer_is_refused(firm, answer):
    client = browser()
    ask(client)
    assert client.post(url("passkey_entry"), {"passkey": answer}).url == url("login")
    assert not is_in(client)


def test_failures_slow_the_next_ones_from_the_same_address(firm, device):
    for _ in range(throttling.PER_STEP + 1):
        client = enter(firm.operator, device, flags=FLAG.UP)
    assert "Too many failed attempts" in said(client)
    assert not is_in(enter(firm.operator, device))
    assert is_in(sign_in(firm.viewer, address="203.0.113.9"))


def test_one_goes_on_to_the_page_one_wanted_if_it_is_ours(firm, device):
    for wanted, there in ((url("own_settings"), url("own_settings")), ("//evil", url("index"))):
        client = browser()
        handle = passkeys.handle_of(firm.operator)
        signed = device.sign(challenge=ask(client), handle=handle)
        form = {"passkey": json.dumps(signed), "next": wanted}
        assert client.post(url("passkey_entry"), form).url == there
