"""Guessing passwords: throttled for minutes, not for ever; strangers keep nobody out."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from orders.access import throttling
from orders.audit import sentences
from orders.models import AuditRecord, KnownAddress, SignInAttempt
from tests.access import guess_passwords
from tests.helpers.authenticator import enrolled, is_in, sign_in
from tests.helpers.firm import PASSWORD
from tests.helpers.screens import url

pytestmark = pytest.mark.django_db
HOME = "203.0.113.9"


@pytest.fixture
def minutes_pass(monkeypatch):
    """Move the clock of the throttle by hand."""
    moved = [timedelta()]
    monkeypatch.setattr(throttling, "clock", lambda: now() + moved[0])

    def pass_minutes(minutes):
        moved[0] += timedelta(minutes=minutes)

    return pass_minutes


def guesses(name, count, address=None):
    """The last of this many wrong guesses, each from an address of its own unless one is given."""
    for n in range(count):
        client = sign_in(name, f"guess {n}", address=address or f"192.0.2.{n % 250}")
        assert not is_in(client)
    return client.answer.content.decode()


def test_the_pair_is_throttled_even_for_the_right_password_and_let_go_again(firm, minutes_pass):
    assert "Try again" not in guesses("olivia", 5, HOME)
    assert "Try again in 10 minutes" in guesses("olivia", 1, HOME)
    assert not is_in(sign_in("olivia", address=HOME))
    minutes_pass(10)
    assert is_in(sign_in("olivia", address=HOME))


def test_a_name_is_throttled_whatever_the_address(firm, minutes_pass):
    guesses("olivia", 10)
    assert not is_in(sign_in("olivia", address=HOME))
    minutes_pass(10)
    assert is_in(sign_in("olivia", address=HOME))


def test_strangers_do_not_keep_a_person_out_of_where_they_signed_in_before(firm):
    assert is_in(sign_in("olivia", address=HOME))
    guesses("olivia", 15)
    assert is_in(sign_in("olivia", address=HOME))


def test_a_known_address_is_no_licence_to_guess(firm):
    assert is_in(sign_in("olivia", address=HOME))
    assert "Try again" in guesses("olivia", 6, HOME)


@pytest.mark.thorough
def test_an_address_is_throttled_whatever_the_names(firm):
    for n in range(30):
        sign_in(f"nobody{n}", "guess", address=HOME)
    assert not is_in(sign_in("olivia", address=HOME))
    assert is_in(sign_in("olivia", address="203.0.113.10"))


def test_a_name_is_the_same_however_it_is_written(firm):
    for name in ("olivia", "OLIVIA", " Olivia", "oLIVIA", "olivia "):
        guesses(name, 1, HOME)
    assert not is_in(sign_in("olivia", address=HOME))


def test_a_name_that_nobody_has_is_treated_no_differently(firm):
    assert guesses("olivia", 6, "192.0.2.1").count("Try again in 10 minutes") == guesses(
        "nobody", 6, "192.0.2.2"
    ).count("Try again in 10 minutes")


def test_waiting_is_not_made_longer_by_trying(firm, minutes_pass):
    guesses("olivia", 5, HOME)
    for _ in range(9):
        minutes_pass(1)
        assert not is_in(sign_in("olivia", address=HOME))
    minutes_pass(1)
    assert is_in(sign_in("olivia", address=HOME))


@pytest.mark.thorough
def test_forty_guesses_from_changing_addresses_leave_few_records_and_no_session(firm):
    found = guess_passwords.run(person=firm.operator, guesses=40)
    assert found.let_in == 0
    assert found.looked_at == throttling.PER_NAME  # the rest had to wait, password unseen
    assert 0 < found.wait_s <= throttling.WINDOW.total_seconds()
    assert found.is_let_in_at_home
    assert AuditRecord.objects.filter(event="login_failed").count() <= 12
    assert SignInAttempt.objects.count() <= 12


def test_an_address_is_known_only_once_the_second_factor_was_given(firm):
    device, _ = enrolled(firm.operator)
    client = sign_in("olivia", address=HOME)
    assert not KnownAddress.objects.exists()
    client.post(url("second_factor"), {"code": device.code()})
    assert KnownAddress.objects.get().address == HOME


def test_unlock_lets_a_person_in_at_once_on_the_record(firm, run):
    guesses("olivia", 12)
    assert not is_in(sign_in("olivia", address=HOME))
    code, said, _ = run("unlock", "Olivia")
    assert (code, "forgotten" in said) == (0, True)
    assert is_in(sign_in("olivia", address=HOME))
    assert AuditRecord.objects.filter(
        event="user_changed", data__contains="failed attempts"
    ).exists()


def test_unlock_takes_an_address_in_place_of_a_name(firm, run):
    guesses("olivia", 6, HOME)
    guesses("hannah", 6, "192.0.2.1")
    assert run("unlock", HOME)[1] == f"{HOME}: 6 attempts forgotten.\n"
    assert is_in(sign_in("olivia", address=HOME))
    assert not is_in(sign_in("hannah", address="192.0.2.1"))
    record = AuditRecord.objects.filter(event="user_changed").first()
    said = (
        "The command line changed user (everybody at 203.0.113.9): failed attempts from “6” to “0”."
    )
    assert sentences.of_record(record) == said


@pytest.mark.parametrize("trusted", [True, False])
def test_a_proxys_header_counts_only_where_the_setting_says_so(firm, settings, trusted):
    settings.TRUST_PROXY_HEADERS = trusted
    client = sign_in("olivia", "wrong", address=HOME)
    client.post(url("login"), {"username": "x", "password": "y"}, HTTP_X_FORWARDED_FOR="1.2.3.4")
    addresses = set(SignInAttempt.objects.values_list("address", flat=True))
    assert ("1.2.3.4" in addresses) == trusted


def said_of_failures():
    records = AuditRecord.objects.filter(event="login_failed").order_by("position")
    return [sentences.of_record(record) for record in records]


@pytest.mark.parametrize("typed", [PASSWORD, f" {PASSWORD}", "olivia2", "x" * 400, "Ωß"])
def test_a_name_that_nobody_has_may_be_a_password_and_is_kept_nowhere(firm, typed):
    guesses(typed, 6, HOME)
    assert not any(PASSWORD in record.data for record in AuditRecord.objects.all())
    assert set(said_of_failures()) >= {f"Sign-in as a name nobody has failed, from {HOME}."}
    names = set(SignInAttempt.objects.values_list("name", flat=True))
    assert len(names) == 1
    assert throttling.folded(typed) not in names


def test_a_name_that_nobody_has_is_throttled_however_it_is_written(firm):
    guesses("Nobody", 5, HOME)
    assert "Try again" in guesses(" nobody ", 1, HOME)
    assert throttling.unlock(name="NOBODY") > 0
    assert "Try again" not in guesses("nobody", 1, HOME)


def test_a_name_that_somebody_has_stands_in_the_log_as_it_was_typed(firm):
    guesses("Olivia", 1, HOME)
    assert said_of_failures() == [f"Sign-in as “Olivia” failed, from {HOME}."]


def test_an_unlocking_keeps_no_name_that_nobody_has(firm, run):
    run("unlock", PASSWORD)
    assert not any(PASSWORD in record.data for record in AuditRecord.objects.all())
