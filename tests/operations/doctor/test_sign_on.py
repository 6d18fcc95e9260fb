"""The doctor asks the sign-in service, and whether somebody could come in without it."""

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from orders.operations.doctor import outside_checks
from orders.operations.doctor.findings import Asked, Limits
from tests.helpers.authenticator import enrolled
from tests.helpers.oidc_provider import as_set, running_provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(settings):
    with running_provider() as provider:
        settings.SINGLE_SIGN_ON = as_set(provider)
        yield provider


def found():
    checks = outside_checks.check_sign_on(Asked(timezone.now()), Limits())
    return [(each.state, each.said) for each in checks]


def test_nothing_is_asked_where_none_is_set(settings):
    settings.SINGLE_SIGN_ON = None
    assert found() == [("not asked", "SSO_ISSUER is not set.")]


def test_a_provider_that_answers_is_well(firm, provider):
    assert found() == [("ok", "Example ID answers, and is who SSO_ISSUER says.")]


def test_a_provider_that_is_somebody_else_or_down_is_trouble(firm, provider):
    provider.metadata = {"issuer": "https://other.example"}
    ((state, said),) = found()
    assert state == "trouble"
    assert "SSO_ISSUER says otherwise" in said
    provider.answers["/keys"] = (500, {})
    provider.metadata = {}
    ((state, said),) = found()
    assert (state, "does not answer" in said) == ("trouble", True)


def test_a_desk_that_is_not_there_is_named(firm, provider, settings):
    roles = {"a": {"Momentum": "head", "Momentun": "operator"}}
    settings.SINGLE_SIGN_ON = as_set(provider, roles=roles)
    assert ("trouble", "no desk is named Momentun.") in found()


def test_whoever_is_to_come_in_when_it_is_down_must_be_able_to(firm, provider, settings):
    settings.SECOND_FACTOR_REQUIRED = True
    name = "admin"
    settings.SINGLE_SIGN_ON = as_set(provider, is_only=True, emergency_administrator=name)
    assert found()[-1] == ("trouble", "admin, for an emergency, has no second factor.")
    enrolled(firm.administrator)
    assert found()[-1] == ("ok", "admin can come in by password in an emergency.")
    people = get_user_model().objects.filter(username=name)
    for spoilt in ({"is_superuser": False}, {"is_active": False}, {"password": "!"}):
        usual = {column: people.values_list(column, flat=True).get() for column in spoilt}
        people.update(**spoilt)
        assert found()[-1][0] == "trouble"
        people.update(**usual)
    settings.SINGLE_SIGN_ON = as_set(provider, is_only=True, emergency_administrator="Admin")
    assert found()[-1][0] == "trouble"  # whose password would not be looked at
