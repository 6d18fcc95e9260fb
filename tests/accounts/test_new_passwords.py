"""A password that is set anew: the rules, the record, the end of sessions, and nothing else."""

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model

from orders.access import sessions
from orders.audit import sentences
from orders.models import AuditRecord, Event
from tests.helpers.authenticator import enrolled, is_in, sign_in
from tests.helpers.firm import PASSWORD
from tests.helpers.screens import signed_in, url
from tests.helpers.terminal import DJANGO_ADMIN, MANAGE, process

pytestmark = pytest.mark.django_db

NEW = "another long one"


def changed():
    """What the log tells of people who were changed, after those who were added."""
    records = AuditRecord.objects.filter(event=Event.USER_CHANGED)
    return [said for each in records if " added " not in (said := sentences.of_record(each))]


def password_of(person):
    person.refresh_from_db()
    return next(each for each in (PASSWORD, NEW) if person.check_password(each))


def test_it_is_set_recorded_and_every_session_ends(firm, run):
    client, other = sign_in(firm.operator), sign_in(firm.head)
    code, said, _ = run("changepassword", "olivia", stdin=f"{NEW}\n")
    assert (code, said) == (0, "olivia: password set, every session ended.\n")
    assert password_of(firm.operator) == NEW
    assert client.get(url("index")).status_code == 302
    assert other.get(url("index")).status_code == 200
    (record,) = changed()
    assert record == "The command line changed user olivia: password."


def test_the_record_names_the_administrator_who_says_so(firm, run):
    run("changepassword", "olivia", "--operator", "admin", stdin=f"{NEW}\n")
    assert changed() == ["admin (by the command line) changed user olivia: password."]


def test_nobody_but_an_administrator_is_named_for_it(firm, run):
    code, _, said = run("changepassword", "olivia", "--operator", "hannah", stdin=f"{NEW}\n")
    assert (code, "Only administrators" in said) == (2, True)
    assert password_of(firm.operator) == PASSWORD
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).exists()


@pytest.mark.parametrize("weak", ["", "short", "olivia", "12345678901234567890", "password1234"])
def test_it_obeys_the_rules_of_the_pages(firm, run, settings, weak):
    code, _, said = run("changepassword", "olivia", stdin=f"{weak}\n")
    assert (code, bool(said)) == (2, True)
    assert password_of(firm.operator) == PASSWORD
    assert changed() == []


def test_nobody_is_asked_for_the_password_of_somebody_who_is_not_there(firm, run, monkeypatch):
    monkeypatch.setattr("orders.management.terminal.read_password", lambda _: 1 / 0)
    code, _, said = run("changepassword", "nobody")
    assert (code, said) == (2, "There is nobody named 'nobody'.")


def test_the_second_factor_stays(firm, run):
    device, _ = enrolled(firm.operator)
    run("changepassword", "olivia", stdin=f"{NEW}\n")
    client = sign_in(firm.operator, NEW)
    assert not is_in(client)
    client.post(url("second_factor"), {"code": device.code()})
    assert is_in(client)


@pytest.mark.skipif(not settings.IS_SQLITE, reason="the process needs the name of a file")
@pytest.mark.parametrize("by", [MANAGE, DJANGO_ADMIN], ids=["manage.py", "django-admin"])
def test_whoever_starts_the_frameworks_own_command_gets_ours(committing_firm, tmp_path, by):
    name = settings.DATABASES["default"]["NAME"]
    set_to = {"DATA_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{name}"}
    done = process("changepassword", "olivia", by=by, stdin=f"{NEW}\n", **set_to)
    assert (done.returncode, done.stdout) == (0, "olivia: password set, every session ended.\n")
    kept = get_user_model().objects.get(username="olivia").password
    assert kept.startswith("pbkdf2_")  # as that process hashes, and the tests do not
    assert len(changed()) == 1


# --- On the pages, while the person is changed --------------------------------------------------

OWN = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
PEOPLE = get_user_model()


@pytest.fixture
def meanwhile(monkeypatch):
    """Let something happen while the new password is hashed, which takes a second."""
    real = PEOPLE.set_password

    def let(happen):
        def set_password(self, raw):
            real(self, raw)
            happen()

        monkeypatch.setattr(PEOPLE, "set_password", set_password)

    return let


def deactivate(person):
    PEOPLE.objects.filter(pk=person.pk).update(is_active=False)
    sessions.end_all(user=person)


def test_ones_own_does_not_undo_that_one_was_deactivated(firm, meanwhile):
    client = signed_in(firm.operator)
    meanwhile(lambda: deactivate(firm.operator))
    client.post(url("password_change"), OWN)
    assert password_of(firm.operator) == PASSWORD
    assert not firm.operator.is_active
    assert changed() == []


def test_ones_own_makes_nobody_an_administrator_again(firm, meanwhile):
    client, same = signed_in(firm.administrator), PEOPLE.objects.filter(pk=firm.administrator.pk)
    meanwhile(lambda: same.update(is_superuser=False))
    client.post(url("password_change"), OWN)
    assert password_of(firm.administrator) == NEW
    assert not firm.administrator.is_superuser


def test_ones_own_does_not_take_the_place_of_one_that_an_administrator_set(firm, meanwhile):
    client, same = signed_in(firm.operator), PEOPLE.objects.filter(pk=firm.operator.pk)
    meanwhile(lambda: same.update(password="set-by-an-administrator"))
    answer = client.post(url("password_change"), OWN)
    assert "meanwhile: nothing is changed" in answer.content.decode()
    assert same.get().password == "set-by-an-administrator"
    assert changed() == []


def test_an_administrators_does_not_undo_that_the_person_was_deactivated(firm, meanwhile):
    client = signed_in(firm.administrator)
    meanwhile(lambda: deactivate(firm.operator))
    form = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    client.post(url("auth_user_password_change", firm.operator.pk), form)
    assert password_of(firm.operator) == NEW
    assert not firm.operator.is_active
