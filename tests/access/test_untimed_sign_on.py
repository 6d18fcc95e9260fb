"""A sign-in service that tells no times, as Google: the first second factor, no more."""

import json

import pytest

from orders.access import passkeys, second_factor, sessions
from orders.models import Membership
from tests.access.test_single_sign_on import come_back, enter, go, person
from tests.helpers.authenticator import Authenticator, enrolled, secret_on
from tests.helpers.firm import PASSWORD
from tests.helpers.oidc_provider import as_set, running_provider
from tests.helpers.passkeys import Device, challenge_of, enrolled_passkey
from tests.helpers.screens import folded, url

pytestmark = pytest.mark.django_db
ENROL = "enrol_second_factor"


@pytest.fixture
def provider(settings):
    settings.SECOND_FACTOR_REQUIRED = True
    with running_provider() as provider:
        settings.SINGLE_SIGN_ON = as_set(provider)
        provider.token = {"auth_time": None}
        yield provider


@pytest.fixture
def entered(firm, provider):
    """The browser of an operator who has no second factor."""
    enter(provider)
    Membership.objects.create(user=person(), desk=firm.momentum, role="operator")
    return enter(provider)


def confirm(client, provider, name=ENROL):
    """Sign in there anew, on the way to this page; return where the person is led."""
    return come_back(client, provider.signs_in(go(client, "prove", next=url(name)))).url


def asks_for_proof(answer):
    return answer.status_code == 302 and answer.url.startswith(url("confirm_yourself"))


def test_an_authenticator_is_set_up(entered, provider):
    assert asks_for_proof(entered.get(url(ENROL)))
    assert confirm(entered, provider) == url(ENROL)
    device = Authenticator(secret_on(folded(entered.get(url(ENROL)))))
    assert "Recovery codes" in folded(entered.post(url(ENROL), {"code": device.code()}))
    assert second_factor.has_authenticator(person())
    assert entered.get(url("index")).status_code == 200


def test_a_passkey_is_set_up(entered, provider):
    assert confirm(entered, provider, "enrol_passkey") == url("enrol_passkey")
    assert entered.get(url("enrol_passkey")).status_code == 200
    host = {"HTTP_HOST": "localhost"}
    challenge = challenge_of(entered.post(url("enrol_passkey_options"), **host))
    form = {"name": "laptop", "passkey": json.dumps(Device().create(challenge=challenge))}
    assert "Recovery codes" in folded(entered.post(url("enrol_passkey"), form, **host))
    assert passkeys.of(person()).exists()


def test_for_another_act_it_is_no_proof_and_leads_to_set_one_up(entered, provider, settings):
    settings.SECOND_FACTOR_REQUIRED = False
    assert asks_for_proof(entered.get(url("password_change")))
    assert confirm(entered, provider, "password_change") == url(ENROL)
    assert "did not say that you signed in there just now" in folded(entered.get(url(ENROL)))
    assert asks_for_proof(entered.get(url("password_change")))
    assert asks_for_proof(entered.post(url("single_sign_on"), {"for": "link"}))


def test_to_be_signed_in_is_not_enough(entered):
    assert sessions.UNTIMED not in entered.session
    for name in (ENROL, "enrol_passkey"):
        assert asks_for_proof(entered.get(url(name)))
    assert asks_for_proof(entered.post(url("enrol_passkey_options")))


def test_it_counts_for_five_minutes(entered, provider):
    confirm(entered, provider)
    session = entered.session
    session[sessions.UNTIMED] -= sessions.FRESH_FOR_S + 1
    session.save()
    assert asks_for_proof(entered.get(url(ENROL)))


def test_it_counts_in_its_own_session_alone(entered, provider):
    confirm(entered, provider)
    assert asks_for_proof(enter(provider).get(url(ENROL)))


def test_it_counts_for_nothing_once_a_factor_stands(entered, provider):
    confirm(entered, provider)
    enrolled(person())
    session = entered.session
    session[sessions.STANDING] = sessions.epoch_of(person().pk)  # as where one sets it up oneself
    session[sessions.VERIFIED] = 1
    session.save()
    assert asks_for_proof(entered.get(url("enrol_passkey")))
    assert asks_for_proof(entered.post(url("enrol_passkey_options")))


def test_a_second_factor_of_the_providers_adds_none_to_one_set_up_meanwhile(
    entered, provider, monkeypatch
):
    """The session counts as verified, and has no fresh proof."""
    confirm(entered, provider)
    session = entered.session
    session[sessions.VERIFIED] = 1
    session.save()
    device = Authenticator(secret_on(folded(entered.get(url(ENROL)))))
    real = sessions.is_proven_untimed

    def meanwhile(request):
        enrolled_passkey(person())
        return real(request)

    monkeypatch.setattr(sessions, "is_proven_untimed", meanwhile)
    entered.post(url(ENROL), {"code": device.code()})
    assert not second_factor.has_authenticator(person())


def test_whoever_has_a_password_gives_that(entered, provider):
    jane = person()
    jane.set_password(PASSWORD)
    jane.save()
    client = enter(provider)
    confirm(client, provider)
    assert sessions.UNTIMED not in client.session
    assert asks_for_proof(client.get(url(ENROL)))


def test_another_persons_answer_counts_for_nothing(entered, provider):
    provider.person = {"sub": "another", "preferred_username": "joe"}
    confirm(entered, provider)
    assert sessions.UNTIMED not in entered.session
