"""No new person is named like another to a reader; old namesakes do not stand for each other."""

import threading

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.utils import timezone

from orders.access import emergency, names, throttling
from orders.access.single_sign_on import claims, identities
from orders.audit import sentences
from orders.models import Alert, AlertKind, AuditRecord, Event
from orders.operations.doctor import database_checks
from orders.operations.doctor.findings import Asked, Limits
from tests.helpers.authenticator import is_in, sign_in
from tests.helpers.firm import PASSWORD, namesake
from tests.helpers.oidc_provider import Provider, as_set
from tests.helpers.screens import folded, signed_in, url

pytestmark = pytest.mark.django_db

ALIKE = {
    "other case": "OLIVIA",
    "full width": "\uff2flivia",
    "a ligature, in another case": "o\ufb02ivia",
    "Cyrillic o": "\u043elivia",
    "Cyrillic capital o": "\u041eLIVIA",
    "Greek capital o, iota": "\u039fl\u03b9via",
    "Latin i without its dot": "ol\u0131via",
    "a letter that is drawn as nothing": "olivia\u3164",
}
DISTINCT = ["olivi", "olivia2", "olivi\xe1", "0livia", "ol.ivia", "\u041e\u043b\u044f"]


@pytest.fixture
def firm(firm):
    """Somebody's name has a ligature in its plain form."""
    namesake("oflivia")
    return firm


def people():
    return get_user_model().objects.count()


def by_the_page(firm, name):
    form = {"username": name, "password1": "long enough yes", "password2": "long enough yes"}
    return folded(signed_in(firm.administrator).post(url("auth_user_add"), form))


def by_renaming(firm, name):
    form = {"username": name, "is_active": "on"}
    form |= {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    address = url("auth_user_change", firm.stranger.pk)
    return folded(signed_in(firm.administrator).post(address, form))


def by_the_terminal(run, *args):
    code, _, said = run(*args, stdin="long enough yes\n")
    assert code == 2
    return said


def by_sign_on(name):
    provider = as_set(Provider("http://127.0.0.1:1"))
    told = {"sub": "7", "preferred_username": name}
    with pytest.raises(claims.Refused) as refused:
        identities.person_of(claims.read(told, provider), actor_from="198.51.100.7")
    return str(refused.value)


def by_code(name):
    with pytest.raises(ValidationError) as refused:
        get_user_model().objects.create_user(name)
    return " ".join(refused.value.messages)


DOORS = {
    "page": lambda firm, run, name: by_the_page(firm, name),
    "renaming": lambda firm, run, name: by_renaming(firm, name),
    "add_operator": lambda firm, run, name: by_the_terminal(
        run, "add_operator", name, "--desk", "Momentum", "--role", "viewer"
    ),
    "add_administrator": lambda firm, run, name: by_the_terminal(run, "add_administrator", name),
    "single sign-on": lambda firm, run, name: by_sign_on(name),
    "code of the site": lambda firm, run, name: by_code(name),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", ALIKE.values(), ids=ALIKE)
def test_nobody_is_named_like_somebody_else(firm, run, door, name):
    before = people()
    said = DOORS[door](firm, run, name)
    assert "is named o" in said or "already exists" in said
    assert (people(), get_user_model().objects.filter(username="stefan").count()) == (before, 1)


@pytest.mark.parametrize("name", DISTINCT)
def test_names_that_read_differently_are_taken(firm, name):
    by_the_page(firm, name)
    assert get_user_model().objects.filter(username=name).exists()


def test_one_writes_ones_own_name_in_other_letters(firm):
    by_renaming(firm, "Stefan")
    assert get_user_model().objects.get(username="Stefan") == firm.stranger


def test_two_letters_of_one_script_are_one_letter_too(firm):
    by_code_of = get_user_model().objects.create_user
    by_code_of("\u0432\u0435\u0440\u0430")
    assert "reads the same" in by_code("\u0412\u0435\u0440\u0430")


def test_of_two_who_come_at_once_one_is_made(committing_firm):
    """As two who sign in at the provider for the first time."""
    provider, start = as_set(Provider("http://127.0.0.1:1")), threading.Barrier(2)

    def come(name):
        told = claims.read({"sub": name, "preferred_username": name}, provider)
        start.wait()
        try:
            identities.person_of(told, actor_from="198.51.100.7")
        except claims.Refused:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=come, args=[name]) for name in ("nora", "Nora")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert get_user_model().objects.filter(username__iexact="nora").count() == 1


# --- Those of before ----------------------------------------------------------------------------


def test_namesakes_of_before_go_on_as_they_are(firm):
    old = namesake("Olivia")
    assert is_in(sign_in(old))
    old.refresh_from_db()
    old.first_name = "O."
    old.save()
    form = {"username": "Olivia"} | {
        "memberships-TOTAL_FORMS": 0,
        "memberships-INITIAL_FORMS": 0,
    }
    signed_in(firm.administrator).post(url("auth_user_change", old.pk), form)
    old.refresh_from_db()
    assert not old.is_active
    assert names.alike() == [("olivia", "Olivia")]
    found = database_checks.check_people(Asked(timezone.now()), Limits())
    assert (found.state, "olivia and Olivia" in found.said) == ("trouble", True)


def test_the_doctor_finds_no_namesakes_where_there_are_none(firm):
    assert database_checks.check_people(Asked(timezone.now()), Limits()).state == "ok"


def test_a_namesake_forgets_no_guesses_at_the_others_password(firm):
    old = namesake("Olivia")
    for _ in range(throttling.PER_PAIR):
        sign_in(firm.operator, "a wrong one")
        sign_in(old)
    assert "Too many failed attempts" in folded(sign_in(firm.operator, "one more").answer)


# --- The emergency administrator ------------------------------------------------------------------


@pytest.fixture
def only(settings):
    about = {"is_only": True, "emergency_administrator": "Root"}
    settings.SINGLE_SIGN_ON = as_set(Provider("http://127.0.0.1:1"), **about)


@pytest.mark.parametrize("name", ["root", "ROOT", "\uff32oot", "R\u043eot"])
def test_a_namesake_of_the_emergency_administrator_does_not_enter_by_password(firm, only, name):
    root, other = namesake("Root"), namesake(name)
    root.set_password("another long one")
    root.save()
    assert not is_in(sign_in(other))
    assert get_user_model().objects.get(username=name).check_password(PASSWORD)
    assert not emergency.is_emergency(other)
    assert not Alert.objects.exists()


def test_a_namesake_who_was_in_confirms_nothing_by_password(firm, settings):
    other, client = namesake("root"), Client()
    sign_in(other, client=client)
    about = {"is_only": True, "emergency_administrator": "Root"}
    settings.SINGLE_SIGN_ON = as_set(Provider("http://127.0.0.1:1"), **about)
    assert client.post(url("confirm_yourself"), {"password": PASSWORD}).status_code == 422


def test_the_alarm_tells_of_exactly_the_emergency_administrator(firm, only):
    namesake("root")
    assert is_in(sign_in(namesake("Root")))
    alarm = Alert.objects.get(kind=AlertKind.EMERGENCY)
    assert alarm.said.startswith("Root signed in from ")
    newest = AuditRecord.objects.filter(event=Event.LOGIN).first()
    assert sentences.of_record(newest).startswith("Root signed in by the emergency password")
