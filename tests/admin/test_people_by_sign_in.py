"""Administrators see who lacks a second factor that they must have, and who stays away."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from orders.access import people_by_sign_in, second_factor
from orders.models import Passkey, Role
from tests.helpers.authenticator import enrolled
from tests.helpers.counted import queries
from tests.helpers.firm import PASSWORD
from tests.helpers.screens import page, signed_in, url

User = get_user_model()
NAME = re.compile(r'href="/admin/auth/user/\d+/change/[^"]*">([^<]+)<')
EVERYBODY = {"admin", "audrey", "hannah", "olivia", "stefan", "victor"}


@pytest.fixture
def required(settings):
    settings.SECOND_FACTOR_REQUIRED = True


@pytest.fixture
def administrator(firm):
    """The administrator's browser; the others signed in yesterday."""
    client = signed_in(firm.administrator)
    User.objects.update(last_login=timezone.now() - timedelta(days=1))
    return client


@pytest.fixture
def past_the_door(firm, required):
    """The administrator's browser, where a second factor is required and given."""
    enrolled(firm.administrator)
    client = signed_in(firm.administrator)
    session = client.session
    session["desk_verified_at"] = 1
    session.save()
    return client


def names(client, **query):
    return set(NAME.findall(page(client, "auth_user_changelist", **query)))


def label(client, words):
    """The number beside a choice of the filters."""
    return int(re.search(rf"{words} \((\d+)\)", page(client, "auth_user_changelist"))[1])


def row_of(client, name):
    text = page(client, "auth_user_changelist")
    return next(row for row in text.split("<tr") if f">{name}<" in row)


def test_those_who_must_have_one_and_have_none_are_found_and_counted(firm, past_the_door):
    enrolled(firm.head)
    client = past_the_door
    assert names(client, factor="missing") == {"audrey", "olivia", "stefan"}
    assert label(client, "Must have one, has none") == 3
    assert names(client, factor="none") == {"audrey", "olivia", "stefan", "victor"}
    assert label(client, "Has none") == 4
    assert names(client, factor="set_up") == {"admin", "hannah"}
    assert label(client, "Has one") == 2


def with_passkey(person):
    """A passkey as a row, which no browser holds."""
    about = {"name": "key", "credential_id": b"id", "public_key": b"key"}
    Passkey.objects.create(user=person, enrolled_at=timezone.now(), **about)


def test_a_passkey_is_a_second_factor_here_too(firm, past_the_door):
    with_passkey(firm.operator)
    assert "olivia" in names(past_the_door, factor="set_up")
    assert "olivia" not in names(past_the_door, factor="missing")
    assert ">set up<" in row_of(past_the_door, "olivia")


def test_the_column_marks_a_fault_and_nothing_else(firm, past_the_door):
    enrolled(firm.head)
    assert ">missing</span> must have one" in row_of(past_the_door, "olivia")
    for name, words in (("hannah", "set up"), ("victor", "none")):
        row = row_of(past_the_door, name)
        assert f">{words}<" in row and "missing" not in row


def test_where_it_is_not_required_nobody_lacks_one(firm, administrator, settings):
    settings.SECOND_FACTOR_REQUIRED = False
    assert names(administrator, factor="missing") == set()
    assert label(administrator, "Must have one, has none") == 0
    assert "missing" not in row_of(administrator, "olivia")


@pytest.mark.parametrize("is_required", [True, False])
def test_the_list_says_what_the_door_asks_of_each(firm, settings, is_required):
    settings.SECOND_FACTOR_REQUIRED = is_required
    enrolled(firm.head)
    enrolled(firm.viewer)
    with_passkey(firm.auditor)
    firm.basis.memberships.create(user=firm.viewer, role=Role.VIEWER)
    User.objects.create_user("nora", password=PASSWORD)
    User.objects.filter(username="stefan").update(is_active=False)
    lacking = set(User.objects.filter(people_by_sign_in.lacks_factor()))
    asked = {
        person
        for person in User.objects.filter(is_active=True)
        if second_factor.is_asked_of(person) and not second_factor.is_enrolled(person)
    }
    assert lacking == asked
    assert bool(lacking) == is_required


def test_a_deactivated_administrator_lacks_nothing(firm, past_the_door):
    User.objects.create_superuser("gone", password=PASSWORD, is_active=False)
    assert "gone" not in names(past_the_door, factor="missing")
    assert "gone" not in names(past_the_door, seen="away")


def last_seen(name, **ago):
    moment = timezone.now() - timedelta(**ago) if ago else None
    User.objects.filter(username=name).update(last_login=moment)


def test_who_did_not_sign_in_for_90_days_is_found_never_counts_too(firm, administrator):
    last_seen("olivia", days=90, seconds=5)
    last_seen("hannah", days=89, hours=23)
    last_seen("victor")
    assert names(administrator, seen="away") == {"olivia", "victor"}
    assert label(administrator, "Not for 90 days, or never") == 2
    assert names(administrator, seen="never") == {"victor"}
    assert label(administrator, "Never") == 1
    assert ">never<" in row_of(administrator, "victor")
    assert "90 d ago" in row_of(administrator, "olivia")


def test_whoever_is_deactivated_does_not_stay_away(firm, administrator):
    User.objects.filter(username="victor").update(is_active=False, last_login=None)
    assert names(administrator, seen="away") == set()
    assert label(administrator, "Never") == 0


def test_both_filters_hold_together_and_with_the_search(firm, past_the_door):
    for name in EVERYBODY - {"admin"}:
        last_seen(name)
    enrolled(firm.head)
    both = {"factor": "missing", "seen": "away"}
    assert names(past_the_door, **both) == {"audrey", "olivia", "stefan"}
    assert names(past_the_door, q="oli", **both) == {"olivia"}


@pytest.mark.parametrize("value", ["x", "1", "missing\0", "set_up,none", "💥"])
def test_a_value_that_is_none_finds_nobody(firm, administrator, value):
    assert names(administrator, factor=value) == set()
    assert names(administrator, seen=value) == set()


def test_the_list_takes_as_many_queries_however_many_people_there_are(firm, administrator):
    page(administrator, "auth_user_changelist")
    with queries() as few:
        page(administrator, "auth_user_changelist", factor="none")
    for number in range(20):
        person = User.objects.create_user(f"person{number}")
        firm.momentum.memberships.create(user=person, role=Role.OPERATOR)
    with queries() as many:
        page(administrator, "auth_user_changelist", factor="none")
    assert len(many) == len(few)


@pytest.mark.parametrize("who", ["viewer", "operator", "head", "auditor"])
def test_nobody_else_asks_who_lacks_what(firm, who):
    client = signed_in(getattr(firm, who))
    for query in ({"factor": "missing"}, {"seen": "away"}):
        assert client.get(url("auth_user_changelist"), query).status_code == 403
