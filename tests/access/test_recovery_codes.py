"""New recovery codes: with a fresh proof, shown once, on the record, in place of the older ones."""

import re
import threading

import pytest
from django.db import connection

from orders.access import second_factor, sessions
from orders.audit import log, sentences
from orders.models import AuditRecord, Event, RecoveryCode
from tests.helpers.authenticator import enrolled, sign_in
from tests.helpers.screens import page, signed_in, url

CODE = re.compile(r"(?:[a-z2-7]{4}-){3}[a-z2-7]{4}")


@pytest.fixture
def person(firm):
    """The operator past the second factor: authenticator, first codes, browser."""
    device, codes = enrolled(firm.operator)
    client = sign_in(firm.operator)
    client.post(url("second_factor"), {"code": device.code()})
    firm.device, firm.codes, firm.client = device, codes, client
    return firm


def renew(client):
    return client.post(url("own_settings_codes"))


def is_good(firm, code):
    return second_factor.is_right(user=firm.operator, code=code)


def test_new_codes_are_shown_once_and_the_older_ones_are_good_no_more(person):
    said = renew(person.client).content.decode()
    shown = CODE.findall(said)
    assert len(shown) == second_factor.RECOVERY_CODES
    assert not any(is_good(person, code) for code in person.codes)
    assert is_good(person, shown[0]) and not is_good(person, shown[0])
    assert not CODE.search(page(person.client, "own_settings"))


def test_they_are_on_the_record_and_not_in_it(person):
    is_good(person, person.codes[0])
    shown = CODE.findall(renew(person.client).content.decode())
    record = AuditRecord.objects.filter(event=Event.USER_CHANGED).first()
    said = "olivia changed user olivia: recovery codes from “9 left” to “10 new”."
    assert sentences.of_record(record) == said
    held = "".join(AuditRecord.objects.values_list("data", flat=True))
    assert not any(code in held for code in (*shown, *person.codes))


def test_they_ask_for_a_fresh_proof(person):
    session = person.client.session
    session[sessions.FRESH] -= 301
    session.save()
    assert renew(person.client).url.startswith(url("confirm_yourself"))
    assert is_good(person, person.codes[0])


def test_whoever_has_no_second_factor_gets_none(firm):
    answer = signed_in(firm.viewer).post(url("own_settings_codes"), follow=True)
    assert "Set up a second factor first" in answer.content.decode()
    assert not RecoveryCode.objects.exists()


def test_the_codes_of_others_stay_good(person):
    _, others = enrolled(person.head)
    renew(person.client)
    assert second_factor.is_right(user=person.head, code=others[0])


def test_the_page_says_how_many_are_left_and_warns_of_few(person):
    said = "Few recovery codes are left"
    text = page(person.client, "own_settings")
    assert "<dt>Recovery codes left</dt><dd>10</dd>" in text
    assert "Authenticator set up" in text
    assert said not in text
    for code in person.codes[:7]:
        assert is_good(person, code)
    assert said in page(person.client, "own_settings")
    for code in person.codes[7:]:
        assert is_good(person, code)
    assert "No recovery code is left" in page(person.client, "own_settings")


def test_the_page_of_whoever_has_no_second_factor_leads_to_one(firm):
    text = page(signed_in(firm.viewer), "own_settings")
    assert f'href="{url("enrol_second_factor")}"' in text
    assert "Recovery codes left" not in text


def test_of_two_who_make_them_at_once_one_set_is_good(committing_firm):
    firm = committing_firm
    enrolled(firm.operator)

    def make():
        second_factor.renew_codes(user=firm.operator, actor=log.Actor())
        connection.close()

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert second_factor.codes_left(user=firm.operator) == second_factor.RECOVERY_CODES
